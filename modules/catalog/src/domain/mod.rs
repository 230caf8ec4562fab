//! Products and the rules about them, without I/O.

mod content;
mod limits;
mod plan;
mod product;
mod row;

pub use content::{Content, check, normalize};
pub use limits::*;
pub(crate) use plan::{Plan, plan};
pub use product::{Change, NewProduct, Product, ProductInput, Status, change};
pub(crate) use row::{ImportRow, row};
pub use row::{LineError, parse_price};
