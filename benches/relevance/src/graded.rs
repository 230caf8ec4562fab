use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::shop::Result;

/// How many products of a list are looked at.
pub const DEPTH: usize = 10;

/// A query, and the grades that people gave products for it.
#[derive(Debug)]
pub struct Query {
    pub text: String,
    grades: HashMap<String, i32>,
}

/// Queries with at least one good product.
#[derive(Debug)]
pub struct Graded {
    pub queries: Vec<Query>,
}

/// What a product at a place of the list gains, the first place being 0.
fn discounted(grade: i32, place: u32) -> f64 {
    (2_f64.powi(grade) - 1.0) / (f64::from(place) + 2.0).log2()
}

impl Query {
    /// NDCG of a list of SKUs: 1 for the best possible order.
    pub fn ndcg(&self, skus: &[String]) -> f64 {
        let grades = skus.iter().map(|sku| self.grades.get(sku).copied().unwrap_or(0));
        let gained: f64 =
            grades.zip(0..).take(DEPTH).map(|(grade, at)| discounted(grade, at)).sum();
        let mut best: Vec<i32> = self.grades.values().copied().collect();
        best.sort_unstable_by(|a, b| b.cmp(a));
        let ideal: f64 =
            best.into_iter().zip(0..).take(DEPTH).map(|(grade, at)| discounted(grade, at)).sum();
        gained / ideal
    }
}

impl Graded {
    pub fn read(queries: &Path, qrels: &Path) -> Result<Self> {
        let mut grades: HashMap<String, HashMap<String, i32>> = HashMap::new();
        for line in fs::read_to_string(qrels)?.lines().skip(1) {
            if let [query, sku, grade] = line.split('\t').collect::<Vec<_>>()[..] {
                let of = grades.entry(query.to_owned()).or_default();
                of.insert(sku.to_owned(), grade.trim().parse()?);
            }
        }
        let mut read = Vec::new();
        for line in fs::read_to_string(queries)?.lines().skip(1) {
            let Some((id, text)) = line.split_once('\t') else { continue };
            let grades = grades.remove(id).unwrap_or_default();
            if grades.values().any(|grade| *grade > 0) {
                read.push(Query { text: text.trim().to_owned(), grades });
            }
        }
        Ok(Self { queries: read })
    }
}

/// The mean of some figures; 0 of none.
pub fn mean(figures: &[f64]) -> f64 {
    let count = u32::try_from(figures.len()).unwrap_or(u32::MAX);
    if count == 0 { 0.0 } else { figures.iter().sum::<f64>() / f64::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_order_is_worth_one_and_no_product_nothing() {
        let grades = [("A", 3), ("B", 1), ("C", 0)];
        let grades = grades.map(|(sku, grade)| (sku.to_owned(), grade)).into();
        let query = Query { text: String::new(), grades };
        let skus = |skus: &[&str]| skus.iter().map(|sku| (*sku).to_owned()).collect::<Vec<_>>();
        assert!((query.ndcg(&skus(&["A", "B"])) - 1.0).abs() < 1e-9);
        assert!(query.ndcg(&[]).abs() < 1e-9);
        // (1 + 7/log2(3)) / (7 + 1/log2(3))
        assert!((query.ndcg(&skus(&["B", "A"])) - 0.709_810).abs() < 1e-6);
    }
}
