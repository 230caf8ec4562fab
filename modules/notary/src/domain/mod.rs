//! The log as a structure: a Merkle tree in tiles, and checkpoints signed over it.

mod agreement;
pub(crate) mod checkpoint;
pub(crate) mod cosignature;
pub(crate) mod edge;
pub(crate) mod leaf;
pub(crate) mod merkle;
pub(crate) mod note;
pub(crate) mod receipt;
pub(crate) mod tile;
