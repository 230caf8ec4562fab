//! The request that caused what is happening: carried into events, sagas and logs.

use std::sync::Arc;

tokio::task_local! {
    static TRACE: Arc<str>;
}

/// Runs `work` on behalf of a request.
pub async fn within<T>(trace: impl Into<Arc<str>>, work: impl Future<Output = T>) -> T {
    TRACE.scope(trace.into(), work).await
}

/// The request on whose behalf this runs; empty for work of the house itself.
pub fn current() -> String {
    TRACE.try_with(|trace| trace.as_ref().to_owned()).unwrap_or_default()
}
