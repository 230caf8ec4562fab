//! The tables of stock, as functions over a unit of work.

mod books;
pub(crate) mod location;
mod movement;
mod reservation;
mod stock;

use platform::sql::Sql;

pub(crate) use books::{
    alerts_untold, held_off, journal_off, locations_untold, order_off, over_limit, untold,
};
pub(crate) use movement::{Cause, Kind, Moved, MovementRow, movements, newest, record};
pub(crate) use reservation::{
    add_lines, added, commit, count_parts, due, end, expire, extend, find, find_in, hold, holds,
    is_change, lock, note_change, parts, save_lines, set_state, ship, state, tombstone,
};
pub use stock::STOCK;
pub(crate) use stock::{
    Opened, Shift, adjust, at, at_location, limit, list, locations, open, open_all_elsewhere,
    open_elsewhere, shelves, shelves_in, shift, take_out, turn, turning,
};

/// The statements of this module.
pub(crate) const STATEMENTS: &[&[(&str, Sql)]] = &[
    books::STATEMENTS,
    location::STATEMENTS,
    movement::STATEMENTS,
    reservation::STATEMENTS,
    stock::STATEMENTS,
];
