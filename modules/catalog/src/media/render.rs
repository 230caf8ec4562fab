//! Reads an image and makes smaller ones of it.

use std::io::Cursor;

use fast_image_resize::Resizer;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageEncoder, ImageError, ImageReader, Limits};

use super::Settings;
use super::metadata::without_metadata;
use crate::domain::{ImageType, Variant, smaller};
use crate::error::{Error, Result};

/// The quality of smaller images that are JPEG: 0 to 100.
const QUALITY: u8 = 82;
/// How much memory reading an image may take, in bytes a pixel: 16 bits in each of 4 channels.
const BYTES_PER_PIXEL_MAX: u64 = 8;
/// Where an ICC profile says which colours it is about (ICC.1:2022, 7.2.6).
const ICC_COLOURS: std::ops::Range<usize> = 16..20;

/// An image that was read, with its smaller ones.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub kind: ImageType,
    /// In pixels, as it is to be seen.
    pub width: u32,
    pub height: u32,
    /// The upload without what was written beside the picture.
    pub original: Vec<u8>,
    /// The smaller ones, encoded.
    pub variants: Vec<(Variant, Vec<u8>)>,
}

impl Rendered {
    /// The name of the file that holds the upload.
    pub(crate) fn file(&self) -> String {
        format!("original.{}", self.kind.extension())
    }
}

/// Reads an image; of one that moves, the first frame. The smaller ones are turned as the camera
/// was held and keep nothing of the upload but its picture and what its colours mean.
pub(crate) fn render(bytes: &[u8], settings: &Settings) -> Result<Rendered> {
    let refuse = |message: String| Error::invalid("file", message);
    let kind = ImageType::sniff(bytes)
        .ok_or_else(|| refuse("must be a JPEG, PNG, WebP or GIF image".to_owned()))?;
    let (picture, colours, orientation) = decode(bytes, kind, settings.pixels_max)?;
    let original = without_metadata(bytes, kind, orientation)
        .ok_or_else(|| refuse("is broken: its parts cannot be told from each other".to_owned()))?;
    let (width, height) = (picture.width(), picture.height());
    let mut resizer = Resizer::new();
    let mut variants = Vec::new();
    for (to_width, to_height) in smaller(width, height, &settings.widths) {
        let mut small = DynamicImage::new(to_width, to_height, picture.color());
        resizer
            .resize(&picture, &mut small, None)
            .map_err(|error| refuse(format!("cannot be made smaller: {error}")))?;
        let (kind, bytes) = encode(small, colours.as_deref())
            .map_err(|error| refuse(format!("cannot be made smaller: {error}")))?;
        variants.push((Variant { width: to_width, height: to_height, kind }, bytes));
    }
    Ok(Rendered { kind, width, height, original, variants })
}

/// The picture with 8 bits a channel as it is to be seen, the meaning of its colours when it has
/// one of its own, and how the camera was held.
fn decode(
    bytes: &[u8],
    kind: ImageType,
    pixels_max: u64,
) -> Result<(DynamicImage, Option<Vec<u8>>, Orientation)> {
    let broken = |error: ImageError| match error {
        ImageError::Limits(_) => Error::invalid("file", "takes too much memory to read"),
        error => Error::invalid("file", format!("is broken: {error}")),
    };
    let mut limits = Limits::default();
    limits.max_alloc = Some(pixels_max.saturating_mul(BYTES_PER_PIXEL_MAX));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format(kind));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > pixels_max {
        let message = format!("is {width} x {height} pixels, must have at most {pixels_max}");
        return Err(Error::invalid("file", message));
    }
    let orientation = decoder.orientation().map_err(broken)?;
    let colours = decoder.icc_profile().map_err(broken)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    picture.apply_orientation(orientation);
    let picture = if picture.color().has_alpha() {
        DynamicImage::from(picture.into_rgba8())
    } else {
        DynamicImage::from(picture.into_rgb8())
    };
    let is_rgb = |profile: &Vec<u8>| profile.get(ICC_COLOURS) == Some(&b"RGB "[..]);
    Ok((picture, colours.filter(is_rgb), orientation))
}

const fn format(kind: ImageType) -> image::ImageFormat {
    match kind {
        ImageType::Jpeg => image::ImageFormat::Jpeg,
        ImageType::Png => image::ImageFormat::Png,
        ImageType::Webp => image::ImageFormat::WebP,
        ImageType::Gif => image::ImageFormat::Gif,
    }
}

/// PNG when something shines through, JPEG otherwise.
fn encode(
    picture: DynamicImage,
    colours: Option<&[u8]>,
) -> std::result::Result<(ImageType, Vec<u8>), ImageError> {
    let mut bytes = Vec::new();
    let shines_through = match &picture {
        DynamicImage::ImageRgba8(picture) => picture.pixels().any(|pixel| pixel.0[3] < u8::MAX),
        _ => false,
    };
    if shines_through {
        let mut encoder = PngEncoder::new(&mut bytes);
        keep_colours(&mut encoder, colours);
        picture.write_with_encoder(encoder)?;
        return Ok((ImageType::Png, bytes));
    }
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    keep_colours(&mut encoder, colours);
    DynamicImage::from(picture.into_rgb8()).write_with_encoder(encoder)?;
    Ok((ImageType::Jpeg, bytes))
}

fn keep_colours(encoder: &mut impl ImageEncoder, colours: Option<&[u8]>) {
    if let Some(colours) = colours
        && let Err(error) = encoder.set_icc_profile(colours.to_owned())
    {
        tracing::debug!(%error, "a smaller image is without the profile of its colours");
    }
}
