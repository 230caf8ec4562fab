use serde::Deserialize;

/// How products that a text finds are ranked: BM25F (Robertson, Zaragoza: "The Probabilistic
/// Relevance Framework", 2009) over a product's fields, times how much of the text it has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ranking {
    /// How much a word counts by the field it stands in, and how much the field's length matters.
    pub name: FieldWeight,
    /// The same for the brand.
    pub brand: FieldWeight,
    /// The same for the categories.
    pub categories: FieldWeight,
    /// The same for the description.
    pub description: FieldWeight,
    /// The same for the attributes.
    pub attributes: FieldWeight,
    /// How much a whole SKU or barcode counts.
    pub code: f32,
    /// How slowly further occurrences of a word stop counting (BM25's k1).
    pub saturation: f32,
    /// The power to which the share of the text that a product has is taken.
    pub coverage: f32,
    /// The least share of the text, by the weight of its words, that a product needs; 0 to 1.
    pub coverage_min: f32,
    /// How much neighbours in the text count that are neighbours in the name.
    pub adjacency: f32,
    /// How much a word counts that stands in for another one: a synonym, or a corrected word.
    pub stand_in: f32,
    /// How much popularity counts: what a product gains whose rank is the highest.
    pub popularity: f32,
    /// How much it counts that a product is in stock.
    pub in_stock: f32,
}

/// What a word in a field counts.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldWeight {
    /// The factor.
    pub weight: f32,
    /// How much a long field counts less: 0 not at all, 1 fully (BM25's b).
    pub length: f32,
}

impl FieldWeight {
    const fn new(weight: f32, length: f32) -> Self {
        Self { weight, length }
    }

    /// What occurrences of a word count in a field whose length is `relative` to the average.
    pub fn frequency(self, occurrences: f32, relative: f32) -> f32 {
        self.weight * occurrences / (1.0 - self.length + self.length * relative)
    }
}

impl Default for Ranking {
    fn default() -> Self {
        Self {
            name: FieldWeight::new(3.0, 0.5),
            brand: FieldWeight::new(2.0, 0.0),
            categories: FieldWeight::new(2.0, 0.0),
            description: FieldWeight::new(2.0, 0.5),
            attributes: FieldWeight::new(0.3, 0.5),
            code: 100.0,
            saturation: 1.2,
            coverage: 3.0,
            coverage_min: 0.4,
            adjacency: 0.5,
            stand_in: 0.7,
            popularity: 0.1,
            in_stock: 0.0,
        }
    }
}

impl Ranking {
    /// What a word counts that `found` of `products` have (the idf of BM25).
    pub fn rarity(found: u64, products: u64) -> f32 {
        let (found, products) = (real(found), real(products.max(found)));
        (1.0 + (products - found + 0.5) / (found + 0.5)).ln()
    }

    /// What a word's frequency over all fields is worth; between 0 and 1.
    pub fn saturated(&self, frequency: f32) -> f32 {
        frequency / (frequency + self.saturation)
    }

    /// The score of a product that has `had` of the `asked` weight of words.
    pub fn covered(&self, score: f32, had: f32, asked: f32) -> f32 {
        if had >= asked { score } else { score * (had / asked).powf(self.coverage) }
    }
}

/// A count as a real number.
#[expect(clippy::cast_precision_loss, reason = "ranking needs no exact counts")]
pub fn real(count: u64) -> f32 {
    count as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rarer_words_count_more(found in 0_u64..1_000, more in 1_u64..1_000) {
            let rare = Ranking::rarity(found, 10_000);
            prop_assert!(rare > Ranking::rarity(found + more, 10_000));
            prop_assert!(rare > 0.0 && rare.is_finite());
        }

        #[test]
        fn more_occurrences_count_more_and_never_without_bound(n in 1_u64..1_000) {
            let ranking = Ranking::default();
            let one = ranking.saturated(ranking.name.frequency(real(n), 1.0));
            let two = ranking.saturated(ranking.name.frequency(real(n + 1), 1.0));
            prop_assert!(one < two && two < 1.0);
        }

        #[test]
        fn a_product_with_more_of_the_text_is_worth_more(had in 0.0_f32..1.0) {
            let ranking = Ranking::default();
            prop_assert!(ranking.covered(1.0, had, 1.0) <= ranking.covered(1.0, 1.0, 1.0));
        }
    }
}
