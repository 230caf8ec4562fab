//! What a model is told of a payment: one function for a payment that is being made and for history.
//!
//! The first fifteen are those of the Fraud Detection Handbook (Le Borgne et al., chapter 3, "Baseline feature
//! transformation"). Amounts and labels are summed up as integers, so that a feature does not depend on the
//! order of additions: history that is replayed gives the same bits as the tables of a shop.
//!
//! A label is not looked at before the payment is [`DELAY`] old, since nobody knows earlier. A model that is
//! trained with younger labels has seen the answers.

use super::real;
use super::transaction::DAY;

/// How long it takes until it is known what was fraud, in seconds.
pub const DELAY: i64 = 7 * DAY;
/// How far back the payments of a customer are looked at, in seconds.
pub const CUSTOMER_SPAN: i64 = 90 * DAY;
/// How far back the payments of a terminal are looked at, in seconds.
pub const TERMINAL_SPAN: i64 = LABELS_SPAN + DELAY;
/// How many payments of one customer or terminal are looked at: the newest.
pub const PAST_MAX: usize = 256;

/// How many features there are.
pub const COUNT: usize = NAMES.len();

/// What each of them is called. A model names those it was trained with.
pub const NAMES: [&str; 23] = [
    "amount",
    "during_weekend",
    "during_night",
    "customer_count_1d",
    "customer_mean_1d",
    "customer_count_7d",
    "customer_mean_7d",
    "customer_count_30d",
    "customer_mean_30d",
    "terminal_count_1d",
    "terminal_risk_1d",
    "terminal_count_7d",
    "terminal_risk_7d",
    "terminal_count_30d",
    "terminal_risk_30d",
    "amount_to_mean",
    "amount_to_median",
    "amount_to_p90",
    "terminal_days_since_fraud",
    "terminal_days_of_fraud",
    "terminal_frauds",
    "terminal_fraud_run",
    "terminal_days_since_genuine",
];

/// How many of [`NAMES`] are the Handbook's own.
pub const HANDBOOK: usize = 15;

/// Those that say the same whatever is sold and however often: neither prices nor how many orders are
/// usual go into them. A shop whose prices are not those of the history a model was trained with uses these.
pub const SCALE_FREE: [&str; 11] = [
    "terminal_risk_1d",
    "terminal_risk_7d",
    "terminal_risk_30d",
    "amount_to_mean",
    "amount_to_median",
    "amount_to_p90",
    "terminal_days_since_fraud",
    "terminal_days_of_fraud",
    "terminal_frauds",
    "terminal_fraud_run",
    "terminal_days_since_genuine",
];

const WINDOWS: [i64; 3] = [DAY, 7 * DAY, 30 * DAY];
/// Labels of this span are looked at, in seconds.
const LABELS_SPAN: i64 = 35 * DAY;
/// "Not within the span", in days.
const NEVER: f64 = 36.0;
/// With fewer payments before it nobody can say what is usual.
const USUAL_MIN: usize = 5;
/// What is usual is said of so many payments, the newest.
const USUAL_MAX: usize = 60;
/// The last hour that is night: until 06:59 (the Handbook's `tx_during_night`).
const NIGHT_HOUR_MAX: i64 = 6;

/// The features of a payment, in the order of [`NAMES`].
pub type Features = [f64; COUNT];

/// A payment before the one that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// When, in seconds since 1970.
    pub at: i64,
    /// The amount in hundredths.
    pub cents: i64,
    /// Whether it turned out to be fraud, as far as is known.
    pub is_fraud: bool,
}

/// What is known of a payment of `cents` at `now`, given the payments of its customer and of its terminal
/// before it, the oldest first. What lies outside of the spans is not looked at.
pub fn features(now: i64, cents: i64, customer: &[Past], terminal: &[Past]) -> Features {
    let customer = newest(customer, now - CUSTOMER_SPAN);
    let terminal = newest(terminal, now - TERMINAL_SPAN);
    let labelled = until(terminal, now - DELAY);
    let mut told = Vec::with_capacity(COUNT);
    told.extend([real(cents) / 100.0, weekend(now), night(now)]);
    for window in WINDOWS {
        let within = after(customer, now - window);
        let count = f64::from(length(within)) + 1.0;
        told.extend([count, real(sum(within) + cents) / 100.0 / count]);
    }
    for window in WINDOWS {
        let within = after(labelled, now - DELAY - window);
        let count = f64::from(length(within));
        let risk = if within.is_empty() { 0.0 } else { f64::from(frauds(within)) / count };
        told.extend([count, risk]);
    }
    told.extend(compared(cents, customer));
    told.extend(compromised(now, labelled));
    let mut all = [0.0; COUNT];
    for (place, value) in all.iter_mut().zip(told) {
        *place = value;
    }
    all
}

/// 1970-01-01 was a Thursday.
fn weekend(now: i64) -> f64 {
    let weekday = (now.div_euclid(DAY) + 3).rem_euclid(7);
    if weekday >= 5 { 1.0 } else { 0.0 }
}

fn night(now: i64) -> f64 {
    let hour = now.rem_euclid(DAY) / 3_600;
    if hour <= NIGHT_HOUR_MAX { 1.0 } else { 0.0 }
}

/// The amount by the mean, the median and the ninth decile of the amounts before it; 1 where nobody can say
/// what is usual.
fn compared(cents: i64, customer: &[Past]) -> [f64; 3] {
    if customer.len() < USUAL_MIN {
        return [1.0; 3];
    }
    let mean = real(sum(customer)) / f64::from(length(customer));
    let newest = &customer[customer.len().saturating_sub(USUAL_MAX)..];
    let mut amounts: Vec<i64> = newest.iter().map(|past| past.cents).collect();
    amounts.sort_unstable();
    let at = |share: usize| real(amounts[(amounts.len() - 1) * share / 10]);
    [mean, at(5), at(9)].map(|usual| real(cents) / usual.max(1.0))
}

/// What labels say of a terminal: how long ago it saw fraud, for how long it has, how often, how often in
/// a row, and how long ago somebody honest was there.
fn compromised(now: i64, labelled: &[Past]) -> [f64; 5] {
    let days_ago = |past: Option<&Past>| past.map_or(NEVER, |past| real(now - past.at) / real(DAY));
    let run = labelled.iter().rev().take_while(|past| past.is_fraud);
    let run = u32::try_from(run.count()).unwrap_or(u32::MAX);
    [
        days_ago(labelled.iter().rev().find(|past| past.is_fraud)),
        days_ago(labelled.iter().find(|past| past.is_fraud)),
        f64::from(frauds(labelled)),
        f64::from(run),
        days_ago(labelled.iter().rev().find(|past| !past.is_fraud)),
    ]
}

fn newest(past: &[Past], since: i64) -> &[Past] {
    let past = after(past, since);
    &past[past.len().saturating_sub(PAST_MAX)..]
}

fn after(past: &[Past], instant: i64) -> &[Past] {
    &past[past.partition_point(|past| past.at <= instant)..]
}

fn until(past: &[Past], instant: i64) -> &[Past] {
    &past[..past.partition_point(|past| past.at <= instant)]
}

fn length(past: &[Past]) -> u32 {
    u32::try_from(past.len()).unwrap_or(u32::MAX)
}

fn sum(past: &[Past]) -> i64 {
    past.iter().map(|past| past.cents).sum()
}

fn frauds(past: &[Past]) -> u32 {
    past.iter().map(|past| u32::from(past.is_fraud)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(told: &Features, name: &str) -> f64 {
        told[NAMES.iter().position(|known| *known == name).unwrap()]
    }

    fn past(days_ago: i64, cents: i64, is_fraud: bool) -> Past {
        Past { at: NOW - days_ago * DAY, cents, is_fraud }
    }

    /// Wednesday, 2018-07-25, 12:00.
    const NOW: i64 = 1_532_520_000;

    #[test]
    fn a_first_payment_is_as_usual() {
        let told = features(NOW, 2_500, &[], &[]);
        assert_eq!(of(&told, "amount").to_bits(), 25.0_f64.to_bits());
        assert_eq!(of(&told, "customer_count_30d").to_bits(), 1.0_f64.to_bits());
        assert_eq!(of(&told, "amount_to_p90").to_bits(), 1.0_f64.to_bits());
        assert_eq!(of(&told, "terminal_risk_30d").to_bits(), 0.0_f64.to_bits());
        assert_eq!(of(&told, "terminal_days_since_fraud").to_bits(), NEVER.to_bits());
    }

    #[test]
    fn days_and_nights_are_told_apart() {
        let at = |now| {
            let told = features(now, 1, &[], &[]);
            (of(&told, "during_weekend") > 0.5, of(&told, "during_night") > 0.5)
        };
        assert_eq!(at(NOW), (false, false));
        assert_eq!(at(NOW - 5 * 3_600 - 1), (false, true));
        assert_eq!(at(NOW + 3 * DAY), (true, false));
        assert_eq!(at(NOW + 5 * DAY), (false, false));
    }

    #[test]
    fn what_is_dearer_than_usual_shows() {
        let before: Vec<Past> = (0..10).map(|day| past(20 - day, 1_000, false)).collect();
        let told = features(NOW, 5_000, &before, &[]);
        assert_eq!(of(&told, "amount_to_median").to_bits(), 5.0_f64.to_bits());
        assert_eq!(of(&told, "amount_to_mean").to_bits(), 5.0_f64.to_bits());
    }

    #[test]
    fn a_compromised_terminal_shows_after_the_delay() {
        let terminal = [past(20, 1, false), past(12, 1, true), past(10, 1, true), past(6, 1, true)];
        let told = features(NOW, 1, &[], &terminal);
        assert_eq!(of(&told, "terminal_frauds").to_bits(), 2.0_f64.to_bits());
        assert_eq!(of(&told, "terminal_fraud_run").to_bits(), 2.0_f64.to_bits());
        assert_eq!(of(&told, "terminal_days_since_fraud").to_bits(), 10.0_f64.to_bits());
        assert_eq!(of(&told, "terminal_days_of_fraud").to_bits(), 12.0_f64.to_bits());
        assert_eq!(of(&told, "terminal_days_since_genuine").to_bits(), 20.0_f64.to_bits());
        assert_eq!(of(&told, "terminal_risk_7d").to_bits(), 1.0_f64.to_bits());
    }

    fn a_past() -> impl Strategy<Value = Vec<Past>> {
        let one = (0..100 * DAY, 1..100_000_i64, any::<bool>());
        prop::collection::vec(one, 0..400).prop_map(|mut all| {
            all.sort_unstable_by_key(|one| std::cmp::Reverse(one.0));
            let past = |(ago, cents, is_fraud)| Past { at: NOW - ago, cents, is_fraud };
            all.into_iter().map(past).collect()
        })
    }

    proptest! {
        #[test]
        fn no_label_is_seen_before_it_can_be_known(customer in a_past(), terminal in a_past()) {
            let forget = |past: &Past| Past { is_fraud: past.is_fraud && past.at <= NOW - DELAY, ..*past };
            let known: Vec<Past> = terminal.iter().map(forget).collect();
            let unlabelled: Vec<Past> =
                customer.iter().map(|past| Past { is_fraud: false, ..*past }).collect();
            prop_assert_eq!(
                features(NOW, 1_000, &customer, &terminal).map(f64::to_bits),
                features(NOW, 1_000, &unlabelled, &known).map(f64::to_bits)
            );
        }

        #[test]
        fn every_feature_is_a_finite_number(
            customer in a_past(), terminal in a_past(), cents in 0..10_000_000_i64
        ) {
            prop_assert!(features(NOW, cents, &customer, &terminal).iter().all(|x| x.is_finite()));
        }
    }
}
