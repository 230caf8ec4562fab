//! What can be done with the catalogue, one file each.

pub(crate) mod archive;
mod attributes;
mod bulk;
pub(crate) mod bundles;
mod categories;
mod collections;
pub(crate) mod create;
mod images;
pub(crate) mod import;
mod import_relations;
mod jobs;
pub(crate) mod list;
mod listed;
mod markets;
mod offers;
pub(crate) mod patch;
mod popularity;
mod price_files;
mod price_lists;
pub(crate) mod pricing;
pub(crate) mod publish;
mod related;
pub(crate) mod searches;
pub(crate) mod shown;
mod synonyms;
pub(crate) mod update;

pub(crate) use attributes::definitions;
pub use bulk::{BulkItem, BulkStatus};
pub(crate) use categories::places;
pub use listed::{Derivation, Put};
pub use price_files::PricesImported;
