//! Takes out of an image what a camera or a program wrote beside the picture: where it was taken,
//! with what and by whom. The encoded picture is not touched, so no pixel changes; what its colours
//! mean stays, and how the camera was held.

use image::metadata::Orientation;

use crate::domain::ImageType;

/// The image without its metadata; none when its parts cannot be told from each other.
pub(crate) fn without_metadata(
    bytes: &[u8],
    kind: ImageType,
    orientation: Orientation,
) -> Option<Vec<u8>> {
    let held = (orientation != Orientation::NoTransforms).then(|| exif(orientation));
    match kind {
        ImageType::Jpeg => jpeg(bytes, held.as_deref()),
        ImageType::Png => png(bytes, held.as_deref()),
        ImageType::Webp => webp(bytes, held.as_deref()),
        ImageType::Gif => Some(bytes.to_vec()),
    }
}

/// Exif (CIPA DC-008) that says how the camera was held and nothing else: a TIFF header and a
/// directory with the tag 0x0112, one SHORT.
fn exif(orientation: Orientation) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.push(orientation.to_exif());
    exif.extend([0; 6]);
    exif
}

/// What a JPEG segment of Exif begins with.
const EXIF_NAME: &[u8] = b"Exif\0\0";
/// What a JPEG segment with a part of an ICC profile begins with (ICC.1:2022, B.4).
const ICC_NAME: &[u8] = b"ICC_PROFILE\0";
/// How a marker of JPEG begins, and some that follow (ITU-T T.81, table B.1).
const MARK: u8 = 0xFF;
const START_OF_IMAGE: u8 = 0xD8;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;
const APP0: u8 = 0xE0;
const APP15: u8 = 0xEF;
const COMMENT: u8 = 0xFE;

/// What is behind the end of the image is left out too.
fn jpeg(bytes: &[u8], held: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut rest = bytes.strip_prefix(&[MARK, START_OF_IMAGE])?;
    let mut kept = vec![MARK, START_OF_IMAGE];
    let mut held = held;
    while let Some((&[mark, kind], _)) = rest.split_first_chunk() {
        if mark != MARK {
            return None;
        }
        // The segment of JFIF is always the first.
        if kind != APP0
            && let Some(exif) = held.take()
        {
            let length = u16::try_from(2 + EXIF_NAME.len() + exif.len()).ok()?;
            kept.extend([MARK, APP0 + 1]);
            kept.extend(length.to_be_bytes());
            kept.extend([EXIF_NAME, exif].concat());
        }
        match kind {
            MARK => rest = &rest[1..],
            END_OF_IMAGE => {
                kept.extend([MARK, END_OF_IMAGE]);
                break;
            }
            _ => {
                let length: [u8; 2] = rest.get(2..4)?.try_into().ok()?;
                let (segment, after) = rest.split_at_checked(2 + length_of(length)?)?;
                if is_picture(kind, segment.get(4..)?) {
                    kept.extend(segment);
                }
                let scan = if kind == START_OF_SCAN { scan_length(after) } else { 0 };
                kept.extend(&after[..scan]);
                rest = &after[scan..];
            }
        }
    }
    Some(kept)
}

/// A segment counts its own length.
fn length_of(written: [u8; 2]) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(written))).filter(|length| *length >= 2)
}

/// Whether a segment of JPEG is needed to show it as it was meant.
fn is_picture(kind: u8, content: &[u8]) -> bool {
    match kind {
        APP0 => content.starts_with(b"JFIF\0"),
        0xE2 => content.starts_with(ICC_NAME),
        0xEE => content.starts_with(b"Adobe"),
        COMMENT => false,
        kind => !(APP0..=APP15).contains(&kind),
    }
}

/// How long the data of a scan is: up to a marker that is neither a stuffed byte nor a restart.
fn scan_length(data: &[u8]) -> usize {
    let ends = |pair: &[u8]| pair[0] == MARK && !matches!(pair[1], 0 | 0xD0..=0xD7 | MARK);
    data.windows(2).position(ends).unwrap_or(data.len())
}

const PNG_NAME: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The chunks of a PNG that are its picture, what its colours mean and how it moves (PNG, third
/// edition, 11).
const PNG_KEPT: [&[u8; 4]; 19] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB",
    b"cICP", b"mDCV", b"cLLI", b"bKGD", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT",
];

fn png(bytes: &[u8], held: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut rest = bytes.strip_prefix(PNG_NAME)?;
    let mut kept = PNG_NAME.to_vec();
    while let Some((head, _)) = rest.split_first_chunk::<8>() {
        let (length, name) = head.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (chunk, after) = rest.split_at_checked(length.checked_add(12)?)?;
        rest = after;
        if !PNG_KEPT.iter().any(|kept| *kept == name) {
            continue;
        }
        kept.extend(chunk);
        if name == b"IHDR"
            && let Some(exif) = held
        {
            let body = [b"eXIf", exif].concat();
            kept.extend(u32::try_from(exif.len()).ok()?.to_be_bytes());
            kept.extend(&body);
            kept.extend(crc32(&body).to_be_bytes());
        }
        if name == b"IEND" {
            break;
        }
    }
    Some(kept)
}

/// The check sum of a PNG chunk (PNG, third edition, 5.5).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// The chunks of a WebP file that are its picture, what its colours mean and how it moves
/// (RFC 9649, 2).
const WEBP_KEPT: [&[u8; 4]; 7] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];
/// Where an extended WebP file says what is in it, and what it says of metadata.
const WEBP_FLAGS: usize = 8;
const WEBP_HAS_EXIF: u8 = 0x08;
const WEBP_HAS_XMP: u8 = 0x04;

fn webp(bytes: &[u8], held: Option<&[u8]>) -> Option<Vec<u8>> {
    let body = bytes.strip_prefix(b"RIFF")?;
    let (length, body) = body.split_first_chunk::<4>()?;
    let body = body.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let mut rest = body.strip_prefix(b"WEBP")?;
    let mut kept = b"WEBP".to_vec();
    while let Some((name, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*after.first_chunk()?);
        let length = usize::try_from(length).ok()?;
        let padded = length.checked_add(8 + length % 2)?.min(rest.len());
        let (chunk, after) = rest.split_at_checked(padded)?;
        rest = after;
        if !WEBP_KEPT.contains(&name) {
            continue;
        }
        let begins = kept.len();
        kept.extend(chunk);
        if name == b"VP8X" {
            let flags = kept.get_mut(begins + WEBP_FLAGS)?;
            *flags &= !(WEBP_HAS_EXIF | WEBP_HAS_XMP);
            *flags |= if held.is_some() { WEBP_HAS_EXIF } else { 0 };
        }
    }
    if let Some(exif) = held {
        kept.extend(b"EXIF");
        kept.extend(u32::try_from(exif.len()).ok()?.to_le_bytes());
        kept.extend(exif);
    }
    let length = u32::try_from(kept.len()).ok()?;
    Some([b"RIFF", &length.to_le_bytes()[..], &kept].concat())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Rgb, RgbImage};
    use proptest::prelude::*;

    use super::*;

    const SECRET: &[u8] = b"SECRET PLACE";
    const TURNED: Orientation = Orientation::Rotate90;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let shade = |by: u32| u8::try_from(by).unwrap();
        let picture = RgbImage::from_fn(20, 10, |x, y| Rgb([shade(x * 12), shade(y * 25), 90]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn decoded(bytes: &[u8]) -> (Orientation, Option<Vec<u8>>, DynamicImage) {
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap();
        let mut decoder = reader.into_decoder().unwrap();
        let (orientation, colours) =
            (decoder.orientation().unwrap(), decoder.icc_profile().unwrap());
        (orientation, colours, DynamicImage::from_decoder(decoder).unwrap())
    }

    /// Exif with more than how the camera was held.
    fn telling() -> Vec<u8> {
        [&exif(TURNED), SECRET].concat()
    }

    fn segment(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
        [&[MARK, kind], &length[..], content].concat()
    }

    fn chunk(name: &[u8], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        let body = [name, content].concat();
        [&length[..], &body, &crc32(&body).to_be_bytes()].concat()
    }

    fn part(name: &[u8], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        let pad = vec![0; content.len() % 2];
        [name, &length[..], content, &pad].concat()
    }

    fn jpeg_with_metadata() -> Vec<u8> {
        let plain = encoded(ImageFormat::Jpeg);
        let (before, scan) = plain.split_at(plain.len() - 2);
        let icc = [ICC_NAME, b"\x01\x01colours"].concat();
        let more = [
            segment(0xE1, &[EXIF_NAME, &telling()].concat()),
            segment(0xE1, &[b"http://ns.adobe.com/xap/1.0/\0", SECRET].concat()),
            segment(0xE2, &icc),
            segment(0xED, SECRET),
            segment(COMMENT, SECRET),
        ];
        // Behind the last scan, too, and behind the end of the image.
        [&before[..2], &more.concat(), &before[2..], &segment(COMMENT, SECRET), scan, SECRET]
            .concat()
    }

    fn png_with_metadata() -> Vec<u8> {
        let plain = encoded(ImageFormat::Png);
        let (head, rest) = plain.split_at(PNG_NAME.len() + 25);
        let text = chunk(b"tEXt", &[b"Comment\0", SECRET].concat());
        [head, &chunk(b"eXIf", &telling()), &text, rest, SECRET].concat()
    }

    fn webp_with_metadata() -> Vec<u8> {
        let plain = encoded(ImageFormat::WebP);
        let extended = part(b"VP8X", &[WEBP_HAS_EXIF | WEBP_HAS_XMP, 0, 0, 0, 19, 0, 0, 9, 0, 0]);
        let more = [part(b"EXIF", &telling()), part(b"XMP ", SECRET)].concat();
        let body = [b"WEBP", &extended[..], &plain[12..], &more].concat();
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [b"RIFF", &length[..], &body, SECRET].concat()
    }

    #[test]
    fn nothing_but_the_picture_is_left_and_no_pixel_changes() {
        let images = [
            (ImageType::Jpeg, jpeg_with_metadata()),
            (ImageType::Png, png_with_metadata()),
            (ImageType::Webp, webp_with_metadata()),
        ];
        for (kind, bytes) in images {
            let (held, colours, picture) = decoded(&bytes);
            assert_eq!(held, TURNED, "{kind:?}");
            let bare = without_metadata(&bytes, kind, held).unwrap();
            assert!(!bare.windows(SECRET.len()).any(|window| window == SECRET), "{kind:?}");
            assert_eq!(decoded(&bare), (held, colours, picture), "{kind:?}");
            assert_eq!(without_metadata(&bare, kind, held).unwrap(), bare, "{kind:?}");
        }
        assert!(decoded(&jpeg_with_metadata()).1.is_some(), "the colours mean something");
    }

    #[test]
    fn what_has_no_metadata_stays_byte_by_byte() {
        for (kind, format) in [
            (ImageType::Jpeg, ImageFormat::Jpeg),
            (ImageType::Png, ImageFormat::Png),
            (ImageType::Webp, ImageFormat::WebP),
            (ImageType::Gif, ImageFormat::Gif),
        ] {
            let bytes = encoded(format);
            assert_eq!(without_metadata(&bytes, kind, Orientation::NoTransforms), Some(bytes));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(at in 0_usize..2_000, byte: u8, cut in 0_usize..2_000) {
            let images = [
                (ImageType::Jpeg, jpeg_with_metadata()),
                (ImageType::Png, png_with_metadata()),
                (ImageType::Webp, webp_with_metadata()),
            ];
            for (kind, mut bytes) in images {
                let at = at % bytes.len();
                bytes[at] = byte;
                bytes.truncate(bytes.len() - cut % bytes.len());
                without_metadata(&bytes, kind, TURNED);
            }
        }
    }
}
