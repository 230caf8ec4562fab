//! Why the catalogue refuses.

use kernel::problem::FieldError;
use platform::sql;

use crate::domain::LineError;
use crate::search::SearchError;

/// Why the catalogue did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields have values that are not allowed; nothing was written.
    #[error("{} fields are not allowed", .0.len())]
    Invalid(Vec<FieldError>),
    /// Lines of a file are not allowed; nothing was written.
    #[error("{} lines are not allowed", .0.len())]
    Lines(Vec<LineError>),
    /// There is no such product.
    #[error("there is no such product")]
    NotFound,
    /// Another product has the SKU.
    #[error("the sku {0:?} belongs to another product")]
    SkuTaken(String),
    /// Another product has the slug, or had it.
    #[error("the slug {0:?} belongs to another product, or did")]
    SlugTaken(String),
    /// Something else has the code.
    #[error("the code {0:?} is in use")]
    CodeTaken(String),
    /// Something depends on it.
    #[error("it is in use: {0}")]
    InUse(&'static str),
    /// The product was changed since the caller read it.
    #[error("the product is at version {current} now")]
    Stale {
        /// The product's version now.
        current: i64,
    },
    /// There is no such thing.
    #[error("there is no such {0}")]
    Absent(&'static str),
    /// A product names the image.
    #[error("the product {sku:?} names the image")]
    ImageUsed {
        /// The product's SKU.
        sku: String,
    },
    /// The file to import is longer than allowed.
    #[error("the file is longer than {bytes_max} bytes")]
    FileTooLong {
        /// How long it may be.
        bytes_max: u64,
    },
    /// As many imports as may wait do.
    #[error("{open_max} imports wait or run already")]
    ImportsWait {
        /// How many may.
        open_max: i64,
    },
    /// The import has ended.
    #[error("the import is over")]
    ImportOver,
    /// Too much of this kind is being done already.
    #[error("too much of this is being done already")]
    Busy,
    /// This catalogue was opened without a folder for files.
    #[error("the catalogue has no folder for files")]
    NoFolder,
    /// A file could not be read or written.
    #[error("a file of the catalogue: {0}")]
    Folder(#[source] std::io::Error),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] sql::Error),
    /// The search index failed.
    #[error(transparent)]
    Search(#[from] SearchError),
}

impl Error {
    /// One field has a value that is not allowed.
    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }
}

/// The result of asking the catalogue for something.
pub type Result<T> = std::result::Result<T, Error>;
