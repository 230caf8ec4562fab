//! The tables of stock, as functions over a unit of work.

mod backorder;
mod books;
pub(crate) mod location;
mod movement;
mod reservation;
mod shelf;
mod stock;

use platform::sql::Sql;

pub(crate) use backorder::{
    end_preorder, ending, promised, set_covered, set_policy, told, waiting,
};
pub(crate) use books::{
    alerts_untold, held_off, journal_off, locations_untold, order_off, over_limit, owed_off, untold,
};
pub(crate) use movement::{Cause, Kind, Moved, MovementRow, movements, newest, record};
pub(crate) use reservation::{
    add_lines, added, commit, count_parts, due, end, expire, extend, find, find_in, hold, holds,
    is_change, lock, note_change, parts, save_lines, set_state, ship, state, tombstone,
};
pub(crate) use shelf::{lock_shelves, shelves};
pub use stock::STOCK;
pub(crate) use stock::{
    Opened, Shift, adjust, at, at_location, limit, list, locations, open, open_all_elsewhere,
    open_elsewhere, shift, take_out, turn, turning,
};

/// The statements of this module.
pub(crate) const STATEMENTS: &[&[(&str, Sql)]] = &[
    backorder::STATEMENTS,
    books::STATEMENTS,
    location::STATEMENTS,
    movement::STATEMENTS,
    reservation::STATEMENTS,
    shelf::STATEMENTS,
    stock::STATEMENTS,
];
