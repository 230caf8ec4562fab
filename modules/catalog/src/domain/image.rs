use kernel::Timestamp;
use kernel::id::ImageId;
use kernel::problem::FieldError;
use serde::{Deserialize, Serialize};

use super::ALT_MAX;

/// Where the addresses of uploaded images begin.
const PLACE: &str = "/media/";
/// How many hexadecimal digits a SHA-256 has.
const SHA256_DIGITS: usize = 64;

/// What an image is encoded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageType {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
    /// GIF.
    Gif,
}

impl ImageType {
    /// The type that the first bytes of a file tell. SVG is none of them: it can hold scripts.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match image::guess_format(bytes).ok()? {
            image::ImageFormat::Jpeg => Some(Self::Jpeg),
            image::ImageFormat::Png => Some(Self::Png),
            image::ImageFormat::WebP => Some(Self::Webp),
            image::ImageFormat::Gif => Some(Self::Gif),
            _ => None,
        }
    }

    /// The word it is stored as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
        }
    }

    /// The type of a stored word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Jpeg, Self::Png, Self::Webp, Self::Gif].into_iter().find(|kind| kind.word() == word)
    }

    /// How names of its files end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            other => other.word(),
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }
}

/// An image in a smaller size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Its encoding.
    pub kind: ImageType,
}

impl Variant {
    /// The name of its file.
    pub fn file(&self) -> String {
        format!("{}.{}", self.width, self.kind.extension())
    }
}

/// An uploaded image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The image.
    pub id: ImageId,
    /// SHA-256 of the upload, in hexadecimal digits.
    pub sha256: String,
    /// The encoding of the upload.
    pub kind: ImageType,
    /// In pixels, as it is to be seen.
    pub width: u32,
    /// In pixels, as it is to be seen.
    pub height: u32,
    /// The length of the upload, without its metadata.
    pub bytes: i64,
    /// What is said where it cannot be seen; may be empty.
    pub alt: String,
    /// Smaller ones, the smallest first.
    pub variants: Vec<Variant>,
    /// 1 when uploaded, one more with each change.
    pub version: i64,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Image {
    /// The name of the file that holds the upload.
    pub fn file(&self) -> String {
        format!("original.{}", self.kind.extension())
    }

    /// The address of one of its files.
    pub fn address(&self, file: &str) -> String {
        format!("{PLACE}{}/{file}", self.sha256)
    }

    /// The encoding of the file of this name, if it has one.
    pub fn kind_of(&self, file: &str) -> Option<ImageType> {
        if file == self.file() {
            return Some(self.kind);
        }
        self.variants.iter().find(|variant| variant.file() == file).map(|variant| variant.kind)
    }
}

/// The SHA-256 of the uploaded image at an address, if it is such an address.
pub fn uploaded(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once(PLACE)?;
    let (sha256, _) = rest.split_once('/')?;
    is_sha256(sha256).then_some(sha256)
}

/// Whether a text is a SHA-256 as images are known by.
pub fn is_sha256(text: &str) -> bool {
    text.len() == SHA256_DIGITS
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The sizes, in pixels, of the smaller images of one: of the widths that are wanted those it is
/// wider than, the smallest first.
pub fn smaller(width: u32, height: u32, wanted: &[u32]) -> Vec<(u32, u32)> {
    let mut widths: Vec<u32> =
        wanted.iter().copied().filter(|wanted| (1..width).contains(wanted)).collect();
    widths.sort_unstable();
    widths.dedup();
    let scaled = |to: u32| {
        let (to, from) = (u64::from(to), u64::from(width));
        u32::try_from((u64::from(height) * to + from / 2) / from).unwrap_or(u32::MAX).max(1)
    };
    widths.into_iter().map(|to| (to, scaled(to))).collect()
}

/// What is wrong with an alternative text.
pub fn check_alt(alt: &str) -> Vec<FieldError> {
    let is_allowed = alt.chars().count() <= ALT_MAX && !alt.contains('\0');
    let error = || FieldError {
        field: "alt".to_owned(),
        message: format!("must be at most {ALT_MAX} characters"),
    };
    if is_allowed { Vec::new() } else { vec![error()] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_addresses_of_uploads_are_theirs() {
        let sha256 = "0123456789abcdef".repeat(4);
        assert_eq!(uploaded(&format!("/media/{sha256}/160.jpg")), Some(sha256.as_str()));
        assert_eq!(uploaded(&format!("https://a.example/media/{sha256}/x")), Some(sha256.as_str()));
        for other in ["images/lamp.jpg", "/media/", "/media/abc/160.jpg", "/media/../../etc/passwd"]
        {
            assert_eq!(uploaded(other), None, "{other}");
        }
        assert_eq!(uploaded(&format!("/media/{}/160.jpg", sha256.to_uppercase())), None);
        assert_eq!(uploaded(&format!("/media/{sha256}")), None);
    }

    #[test]
    fn what_can_run_is_no_image() {
        for bytes in [&b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"[..], b"<html>", b"", b"%PDF"]
        {
            assert_eq!(ImageType::sniff(bytes), None);
        }
        assert_eq!(ImageType::sniff(b"GIF89a"), Some(ImageType::Gif));
    }

    proptest! {
        #[test]
        fn smaller_images_are_smaller_and_keep_the_shape(
            width in 1_u32..20_000,
            height in 1_u32..20_000,
            wanted in proptest::collection::vec(0_u32..3_000, 0..8),
        ) {
            let sizes = smaller(width, height, &wanted);
            prop_assert!(sizes.is_sorted_by(|a, b| a.0 < b.0));
            for wanted in &wanted {
                let is_there = sizes.iter().any(|size| size.0 == *wanted);
                prop_assert_eq!(is_there, *wanted > 0 && *wanted < width);
            }
            for (w, h) in sizes {
                prop_assert!(w < width && h >= 1 && h <= height);
                let exact = f64::from(height) * f64::from(w) / f64::from(width);
                prop_assert!((f64::from(h) - exact).abs() <= 0.5 || h == 1);
            }
        }
    }
}
