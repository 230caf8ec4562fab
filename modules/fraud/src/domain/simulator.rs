//! Card payments that are made up: the simulator of the Fraud Detection Handbook (Le Borgne et al., chapter 3,
//! "Transaction data simulator") with its parameters. The code is our own, and so are its random numbers: the
//! same seed gives the same payments, but not those of the book.

use std::collections::HashMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::transaction::{DAY, Transaction};
use super::{nearest, real};

/// What is simulated. Places are in a square of 100 by 100.
#[derive(Debug, Clone, Copy)]
pub struct Simulation {
    /// How many customers there are.
    pub customers: u64,
    /// How many terminals there are.
    pub terminals: u64,
    /// How many days are lived through.
    pub days: i64,
    /// The first of them, counted from 1970-01-01.
    pub first_day: i64,
    /// How far a customer goes to a terminal.
    pub radius: f64,
    /// Payments above this are fraud (scenario 1); None leaves that out.
    pub dear_cents: Option<i64>,
    /// All else follows from it.
    pub seed: u64,
}

impl Default for Simulation {
    /// The book's data: 183 days from 2018-04-01.
    fn default() -> Self {
        Self {
            customers: 5_000,
            terminals: 10_000,
            days: 183,
            first_day: 17_622,
            radius: 5.0,
            dear_cents: Some(22_000),
            seed: 1,
        }
    }
}

/// Scenario 2: each day so many terminals are taken over, for so many days.
const TERMINALS_A_DAY: u64 = 2;
const TERMINAL_DAYS: i64 = 28;
/// Scenario 3: each day the cards of so many customers are stolen, for so many days; a third of what they pay
/// is the thief's, who pays five times as much.
const CUSTOMERS_A_DAY: u64 = 3;
const CUSTOMER_DAYS: i64 = 14;
const THIEVES_PART: usize = 3;
const THIEVES_FACTOR: i64 = 5;
/// When people pay: around noon, in seconds of a day.
const NOON: f64 = 43_200.0;
const NOON_SPREAD: f64 = 20_000.0;

/// Who pays.
struct Customer {
    mean: f64,
    a_day: f64,
    terminals: Vec<u64>,
}

/// All payments in the order of time.
pub fn simulate(what: &Simulation) -> Vec<Transaction> {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(what.seed));
    let customers = customers(what, &mut dice);
    let mut made = Vec::new();
    for (customer, who) in (0..).zip(&customers) {
        for day in what.first_day..what.first_day + what.days {
            pay(customer, who, day, &mut dice, &mut made);
        }
    }
    made.sort_by_key(|one| one.at);
    for (number, one) in (0..).zip(&mut made) {
        one.id = number;
    }
    dear(what, &mut made);
    take_terminals_over(what, &mut dice, &mut made);
    steal_cards(what, &mut dice, &mut made);
    made
}

fn customers(what: &Simulation, dice: &mut Dice) -> Vec<Customer> {
    let place = |dice: &mut Dice| (dice.between(0.0, 100.0), dice.between(0.0, 100.0));
    let terminals: Vec<_> = (0..what.terminals).map(|_| place(dice)).collect();
    let near = |a: (f64, f64), b: (f64, f64)| {
        let (x, y) = (a.0 - b.0, a.1 - b.1);
        x * x + y * y < what.radius * what.radius
    };
    let customer = |_| {
        let home = place(dice);
        let (mean, a_day) = (dice.between(5.0, 100.0), dice.between(0.0, 4.0));
        let reached = (0..).zip(&terminals).filter(|(_, at)| near(home, **at));
        Customer { mean, a_day, terminals: reached.map(|(number, _)| number).collect() }
    };
    (0..what.customers).map(customer).collect()
}

/// What somebody pays on a day. Whoever reaches no terminal pays nothing.
fn pay(customer: u64, who: &Customer, day: i64, dice: &mut Dice, made: &mut Vec<Transaction>) {
    for _ in 0..dice.poisson(who.a_day) {
        let second = nearest(dice.normal(NOON, NOON_SPREAD) - 0.5);
        if second <= 0 || second >= DAY {
            continue;
        }
        let mut amount = dice.normal(who.mean, who.mean / 2.0);
        if amount < 0.0 {
            amount = dice.between(0.0, 2.0 * who.mean);
        }
        let Some(terminal) = dice.one_of(&who.terminals) else { continue };
        made.push(Transaction {
            id: 0,
            at: day * DAY + second,
            customer,
            terminal,
            cents: nearest(amount * 100.0),
            is_fraud: false,
            scenario: 0,
        });
    }
}

fn dear(what: &Simulation, made: &mut [Transaction]) {
    let Some(most) = what.dear_cents else { return };
    for one in made.iter_mut().filter(|one| one.cents > most) {
        (one.is_fraud, one.scenario) = (true, 1);
    }
}

fn take_terminals_over(what: &Simulation, dice: &mut Dice, made: &mut [Transaction]) {
    let at = places(made, |one| one.terminal);
    for day in what.first_day..what.first_day + what.days {
        for terminal in dice.some_of(what.terminals, TERMINALS_A_DAY) {
            for place in within(&at, terminal, made, day, TERMINAL_DAYS) {
                (made[place].is_fraud, made[place].scenario) = (true, 2);
            }
        }
    }
}

fn steal_cards(what: &Simulation, dice: &mut Dice, made: &mut [Transaction]) {
    let at = places(made, |one| one.customer);
    for day in what.first_day..what.first_day + what.days {
        let mut theirs = Vec::new();
        for customer in dice.some_of(what.customers, CUSTOMERS_A_DAY) {
            theirs.extend(within(&at, customer, made, day, CUSTOMER_DAYS));
        }
        let count = u64::try_from(theirs.len()).unwrap_or(u64::MAX);
        let stolen = u64::try_from(theirs.len() / THIEVES_PART).unwrap_or(u64::MAX);
        for number in dice.some_of(count, stolen) {
            let Some(one) = usize::try_from(number).ok().and_then(|place| theirs.get(place)) else {
                continue;
            };
            let one = &mut made[*one];
            one.cents *= THIEVES_FACTOR;
            (one.is_fraud, one.scenario) = (true, 3);
        }
    }
}

fn places(made: &[Transaction], whose: fn(&Transaction) -> u64) -> HashMap<u64, Vec<usize>> {
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    for (place, one) in made.iter().enumerate() {
        places.entry(whose(one)).or_default().push(place);
    }
    places
}

/// The payments of one of them in the days from `day` on.
fn within(
    places: &HashMap<u64, Vec<usize>>,
    whose: u64,
    made: &[Transaction],
    day: i64,
    days: i64,
) -> Vec<usize> {
    let all = places.get(&whose).map(Vec::as_slice).unwrap_or_default();
    let from = all.partition_point(|place| made[*place].day() < day);
    let to = all.partition_point(|place| made[*place].day() < day + days);
    all[from..to].to_vec()
}

/// Where random numbers come from.
struct Dice(ChaCha8Rng);

impl Dice {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    /// Box and Muller (1958).
    fn normal(&mut self, mean: f64, spread: f64) -> f64 {
        let (a, b) = (1.0 - self.0.random::<f64>(), self.0.random::<f64>());
        let radius = libm::sqrt(-2.0 * libm::log(a));
        mean + spread * radius * libm::cos(2.0 * std::f64::consts::PI * b)
    }

    /// Knuth's method, good for small means.
    fn poisson(&mut self, mean: f64) -> u32 {
        let (least, mut product, mut count) = (libm::exp(-mean), self.0.random::<f64>(), 0);
        while product > least {
            product *= self.0.random::<f64>();
            count += 1;
        }
        count
    }

    fn one_of(&mut self, all: &[u64]) -> Option<u64> {
        if all.is_empty() {
            return None;
        }
        all.get(self.0.random_range(0..all.len())).copied()
    }

    /// So many different numbers below `end`; fewer if there are not so many (Floyd's method).
    fn some_of(&mut self, end: u64, count: u64) -> Vec<u64> {
        let mut some = std::collections::BTreeSet::new();
        for last in end - count.min(end)..end {
            if !some.insert(self.0.random_range(0..=last)) {
                some.insert(last);
            }
        }
        some.into_iter().collect()
    }
}

/// How many payments there are, how many are fraud, and of which scenario.
pub fn summary(made: &[Transaction]) -> String {
    let of = |scenario| made.iter().filter(|one| one.scenario == scenario).count();
    let frauds = made.iter().filter(|one| one.is_fraud).count();
    let share = real(i64::try_from(frauds).unwrap_or(0)) * 100.0
        / real(i64::try_from(made.len()).unwrap_or(0)).max(1.0);
    let (dear, terminal, card) = (of(1), of(2), of(3));
    format!(
        "{} payments, {frauds} of them fraud ({share:.4} %): {dear} too dear, {terminal} at terminals \
         that were taken over, {card} with stolen cards",
        made.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Simulation {
        Simulation {
            customers: 200,
            terminals: 400,
            days: 60,
            radius: 10.0,
            ..Simulation::default()
        }
    }

    #[test]
    fn a_seed_gives_the_same_payments_and_another_one_does_not() {
        let made = simulate(&small());
        assert_eq!(made, simulate(&small()));
        assert_ne!(made, simulate(&Simulation { seed: 2, ..small() }));
        assert!(made.is_sorted_by_key(|one| one.at));
    }

    #[test]
    fn payments_are_as_the_book_says() {
        let made = simulate(&small());
        let expected = 200 * 60 * 2;
        assert!(
            made.len() > expected * 85 / 100 && made.len() < expected * 105 / 100,
            "{}",
            made.len()
        );
        let dear = made.iter().filter(|one| one.scenario == 0).map(|one| one.cents).max();
        assert!(dear <= Some(22_000));
        for scenario in 1..=3 {
            assert!(made.iter().any(|one| one.scenario == scenario), "{}", summary(&made));
        }
        assert!(made.iter().all(|one| one.is_fraud == (one.scenario > 0)));
    }

    #[test]
    fn samples_are_without_repetition() {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(7));
        assert_eq!(dice.some_of(5, 5), [0, 1, 2, 3, 4]);
        assert_eq!(dice.some_of(3, 9).len(), 3);
        assert!(dice.some_of(1_000_000, 50).len() == 50);
    }
}
