//! A model: a list of small trees whose answers add up to the log-odds of fraud.

use serde::{Deserialize, Serialize};

use super::features::{Features, NAMES};

/// A place in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Node {
    /// What this branch adds to the log-odds.
    Leaf(f64),
    /// The feature that is asked, what it must be below, and the places to go to then and else.
    Split(usize, f64, usize, usize),
}

/// A model as its file has it. Splits name features by their place in `features`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Which model this is; a decision names it.
    pub version: String,
    /// What it was trained on, for people.
    pub trained_on: String,
    /// What it is told, by name.
    pub features: Vec<String>,
    /// Its trees. The first node of each is its root.
    pub trees: Vec<Vec<Node>>,
}

/// A model that can be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Which model this is.
    pub version: String,
    trees: Vec<Vec<Node>>,
}

/// Why a file is no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It is no JSON of the right shape.
    #[error("the model cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It wants to be told what nobody knows.
    #[error("the model asks for the feature {0:?}, which there is none of; train it again")]
    UnknownFeature(String),
    /// A split leads nowhere, or back.
    #[error("tree {0} of the model is broken")]
    BrokenTree(usize),
}

impl Model {
    /// Reads a model's JSON.
    pub fn read(json: &str) -> Result<Self, ModelError> {
        Self::of(serde_json::from_str(json)?)
    }

    /// The model of a file, once its features are known and its trees are found to be whole.
    pub fn of(file: ModelFile) -> Result<Self, ModelError> {
        let place = |name: &String| {
            let known = NAMES.iter().position(|known| known == name);
            known.ok_or_else(|| ModelError::UnknownFeature(name.clone()))
        };
        let features: Vec<usize> = file.features.iter().map(place).collect::<Result<_, _>>()?;
        let mut trees = file.trees;
        for (number, tree) in trees.iter_mut().enumerate() {
            rename(tree, &features).ok_or(ModelError::BrokenTree(number))?;
        }
        Ok(Self { version: file.version, trees })
    }

    /// How likely a payment is fraud, from 0 to 1.
    pub fn score(&self, features: &Features) -> f64 {
        let log_odds: f64 = self.trees.iter().map(|tree| answer(tree, features)).sum();
        1.0 / (1.0 + libm::exp(-log_odds))
    }
}

/// Lets the splits name features by their place among all; None when a tree is not whole. Splits lead
/// forward only, so that every way through a tree ends.
fn rename(tree: &mut [Node], features: &[usize]) -> Option<()> {
    let length = tree.len();
    tree.first()?;
    for (place, node) in tree.iter_mut().enumerate() {
        match node {
            Node::Leaf(value) => value.is_finite().then_some(())?,
            Node::Split(feature, below, yes, no) => {
                *feature = *features.get(*feature)?;
                let forward = |to: usize| to > place && to < length;
                (below.is_finite() && forward(*yes) && forward(*no)).then_some(())?;
            }
        }
    }
    Some(())
}

fn answer(tree: &[Node], features: &Features) -> f64 {
    let mut place = 0;
    loop {
        match tree[place] {
            Node::Leaf(value) => return value,
            Node::Split(feature, below, yes, no) => {
                place = if features[feature] < below { yes } else { no };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::features::COUNT;

    const STUMP: &str = r#"{"version": "1", "trained_on": "nothing",
        "features": ["terminal_frauds"], "trees": [[[0, 0.5, 1, 2], -2.0, 3.0]]}"#;

    #[test]
    fn a_stump_answers() {
        let model = Model::read(STUMP).unwrap();
        let mut told = [0.0; COUNT];
        assert!((model.score(&told) - 0.119_202_922).abs() < 1e-8);
        told[NAMES.iter().position(|name| *name == "terminal_frauds").unwrap()] = 1.0;
        assert!((model.score(&told) - 0.952_574_126).abs() < 1e-8);
    }

    #[test]
    fn what_is_broken_is_refused() {
        for (from, to) in [
            ("terminal_frauds", "shoe_size"),
            ("0.5, 1, 2", "0.5, 0, 2"),
            ("0.5, 1, 2", "0.5, 1, 3"),
            ("[0, 0.5", "[1, 0.5"),
            ("[[0, 0.5, 1, 2], -2.0, 3.0]", "[]"),
            ("-2.0", "\"much\""),
        ] {
            assert!(STUMP.contains(from), "{from}");
            assert!(Model::read(&STUMP.replace(from, to)).is_err(), "{from} -> {to}");
        }
    }
}
