//! Changes to the ranking, and how they are judged.

use catalog::Ranking;

use crate::graded::{Graded, mean};
use crate::say;
use crate::shop::{Result, Shop};

/// How many parts the queries are split into: each is judged by what the others chose.
const FOLDS: usize = 5;
/// How often all numbers are gone through.
const ROUNDS: usize = 3;
/// What a number is multiplied by on trial.
const FACTORS: [f32; 6] = [0.25, 0.5, 0.8, 1.25, 2.0, 4.0];
/// A change that gains less than this on the queries it is chosen by is not made.
const GAIN_MIN: f64 = 0.001;

type Access = fn(&mut Ranking) -> &mut f32;

/// The numbers of a ranking by name, and what each is tried as when it is 0.
const NUMBERS: [(&str, Access, f32); 18] = [
    ("name.weight", |ranking| &mut ranking.name.weight, 1.0),
    ("name.length", |ranking| &mut ranking.name.length, 0.3),
    ("brand.weight", |ranking| &mut ranking.brand.weight, 1.0),
    ("brand.length", |ranking| &mut ranking.brand.length, 0.3),
    ("categories.weight", |ranking| &mut ranking.categories.weight, 1.0),
    ("categories.length", |ranking| &mut ranking.categories.length, 0.3),
    ("description.weight", |ranking| &mut ranking.description.weight, 0.5),
    ("description.length", |ranking| &mut ranking.description.length, 0.3),
    ("attributes.weight", |ranking| &mut ranking.attributes.weight, 0.2),
    ("attributes.length", |ranking| &mut ranking.attributes.length, 0.3),
    ("code", |ranking| &mut ranking.code, 10.0),
    ("saturation", |ranking| &mut ranking.saturation, 1.0),
    ("coverage", |ranking| &mut ranking.coverage, 1.0),
    ("coverage_min", |ranking| &mut ranking.coverage_min, 0.3),
    ("adjacency", |ranking| &mut ranking.adjacency, 0.5),
    ("stand_in", |ranking| &mut ranking.stand_in, 0.5),
    ("popularity", |ranking| &mut ranking.popularity, 0.1),
    ("in_stock", |ranking| &mut ranking.in_stock, 0.1),
];

/// Makes a change such as `name.weight=4`.
pub fn set(ranking: &mut Ranking, change: &str) -> Result<()> {
    let (name, value) = change.split_once('=').ok_or("a change is NAME=NUMBER")?;
    let number = NUMBERS.iter().find(|(known, ..)| *known == name);
    let (_, access, _) = number.ok_or_else(|| format!("the ranking has no {name}"))?;
    *access(ranking) = value.parse()?;
    Ok(())
}

/// Prints what is lost without each part.
pub async fn ablate(shop: &Shop, graded: &Graded, ranking: &Ranking) -> Result<()> {
    let whole = mean(&shop.figures(graded, ranking).await?);
    say("| without | NDCG@10 | difference |")?;
    say("|---|---|---|")?;
    for (name, access, _) in &NUMBERS {
        let mut without = ranking.clone();
        if *access(&mut without) == 0.0 || *name == "saturation" {
            continue;
        }
        *access(&mut without) = 0.0;
        let figure = mean(&shop.figures(graded, &without).await?);
        say(format!("| {name} | {figure:.4} | {:+.4} |", figure - whole))?;
    }
    Ok(())
}

/// The queries' figures that are of a fold, or are not.
fn part(figures: &[f64], fold: usize, within: bool) -> Vec<f64> {
    let of = figures.iter().enumerate().filter(|(n, _)| (n % FOLDS == fold) == within);
    of.map(|(_, figure)| *figure).collect()
}

/// Looks for better numbers by all queries but those of a fold, for each fold, and prints what
/// those are worth for the fold itself; then by all queries.
pub async fn tune(shop: &Shop, graded: &Graded, from: &Ranking, only: &[String]) -> Result<()> {
    let before = shop.figures(graded, from).await?;
    let mut unseen = Vec::new();
    for fold in 0..FOLDS {
        let judge = |figures: &[f64]| mean(&part(figures, fold, false));
        let found = climb(shop, graded, from, only, &judge).await?;
        let figures = shop.figures(graded, &found).await?;
        let (was, is) = (part(&before, fold, true), part(&figures, fold, true));
        say(format!("fold {fold}: unseen {:.4} -> {:.4}", mean(&was), mean(&is)))?;
        unseen.extend(is);
    }
    say(format!("unseen queries: {:.4} -> {:.4}", mean(&before), mean(&unseen)))?;
    let found = climb(shop, graded, from, only, &mean).await?;
    let after = shop.figures(graded, &found).await?;
    say(format!("all queries: {:.4} -> {:.4} with {found:#?}", mean(&before), mean(&after)))
}

/// Changes one number after the other, as long as that gains.
async fn climb(
    shop: &Shop,
    graded: &Graded,
    from: &Ranking,
    only: &[String],
    judge: &(dyn Fn(&[f64]) -> f64 + Sync),
) -> Result<Ranking> {
    let mut best = from.clone();
    let mut worth = judge(&shop.figures(graded, &best).await?);
    for _ in 0..ROUNDS {
        let before = worth;
        for (name, access, first) in &NUMBERS {
            if !only.is_empty() && !only.iter().any(|one| one == name) {
                continue;
            }
            let value = *access(&mut best.clone());
            let tries: Vec<f32> = if value == 0.0 {
                vec![*first]
            } else {
                FACTORS.iter().map(|factor| value * factor).chain([0.0]).collect()
            };
            for value in tries {
                let mut tried = best.clone();
                *access(&mut tried) = value;
                if tried.saturation <= 0.0 || tried.name.length > 1.0 {
                    continue;
                }
                let figure = judge(&shop.figures(graded, &tried).await?);
                if figure > worth + GAIN_MIN {
                    (best, worth) = (tried, figure);
                }
            }
        }
        if worth - before < GAIN_MIN {
            break;
        }
    }
    Ok(best)
}
