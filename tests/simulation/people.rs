//! Those who want something of the shop: what each does is drawn before it begins.

use std::collections::VecDeque;

use kernel::ports::{Principal, Role};

use crate::acts::{Act, After};
use crate::schedule::Schedule;
use crate::world::principal;

/// Somebody, and what they will still do.
pub struct Somebody {
    pub name: String,
    pub who: Principal,
    pub acts: VecDeque<Act>,
}

impl Somebody {
    pub fn is_staff(&self) -> bool {
        self.who.role == Role::Admin.word()
    }
}

/// The people of a seed, and whether all of it comes after the sale, as in every other one that may be
/// about that.
pub fn draw(schedule: &Schedule, products: usize, may_be_after: bool) -> (Vec<Somebody>, bool) {
    let is_after = schedule.draw(0..=1) == 1 && may_be_after;
    let people = if is_after { after(schedule, products) } else { sales(schedule, products) };
    (people, is_after)
}

/// A few shoppers, some of them with a second tab, and the staff.
fn sales(schedule: &Schedule, products: usize) -> Vec<Somebody> {
    let mut people = Vec::new();
    let mut keys = 0..;
    for n in 0..schedule.draw(1..=3) {
        let who = principal(Role::Customer);
        for tab in 0..schedule.one(&[1, 1, 2]) {
            let mut acts = VecDeque::new();
            for _ in 0..schedule.one(&[1, 1, 2]) {
                shop(schedule, products, &mut keys, &mut acts);
            }
            let name = format!("shopper {n} tab {tab}");
            people.push(Somebody { name, who: who.clone(), acts });
        }
    }
    let acts = (0..schedule.draw(2..=5)).map(|_| work(schedule, products, &mut keys)).collect();
    people.push(Somebody { name: "staff".to_owned(), who: principal(Role::Admin), acts });
    people
}

fn shop(
    schedule: &Schedule,
    products: usize,
    keys: &mut impl Iterator<Item = u32>,
    acts: &mut VecDeque<Act>,
) {
    for _ in 0..schedule.draw(1..=2) {
        let product = schedule.draw(0..=products - 1);
        acts.push_back(Act::Fill { product, units: schedule.draw(1..=3) });
    }
    if schedule.draw(0..=2) == 0 {
        acts.push_back(Act::Coupon);
    }
    let key = keys.next().unwrap_or_default();
    let card = schedule.one(&[0, 0, 0, 0, 1, 2, 2]);
    for _ in 0..schedule.one(&[1, 1, 2]) {
        acts.push_back(Act::Order { key, card });
    }
    if card == 2 && schedule.draw(0..=3) > 0 {
        acts.push_back(Act::Challenge { approve: schedule.draw(0..=2) > 0 });
    }
    if schedule.draw(0..=3) == 0 {
        acts.push_back(Act::Cancel);
    }
}

fn work(schedule: &Schedule, products: usize, keys: &mut impl Iterator<Item = u32>) -> Act {
    let product = schedule.draw(0..=products - 1);
    match schedule.draw(0..=9) {
        0..=2 => Act::Ship,
        3 => Act::StaffCancel,
        4 | 5 => Act::Refund { percent: schedule.one(&[30, 70, 100]) },
        6 | 7 => {
            let key = keys.next().unwrap_or_default();
            Act::Adjust { product, delta: schedule.one(&[-3, -1, 2, 4]), key }
        }
        8 => Act::Deliver,
        _ => Act::Reprice { product, cents: schedule.draw(100..=9_999) },
    }
}

/// One or two who buy something, and two of the staff who do not know of each other. What shoppers do after
/// the sale they do when somebody of the staff tells them to.
fn after(schedule: &Schedule, products: usize) -> Vec<Somebody> {
    let mut people = Vec::new();
    let mut keys = 0..;
    let mut key = || keys.next().unwrap_or_default();
    for n in 0..schedule.one(&[1, 1, 1, 2]) {
        let mut acts = VecDeque::new();
        for product in 0..schedule.draw(1..=2) {
            acts.push_back(Act::Fill { product: product + 1, units: schedule.draw(1..=3) });
        }
        acts.push_back(Act::Order { key: key(), card: 0 });
        let (name, who) = (format!("shopper {n}"), principal(Role::Customer));
        people.push(Somebody { name, who, acts });
    }
    let planned = plot(schedule, products);
    let others = (0..schedule.draw(1..=4)).map(|_| surprise(schedule, products)).collect();
    for (name, acts) in [("staff", planned), ("colleague", others)] {
        let acts = acts.into_iter().map(|what| Act::After { what, key: key() }).collect();
        people.push(Somebody { name: name.to_owned(), who: principal(Role::Admin), acts });
    }
    people
}

/// A carrier that tells what happens to a parcel twice, late and in any order.
pub fn carrier(schedule: &Schedule) -> Somebody {
    let mut acts = VecDeque::from([After::GoesOn, After::GoesOn]);
    for _ in 0..schedule.draw(2..=5) {
        acts.push_back(match schedule.draw(0..=3) {
            0 => After::GoesOn,
            _ => After::Tells { which: schedule.draw(0..=5) },
        });
    }
    let acts = acts.into_iter().map(|what| Act::After { what, key: 0 }).collect();
    Somebody { name: "carrier".to_owned(), who: principal(Role::Admin), acts }
}

/// What happens to an order, in an order in which it may go well.
fn plot(schedule: &Schedule, products: usize) -> Vec<After> {
    let next = || After::MoveReturn {
        accept: schedule.draw(0..=5) > 0,
        restock: schedule.draw(0..=1) == 0,
    };
    let (parcel, off) = (|| parcel(schedule), || off(schedule));
    let (back, amount) = (|| back(schedule), || amount(schedule));
    let edit = || edit(schedule, products);
    let confirm = || After::Confirm { approve: schedule.draw(0..=4) > 0 };
    match schedule.draw(0..=4) {
        0 => vec![parcel(), After::Deliver, back(), next(), back(), next(), next(), next()],
        1 => vec![After::Rest, After::Deliver, back(), next(), next(), next(), of_lines(schedule)],
        2 => vec![amount(), off(), parcel(), amount(), of_lines(schedule), off()],
        3 => vec![edit(), confirm(), edit(), confirm(), off(), amount()],
        _ => vec![edit(), confirm(), After::Rest, After::Deliver, back(), next(), next(), next()],
    }
}

/// Anything that may happen to an order.
fn surprise(schedule: &Schedule, products: usize) -> After {
    match schedule.draw(0..=11) {
        0 => After::Rest,
        1 => parcel(schedule),
        2 => off(schedule),
        3 | 4 => amount(schedule),
        5 => edit(schedule, products),
        6 => After::Lose,
        7 => After::Withdraw,
        8 => After::Cancel,
        9 => After::RefundPayment { percent: schedule.one(&[30, 100]) },
        10 => back(schedule),
        _ => After::MoveReturn { accept: true, restock: true },
    }
}

fn parcel(schedule: &Schedule) -> After {
    After::Parcel { line: schedule.draw(0..=1), units: schedule.draw(1..=2) }
}

fn off(schedule: &Schedule) -> After {
    After::CancelLines { line: schedule.draw(0..=1), units: schedule.draw(1..=2) }
}

fn back(schedule: &Schedule) -> After {
    After::AskBack { line: schedule.draw(0..=1), units: schedule.draw(1..=2) }
}

fn of_lines(schedule: &Schedule) -> After {
    After::RefundLines { line: schedule.draw(0..=1), units: schedule.draw(1..=2) }
}

fn amount(schedule: &Schedule) -> After {
    After::RefundAmount { percent: schedule.one(&[20, 50, 100]) }
}

fn edit(schedule: &Schedule, products: usize) -> After {
    After::Edit {
        line: schedule.draw(0..=1),
        units: schedule.draw(0..=4),
        add: (schedule.draw(0..=2) == 0).then(|| schedule.draw(0..=products - 1)),
        card: schedule.one(&[0, 0, 0, 1, 2, 2]),
    }
}
