use std::io::Write;
use std::sync::OnceLock;

use actix_web::http::header::{
    self, AcceptEncoding, ContentEncoding, ETAG, Encoding, Header, HeaderValue,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

use super::{PUBLIC, knows};
use crate::cache::Weigh;

/// A body that is shorter is sent as it is: compressed it would hardly be smaller, in bytes.
const COMPRESSED_MIN: usize = 1_024;
/// How hard gzip tries, of 9; a body is compressed once and sent often.
const GZIP_LEVEL: u32 = 6;
/// How hard brotli tries, of 11; above, the time it takes grows faster than what it saves.
const BROTLI_QUALITY: u32 = 5;
/// How far brotli looks back, as a power of two.
const BROTLI_WINDOW: u32 = 20;
/// How many bytes of the hash of a body are its tag.
const TAG_BYTES: usize = 12;

/// A JSON body that is made once and answered often, with a strong ETag (RFC 9110, 8.8.3) of its
/// own for each coding. Each coding is made when it is first asked for.
#[derive(Debug)]
pub struct CachedBody {
    plain: Bytes,
    tag: String,
    /// The ETags of the body as it is, by gzip and by brotli.
    etags: [HeaderValue; 3],
    gzip: OnceLock<Option<Bytes>>,
    brotli: OnceLock<Option<Bytes>>,
}

impl Weigh for CachedBody {
    fn bytes(&self) -> usize {
        // Compressed twice it is about half as long again.
        self.plain.len() + self.plain.len() / 2 + self.tag.len()
    }
}

impl CachedBody {
    /// A body that is the same for everybody.
    pub fn new(json: Vec<u8>) -> Self {
        let tag = hex::encode(&Sha256::digest(&json)[..TAG_BYTES]);
        // A hex text is always a header's value.
        let etag = |end| HeaderValue::from_maybe_shared(Bytes::from(format!("\"{tag}{end}\"")));
        let etags = ["", "-g", "-b"].map(|end| etag(end).unwrap_or(HeaderValue::from_static("")));
        let (gzip, brotli) = (OnceLock::new(), OnceLock::new());
        Self { plain: json.into(), tag, etags, gzip, brotli }
    }

    /// The answer to a request: 304 if it knows the body, else the body as it accepts it.
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let (coding, body) = self.coded(request);
        let [plain, gzip, brotli] = &self.etags;
        let etag = match coding {
            ContentEncoding::Gzip => gzip,
            ContentEncoding::Brotli => brotli,
            _ => plain,
        };
        let known = knows(request, |tag| tag.split('-').next() == Some(&self.tag));
        let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header((ETAG, etag.clone()))
            .insert_header((header::CACHE_CONTROL, PUBLIC))
            .insert_header((header::VARY, HeaderValue::from_static("Accept-Encoding")));
        if known {
            return response.finish();
        }
        if coding != ContentEncoding::Identity {
            response.insert_header(coding);
        }
        let json = HeaderValue::from_static("application/json");
        response.insert_header((header::CONTENT_TYPE, json)).body(body)
    }

    fn coded(&self, request: &HttpRequest) -> (ContentEncoding, Bytes) {
        let plain = || (ContentEncoding::Identity, self.plain.clone());
        if self.plain.len() < COMPRESSED_MIN
            || !request.headers().contains_key(header::ACCEPT_ENCODING)
        {
            return plain();
        }
        let known = [Encoding::brotli(), Encoding::gzip(), Encoding::identity()];
        let accepted = AcceptEncoding::parse(request).ok();
        match accepted.and_then(|accepted| accepted.negotiate(known.iter())) {
            Some(Encoding::Known(ContentEncoding::Brotli)) => {
                let made = self.brotli.get_or_init(|| brotli(&self.plain).ok());
                made.clone().map_or_else(plain, |body| (ContentEncoding::Brotli, body))
            }
            Some(Encoding::Known(ContentEncoding::Gzip)) => {
                let made = self.gzip.get_or_init(|| gzip(&self.plain).ok());
                made.clone().map_or_else(plain, |body| (ContentEncoding::Gzip, body))
            }
            _ => plain(),
        }
    }
}

fn gzip(plain: &[u8]) -> std::io::Result<Bytes> {
    let level = flate2::Compression::new(GZIP_LEVEL);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(plain)?;
    Ok(encoder.finish()?.into())
}

fn brotli(plain: &[u8]) -> std::io::Result<Bytes> {
    let buffer = plain.len();
    let mut encoder =
        brotli::CompressorWriter::new(Vec::new(), buffer, BROTLI_QUALITY, BROTLI_WINDOW);
    encoder.write_all(plain)?;
    encoder.flush()?;
    Ok(encoder.into_inner().into())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use actix_web::body::MessageBody;
    use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, IF_NONE_MATCH};
    use actix_web::test::TestRequest;

    use super::*;

    fn body() -> CachedBody {
        let json = format!("[{}1]", "\"a text that comes again and again\",".repeat(100));
        CachedBody::new(json.into_bytes())
    }

    fn answered(body: &CachedBody, request: TestRequest) -> (u16, String, String, Vec<u8>) {
        let response = body.answer(&request.to_http_request());
        let header = |name| {
            let value = response.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        assert_eq!(header(header::VARY), "Accept-Encoding");
        assert_eq!(header(header::CACHE_CONTROL), "public");
        let (status, tag, coding) =
            (response.status().as_u16(), header(ETAG), header(CONTENT_ENCODING));
        let bytes = response.into_body().try_into_bytes().unwrap().to_vec();
        (status, tag, coding, bytes)
    }

    fn accepting(coding: &str) -> TestRequest {
        TestRequest::get().insert_header((ACCEPT_ENCODING, coding))
    }

    #[test]
    fn a_body_comes_as_the_client_accepts_it() {
        let body = body();
        let (status, plain_tag, coding, plain) = answered(&body, TestRequest::get());
        assert_eq!((status, coding.as_str()), (200, ""));
        let (_, gzip_tag, coding, bytes) = answered(&body, accepting("gzip"));
        assert_eq!(coding, "gzip");
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut read).unwrap();
        assert_eq!(read, plain);
        let (_, brotli_tag, coding, bytes) = answered(&body, accepting("gzip, deflate, br"));
        assert_eq!(coding, "br");
        let mut read = Vec::new();
        brotli::Decompressor::new(bytes.as_slice(), 4_096).read_to_end(&mut read).unwrap();
        assert_eq!(read, plain);
        assert!(bytes.len() * 4 < plain.len());
        assert!(plain_tag != gzip_tag && gzip_tag != brotli_tag);
        for plain_only in ["identity", "br;q=0, gzip;q=0", "zstd"] {
            assert_eq!(answered(&body, accepting(plain_only)).2, "", "{plain_only}");
        }
    }

    #[test]
    fn whoever_knows_the_body_gets_no_body() {
        let body = body();
        let (_, tag, _, _) = answered(&body, accepting("br"));
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let request = TestRequest::get().insert_header((IF_NONE_MATCH, known));
            let (status, _, _, bytes) = answered(&body, request);
            assert_eq!((status, bytes.len()), (304, 0));
        }
        let other = TestRequest::get().insert_header((IF_NONE_MATCH, "\"x\""));
        assert_eq!(answered(&body, other).0, 200);
    }
}
