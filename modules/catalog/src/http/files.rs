//! Files on their way in and out, a piece at a time.

use std::io;

use actix_web::HttpRequest;
use actix_web::dev::Decompress;
use actix_web::web::{Bytes, Payload};
use futures_util::stream::unfold;
use futures_util::{Stream, StreamExt};
use kernel::problem::{Problem, code};
use platform::http::Failure;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::error::Error;

/// How much of a file is in memory at a time, in bytes.
const PIECE: usize = 1 << 16;

/// A body that is a file; `Content-Encoding: gzip` is understood.
pub(super) fn unpacked(
    request: &HttpRequest,
    payload: Payload,
) -> impl Stream<Item = Result<Bytes, Problem>> + Unpin {
    let cut = |error| {
        let detail = format!("The file ended too early or cannot be unpacked: {error}.");
        Problem::new(code::INVALID_REQUEST, detail)
    };
    Decompress::from_headers(payload, request.headers()).map(move |piece| piece.map_err(cut))
}

/// A whole file that is sent as a body, of at most so many bytes once it is unpacked.
pub(super) async fn whole(
    request: &HttpRequest,
    payload: Payload,
    bytes_max: usize,
) -> Result<Vec<u8>, Failure> {
    let mut body = unpacked(request, payload);
    let mut file = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece?;
        if file.len() + piece.len() > bytes_max {
            return Err(Error::FileTooLong { bytes_max: bytes_max as u64 }.into());
        }
        file.extend_from_slice(&piece);
    }
    Ok(file)
}

/// A file from where it stands to its end.
pub(super) fn pieces(file: File) -> impl Stream<Item = io::Result<Bytes>> {
    unfold(Some(file), |file| async {
        let mut file = file?;
        let mut piece = Vec::with_capacity(PIECE);
        match (&mut file).take(PIECE as u64).read_to_end(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(Bytes::from(piece)), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    })
}
