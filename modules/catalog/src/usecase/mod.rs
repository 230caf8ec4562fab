//! What can be done with the catalogue, one file each.

pub(crate) mod archive;
mod attributes;
mod categories;
mod collections;
pub(crate) mod create;
mod images;
pub(crate) mod import;
mod jobs;
pub(crate) mod list;
pub(crate) mod patch;
pub(crate) mod publish;
mod related;
pub(crate) mod update;

pub(crate) use attributes::definitions;
pub(crate) use categories::places;
