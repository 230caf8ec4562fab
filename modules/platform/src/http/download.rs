use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Bytes;
use futures_util::stream::unfold;

use crate::sql;

/// A file of this kind and name that is sent as it is made: each call of `next` makes a piece, and none
/// is the end. When that fails the answer ends too early, which its client sees.
pub fn download<M: 'static>(
    kind: &'static str,
    name: &str,
    made_from: M,
    next: impl AsyncFn(&mut M) -> sql::Result<Option<Vec<u8>>> + 'static,
) -> HttpResponse {
    let pieces = unfold(Some((made_from, next)), |state| async {
        let (mut made_from, next) = state?;
        match next(&mut made_from).await {
            Ok(Some(piece)) => Some((Ok(Bytes::from(piece)), Some((made_from, next)))),
            Ok(None) => None,
            Err(error) => {
                tracing::error!(%error, "a file ended too early");
                Some((Err(error), None))
            }
        }
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(Box::pin(pieces))
}
