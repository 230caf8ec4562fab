//! How a model is trained: gradient boosting of trees with the logistic loss, second-order gains and every
//! split tried (Chen and Guestrin, "XGBoost: A Scalable Tree Boosting System", KDD 2016, algorithm 1).

use super::features::Features;
use super::model::Node;
use super::real;

/// How a model is trained.
#[derive(Debug, Clone, Copy)]
pub struct Boosting {
    /// How many trees.
    pub trees: usize,
    /// How deep each of them is.
    pub depth: usize,
    /// How much of its answer a tree adds.
    pub rate: f64,
    /// Holds the answers of leaves back (lambda).
    pub regularization: f64,
    /// The least sum of second derivatives in a leaf.
    pub leaf_weight: f64,
}

impl Default for Boosting {
    /// XGBoost's defaults with the rate and depth that did best on the Handbook's folds.
    fn default() -> Self {
        Self { trees: 100, depth: 3, rate: 0.1, regularization: 1.0, leaf_weight: 1.0 }
    }
}

/// A gain below this is none.
const GAIN_MIN: f64 = 1e-6;

/// The sum of first and second derivatives of the loss.
#[derive(Debug, Clone, Copy, Default)]
struct Slope {
    first: f64,
    second: f64,
}

impl Slope {
    fn add(&mut self, other: Self) {
        self.first += other.first;
        self.second += other.second;
    }

    fn without(self, other: Self) -> Self {
        Self { first: self.first - other.first, second: self.second - other.second }
    }
}

#[derive(Debug, Clone, Copy)]
struct Split {
    gain: f64,
    feature: usize,
    below: f64,
    yes: Slope,
}

/// A leaf that may be split: the rows that came to it are those that name its place.
#[derive(Debug, Clone, Copy)]
struct Open {
    place: usize,
    sum: Slope,
    best: Option<Split>,
}

/// What of a feature is looked at, in the order of its values.
struct Column {
    values: Vec<f64>,
    order: Vec<usize>,
}

impl Column {
    fn new(rows: &[(&Features, bool)], feature: usize) -> Self {
        let values: Vec<f64> = rows.iter().map(|(told, _)| told[feature]).collect();
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
        Self { values, order }
    }
}

/// Trees that tell the rows which are fraud from the others, by these features (their places among all).
/// The same rows give the same trees.
pub fn train(rows: &[(&Features, bool)], features: &[usize], how: &Boosting) -> Vec<Vec<Node>> {
    let columns: Vec<Column> = features.iter().map(|feature| Column::new(rows, *feature)).collect();
    let mut log_odds = vec![0.0; rows.len()];
    let mut trees = Vec::with_capacity(how.trees);
    for _ in 0..how.trees {
        let slopes: Vec<Slope> = rows
            .iter()
            .zip(&log_odds)
            .map(|((_, is_fraud), odds)| slope(*odds, *is_fraud))
            .collect();
        let mut at = vec![0; rows.len()];
        let tree = grow(&columns, &slopes, &mut at, how);
        for (odds, place) in log_odds.iter_mut().zip(&at) {
            if let Node::Leaf(value) = tree[*place] {
                *odds += value;
            }
        }
        trees.push(tree);
    }
    trees
}

fn slope(log_odds: f64, is_fraud: bool) -> Slope {
    let likely = 1.0 / (1.0 + libm::exp(-log_odds));
    let first = if is_fraud { likely - 1.0 } else { likely };
    Slope { first, second: likely * (1.0 - likely) }
}

/// Grows one tree, a level at a time; `at` says at which leaf each row ends.
fn grow(columns: &[Column], slopes: &[Slope], at: &mut [usize], how: &Boosting) -> Vec<Node> {
    let mut sum = Slope::default();
    for slope in slopes {
        sum.add(*slope);
    }
    let mut tree = vec![leaf(sum, how)];
    let mut level = vec![Open { place: 0, sum, best: None }];
    for _ in 0..how.depth {
        for (feature, column) in columns.iter().enumerate() {
            look(feature, column, slopes, at, &mut level, how);
        }
        let mut next = Vec::new();
        for open in &level {
            let Some(best) = open.best else { continue };
            let (yes, no) = (best.yes, open.sum.without(best.yes));
            let place = tree.len();
            tree[open.place] = Node::Split(best.feature, best.below, place, place + 1);
            tree.extend([leaf(yes, how), leaf(no, how)]);
            next.push(Open { place, sum: yes, best: None });
            next.push(Open { place: place + 1, sum: no, best: None });
        }
        if next.is_empty() {
            break;
        }
        for (row, place) in at.iter_mut().enumerate() {
            if let Node::Split(feature, below, yes, no) = tree[*place] {
                *place = if columns[feature].values[row] < below { yes } else { no };
            }
        }
        level = next;
    }
    tree
}

fn leaf(sum: Slope, how: &Boosting) -> Node {
    Node::Leaf(-how.rate * sum.first / (sum.second + how.regularization))
}

/// Tries every split of the open leaves by one feature.
fn look(
    feature: usize,
    column: &Column,
    slopes: &[Slope],
    at: &[usize],
    level: &mut [Open],
    how: &Boosting,
) {
    // Leaves of a level have places that follow each other.
    let Some(first) = level.first().map(|open| open.place) else { return };
    let mut passed = vec![(Slope::default(), f64::NAN); level.len()];
    let worth = |sum: Slope| sum.first * sum.first / (sum.second + how.regularization);
    for &row in &column.order {
        let Some(which) = at[row].checked_sub(first) else { continue };
        let (Some(open), Some((yes, last))) = (level.get_mut(which), passed.get_mut(which)) else {
            continue;
        };
        let value = column.values[row];
        if value > *last && yes.second >= how.leaf_weight {
            let no = open.sum.without(*yes);
            let gain = worth(*yes) + worth(no) - worth(open.sum);
            let least = open.best.map_or(GAIN_MIN, |best| best.gain);
            if no.second >= how.leaf_weight && gain > least {
                let below = f64::midpoint(*last, value);
                open.best = Some(Split { gain, feature, below, yes: *yes });
            }
        }
        yes.add(slopes[row]);
        *last = value;
    }
}

/// Rounds what a file needs not have to the last digit, so that it is short: `digits` significant ones.
pub fn rounded(number: f64, digits: i32) -> f64 {
    if number.total_cmp(&0.0).is_eq() || !number.is_finite() {
        return number;
    }
    let magnitude = libm::floor(libm::log10(libm::fabs(number)));
    let scale = libm::pow(10.0, f64::from(digits - 1) - magnitude);
    real(super::nearest(number * scale)) / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::features::COUNT;
    use crate::domain::model::{Model, ModelFile};

    fn told(a: f64, b: f64) -> Features {
        let mut told = [0.0; COUNT];
        (told[0], told[1]) = (a, b);
        told
    }

    fn model(trees: Vec<Vec<Node>>) -> Model {
        let features = crate::domain::features::NAMES[..2].iter().map(|name| (*name).to_owned());
        Model::of(ModelFile {
            version: "test".to_owned(),
            trained_on: String::new(),
            features: features.collect(),
            trees,
        })
        .unwrap()
    }

    #[test]
    fn an_exclusive_or_is_learnt() {
        let corners: Vec<Features> = (0..400)
            .map(|n| told(f64::from(n % 2), f64::from(n / 2 % 2) + f64::from(n) / 1e4))
            .collect();
        let is_fraud = |told: &Features| (told[0] > 0.5) != (told[1] > 0.5);
        // One corner has more rows: of a perfect square no first split gains anything.
        let rows: Vec<_> = corners.iter().skip(30).map(|told| (told, is_fraud(told))).collect();
        let how = Boosting { depth: 2, ..Boosting::default() };
        let model = model(train(&rows, &[0, 1], &how));
        for (told, is_fraud) in rows {
            assert_eq!(model.score(told) > 0.5, is_fraud);
        }
    }

    /// XGBoost 3.2 with `tree_method=exact, base_score=0.5, max_depth=1, eta=0.1`, by hand: the slopes of
    /// six rows are 0.5 each way and 0.25, so that the leaves are 0.1 * 1 / (0.5 + 1) and the like.
    #[test]
    fn a_stump_is_what_the_paper_says() {
        let rows: Vec<Features> = (0..6).map(|n| told(f64::from(n), 0.0)).collect();
        let rows: Vec<_> = rows.iter().map(|told| (told, told[0] > 3.5)).collect();
        let how = Boosting { trees: 1, depth: 1, leaf_weight: 0.0, ..Boosting::default() };
        let tree = &train(&rows, &[0, 1], &how)[0];
        let Node::Split(0, below, 1, 2) = tree[0] else { panic!("{tree:?}") };
        assert!((below - 3.5).abs() < 1e-12);
        let values = [tree[1], tree[2]].map(|node| match node {
            Node::Leaf(value) => value,
            Node::Split(..) => panic!("{tree:?}"),
        });
        assert!((values[0] + 0.1).abs() < 1e-12, "{values:?}");
        assert!((values[1] - 0.1 / 1.5).abs() < 1e-12, "{values:?}");
    }

    #[test]
    fn numbers_are_rounded_to_digits() {
        assert_eq!(rounded(0.001_234_56, 3).to_string(), "0.00123");
        assert_eq!(rounded(-123_456.0, 3).to_string(), "-123000");
    }
}
