//! The words all modules share, and nothing that does I/O: ids, money, time, problems, pages, the
//! event envelope, the events, and the ports through which modules ask things of each other.

pub mod address;
pub mod card;
pub mod clock;
pub mod currency;
pub mod email;
pub mod event;
pub mod events;
pub mod id;
pub mod money;
pub mod page;
pub mod permission;
pub mod ports;
pub mod problem;

pub use address::Address;
pub use clock::{Clock, Timestamp};
pub use currency::Currency;
pub use email::email;
pub use event::{Envelope, Event};
pub use money::{Money, MoneyError};
pub use page::{Page, PageQuery};
pub use permission::{Permission, Permissions};
pub use problem::Problem;
