//! The request that caused what is happening: carried into events, sagas and logs.

tokio::task_local! {
    static TRACE: String;
}

/// Runs `work` on behalf of a request.
pub async fn within<T>(trace: String, work: impl Future<Output = T>) -> T {
    TRACE.scope(trace, work).await
}

/// The request on whose behalf this runs; empty for work of the house itself.
pub fn current() -> String {
    TRACE.try_with(Clone::clone).unwrap_or_default()
}
