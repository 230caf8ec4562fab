//! How well scores tell fraud from the rest.

use std::collections::{BTreeMap, HashSet};

/// A payment that was scored.
#[derive(Debug, Clone, Copy)]
pub struct Scored {
    /// The day it was made.
    pub day: i64,
    /// Whose card it was made with.
    pub customer: u64,
    /// How suspicious it looked; higher is more.
    pub score: f64,
    /// Whether it was fraud.
    pub is_fraud: bool,
}

/// The figures of the Fraud Detection Handbook, chapter 4.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// The area under the ROC curve: how likely a fraud is scored above an honest payment; a tie is a half.
    pub auc: f64,
    /// The mean of the precision over the frauds, the highest scores first.
    pub average_precision: f64,
    /// Of 100 cards looked at each day, the share that was compromised.
    pub card_precision: f64,
}

/// How many cards somebody can look at in a day.
const CARDS: usize = 100;

/// Works the figures out; where there is no fraud or nothing but fraud they are not numbers.
pub fn figures(scored: &[Scored]) -> Figures {
    let mut ranked: Vec<&Scored> = scored.iter().collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    Figures {
        auc: auc(&ranked),
        average_precision: average_precision(&ranked),
        card_precision: card_precision(scored),
    }
}

/// Frauds and honest payments of each distinct score, the highest first.
fn ties<'a>(ranked: &'a [&'a Scored]) -> impl Iterator<Item = (f64, f64)> + 'a {
    let same = |a: &&Scored, b: &&Scored| a.score.total_cmp(&b.score).is_eq();
    ranked.chunk_by(same).map(|tie| {
        let count = |is_fraud| tie.iter().filter(|one| one.is_fraud == is_fraud).map(|_| 1.0).sum();
        (count(true), count(false))
    })
}

fn auc(ranked: &[&Scored]) -> f64 {
    let (mut above, mut pairs, mut honest_in_all) = (0.0, 0.0, 0.0);
    for (frauds, honest) in ties(ranked) {
        pairs += honest * (above + frauds / 2.0);
        above += frauds;
        honest_in_all += honest;
    }
    pairs / (above * honest_in_all)
}

fn average_precision(ranked: &[&Scored]) -> f64 {
    let (mut found, mut seen, mut sum) = (0.0, 0.0, 0.0);
    for (frauds, honest) in ties(ranked) {
        found += frauds;
        seen += frauds + honest;
        sum += frauds * found / seen;
    }
    sum / found
}

/// A card counts by its highest score of the day; one that was found compromised is not looked at again.
fn card_precision(scored: &[Scored]) -> f64 {
    let mut days: BTreeMap<i64, BTreeMap<u64, (f64, bool)>> = BTreeMap::new();
    for one in scored {
        let day = days.entry(one.day).or_default();
        let card = day.entry(one.customer).or_insert((f64::NEG_INFINITY, false));
        *card = (card.0.max(one.score), card.1 || one.is_fraud);
    }
    let (mut caught, mut sum, mut count) = (HashSet::new(), 0.0, 0.0);
    for cards in days.into_values() {
        let mut cards: Vec<_> =
            cards.into_iter().filter(|(customer, _)| !caught.contains(customer)).collect();
        cards.sort_by(|(_, a), (_, b)| b.0.total_cmp(&a.0));
        let compromised = cards.iter().take(CARDS).filter(|(_, (_, is_fraud))| *is_fraud);
        let before = caught.len();
        caught.extend(compromised.map(|(customer, _)| *customer));
        sum += share(caught.len() - before);
        count += 1.0;
    }
    sum / count
}

fn share(cards: usize) -> f64 {
    f64::from(u32::try_from(cards).unwrap_or(u32::MAX)) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(all: &[(f64, bool)]) -> Vec<Scored> {
        let one = |(&(score, is_fraud), customer)| Scored { day: 1, customer, score, is_fraud };
        all.iter().zip(0..).map(one).collect()
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    /// What scikit-learn 1.7 says of the same lists.
    #[test]
    fn figures_are_those_of_scikit_learn() {
        let told = figures(&scored(&[(0.1, false), (0.4, false), (0.35, true), (0.8, true)]));
        assert!(near(told.auc, 0.75), "{told:?}");
        assert!(near(told.average_precision, 0.833_333_333_333_333_3), "{told:?}");
        let told = figures(&scored(&[(0.5, true), (0.5, false), (0.5, false), (0.2, false)]));
        assert!(near(told.auc, 2.0 / 3.0), "{told:?}");
        assert!(near(told.average_precision, 1.0 / 3.0), "{told:?}");
    }

    #[test]
    fn a_compromised_card_is_found_once() {
        let one = |day, customer, score| Scored { day, customer, score, is_fraud: true };
        let told = figures(&[one(1, 7, 0.9), one(1, 7, 0.8), one(2, 7, 0.9), one(2, 8, 0.1)]);
        assert!(near(told.card_precision, 0.01), "{told:?}");
    }

    #[test]
    fn only_a_hundred_cards_are_looked_at() {
        let mut all: Vec<(f64, bool)> = (0..100).map(|_| (0.9, false)).collect();
        all.push((0.1, true));
        assert!(near(figures(&scored(&all)).card_precision, 0.0));
    }
}
