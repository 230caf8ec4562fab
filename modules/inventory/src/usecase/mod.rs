//! What can be done with stock, one file each.

mod adjust;
mod cover;
mod expire;
mod keep;
mod limit;
mod locations;
mod low;
mod more;
mod open;
mod part;
mod policy;
mod promise;
mod release;
mod reserve;
mod shift;
mod ship;

use std::collections::BTreeMap;

use platform::guard::Changed;
use platform::sql::{Error, Result};

use crate::domain::Line;

pub use adjust::Adjusted;
pub(crate) use adjust::adjust;
pub(crate) use expire::sweep;
pub(crate) use keep::{commit, extend};
pub(crate) use limit::limit;
pub(crate) use locations::{create, prepare, replace};
pub(crate) use low::warn;
pub(crate) use more::{reserve_more, take_back_more};
pub(crate) use open::open;
pub(crate) use part::{change, release_part_in, ship_part_in, take_back_in};
pub(crate) use policy::{end_preorders, set_policy};
pub(crate) use release::{release, release_in};
pub(crate) use reserve::reserve;
pub(crate) use shift::{count, transfer};
pub(crate) use ship::ship;

/// Each line with what its change left of the stock. A line without one is a mistake in the books.
fn pair<'a>(lines: &'a [Line], changed: &'a [Changed]) -> Result<Vec<(&'a Line, &'a Changed)>> {
    let by_key: BTreeMap<&str, &Changed> =
        changed.iter().map(|row| (row.key.as_str(), row)).collect();
    lines
        .iter()
        .map(|line| match by_key.get(line.stock_id.to_string().as_str()) {
            Some(row) => Ok((line, *row)),
            None => Err(not_held(line)),
        })
        .collect()
}

fn not_held(line: &Line) -> Error {
    let Line { stock_id, quantity, .. } = line;
    Error::Inconsistent(format!("stock {stock_id}: {quantity} units are not promised"))
}
