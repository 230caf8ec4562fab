//! Why a run could not be made.

/// The result of a step of the run.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file, a process or a socket.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The connection broke, or the answer was no HTTP.
    #[error("http: {0}")]
    Http(#[from] hyper::Error),
    /// A request could not be written down.
    #[error("request: {0}")]
    Request(#[from] hyper::http::Error),
    /// The answer was no JSON, or lacks what the contract promises.
    #[error("answer: {0}")]
    Json(#[from] serde_json::Error),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Timeout(std::time::Duration),
    /// The shop refused what the run needs before its clock starts.
    #[error("{method} {path} was answered {status}: {body}")]
    Refused {
        /// The method.
        method: &'static str,
        /// The path.
        path: String,
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The shop did not do what the run needs; with what it said last.
    #[error("{source}\nThe server's last words:\n{log}")]
    Shop {
        /// What went wrong.
        source: Box<Error>,
        /// The end of its log.
        log: String,
    },
    /// What the run needs is missing.
    #[error("{0}")]
    Setup(String),
    /// The run was made and does not count.
    #[error("{0}")]
    Fault(String),
}
