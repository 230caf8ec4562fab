//! Products and the rules about them, without I/O.

mod content;
mod image;
mod limits;
mod plan;
mod product;
mod row;

pub use content::{Content, check, normalize};
pub use image::{Image, ImageType, Variant, check_alt, is_sha256, smaller, uploaded};
pub use limits::*;
pub(crate) use plan::{Plan, plan};
pub use product::{Change, NewProduct, Product, ProductInput, Status, change};
pub(crate) use row::{ImportRow, row};
pub use row::{LineError, parse_price};
