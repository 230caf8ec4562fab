//! A model out of history, and how good it is on history that it has not seen.

use super::boosting::{Boosting, rounded, train};
use super::features::{Features, NAMES};
use super::metrics::{Figures, Scored, figures};
use super::model::{Model, ModelError, ModelFile, Node};
use super::protocol::{Fold, Row};

/// Digits that a file keeps of thresholds and of answers.
const DIGITS: i32 = 6;

/// Trains a model that is told the features of these names.
pub fn model(
    rows: &[&Row],
    names: &[&str],
    how: &Boosting,
    version: &str,
    trained_on: &str,
) -> Result<ModelFile, ModelError> {
    let place = |name: &&str| {
        let known = NAMES.iter().position(|known| known == name);
        known.ok_or_else(|| ModelError::UnknownFeature((*name).to_owned()))
    };
    let features: Vec<usize> = names.iter().map(place).collect::<Result<_, _>>()?;
    let labelled: Vec<(&Features, bool)> =
        rows.iter().map(|(made, told)| (told, made.is_fraud)).collect();
    let short = |node: Node| match node {
        Node::Leaf(value) => Node::Leaf(rounded(value, DIGITS)),
        Node::Split(feature, below, yes, no) => {
            Node::Split(feature, rounded(below, DIGITS), yes, no)
        }
    };
    let trees = train(&labelled, &features, how);
    Ok(ModelFile {
        version: version.to_owned(),
        trained_on: trained_on.to_owned(),
        features: names.iter().map(|name| (*name).to_owned()).collect(),
        trees: trees.into_iter().map(|tree| tree.into_iter().map(short).collect()).collect(),
    })
}

/// What a model says of a fold's test.
pub fn score(model: &Model, fold: &Fold, rows: &[Row]) -> Vec<Scored> {
    let scored = |(made, told): &Row| Scored {
        day: made.day(),
        customer: made.customer,
        score: model.score(told),
        is_fraud: made.is_fraud,
    };
    fold.testing(rows).into_iter().map(scored).collect()
}

/// Trains on a fold.
pub fn trained(
    fold: &Fold,
    rows: &[Row],
    names: &[&str],
    how: &Boosting,
) -> Result<Model, ModelError> {
    Model::of(model(&fold.training(rows), names, how, "measured", "")?)
}

/// Measures a model on a fold's test.
pub fn measure(model: &Model, fold: &Fold, rows: &[Row]) -> (Figures, Vec<Scored>) {
    let scored = score(model, fold, rows);
    (figures(&scored), scored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::protocol::TRAIN_DAYS;
    use crate::domain::replay::replay;
    use crate::domain::simulator::{Simulation, simulate};

    /// The way is measured, and the model is not: figures of the whole simulation are in `benches/RESULTS.md`.
    #[test]
    fn a_model_of_a_small_simulation_is_better_than_chance_and_no_clairvoyant() {
        let what = Simulation {
            customers: 300,
            terminals: 600,
            days: 77,
            radius: 10.0,
            ..Simulation::default()
        };
        let history = simulate(&what);
        let test = what.first_day + 70;
        let rows = replay(&history, |made| made.day() >= test - 14);
        let how = Boosting { trees: 20, ..Boosting::default() };
        let fold = Fold::before(test, TRAIN_DAYS);
        let model = trained(&fold, &rows, &NAMES, &how).unwrap();
        let (figures, scored) = measure(&model, &fold, &rows);
        assert!(scored.len() > 500, "{}", scored.len());
        assert!(figures.auc > 0.7 && figures.auc < 0.999, "{figures:?}");
        assert!(figures.average_precision > 0.3, "{figures:?}");
    }

    #[test]
    fn a_file_gives_the_model_that_was_trained() {
        let what = Simulation {
            customers: 60,
            terminals: 80,
            days: 40,
            radius: 20.0,
            ..Simulation::default()
        };
        let rows = replay(&simulate(&what), |_| true);
        let all: Vec<&Row> = rows.iter().collect();
        let how = Boosting { trees: 5, ..Boosting::default() };
        let file = model(&all, &NAMES, &how, "a", "b").unwrap();
        let json = serde_json::to_string(&file).unwrap();
        assert_eq!(Model::read(&json).unwrap(), Model::of(file).unwrap());
        assert!(model(&all, &["shoe_size"], &how, "a", "b").is_err());
    }
}
