//! Files on their way out, a piece at a time.

use std::io;

use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// How much of a file is in memory at a time, in bytes.
const PIECE: usize = 1 << 16;

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
