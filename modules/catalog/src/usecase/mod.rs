//! What can be done with the catalogue, one file each.

pub(crate) mod archive;
pub(crate) mod create;
mod images;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod update;
