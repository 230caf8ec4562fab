use std::str::FromStr;

use kernel::problem::FieldError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Findings, SYNONYM_TERM_MAX, SYNONYM_TERMS_MAX};

/// Which of the terms stand for which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SynonymKind {
    /// Each finds the others.
    Equivalent,
    /// The first finds the others, and not the other way round: `tablet`, then `ipad`.
    OneWay,
}

impl SynonymKind {
    /// The word it is stored and sent as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::OneWay => "one_way",
        }
    }
}

/// The word is no kind of synonyms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be equivalent or one_way")]
pub struct UnknownSynonymKind;

impl FromStr for SynonymKind {
    type Err = UnknownSynonymKind;

    fn from_str(word: &str) -> Result<Self, UnknownSynonymKind> {
        [Self::Equivalent, Self::OneWay]
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or(UnknownSynonymKind)
    }
}

/// Terms that a search takes for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Synonym {
    /// The synonyms.
    pub id: Uuid,
    /// Which of the terms stand for which.
    pub kind: SynonymKind,
    /// The terms, of one word or several.
    pub terms: Vec<String>,
    /// 1 when created, one more with each change.
    pub version: i64,
}

/// Synonyms as the staff writes them.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "equivalent", "terms": ["tv", "television"]}))]
pub struct SynonymInput {
    /// Which of the terms stand for which.
    pub kind: SynonymKind,
    /// 2 to 20 terms of at most 100 characters.
    #[schema(min_items = 2, max_items = 20)]
    pub terms: Vec<String>,
}

impl SynonymInput {
    /// The synonyms it describes, or every field that is not allowed.
    pub(crate) fn synonym(self, id: Uuid, version: i64) -> Result<Synonym, Vec<FieldError>> {
        let mut found = Findings::default();
        if self.terms.len() < 2 {
            found.add("terms", "must be at least 2 terms".to_owned());
        }
        if found.at_most("terms", self.terms.len(), SYNONYM_TERMS_MAX) {
            for (n, term) in self.terms.iter().enumerate() {
                found.text(&format!("terms[{n}]"), term, 1, SYNONYM_TERM_MAX);
            }
        }
        if found.0.is_empty() {
            Ok(Synonym { id, kind: self.kind, terms: self.terms, version })
        } else {
            Err(found.0)
        }
    }
}

impl Synonym {
    /// Each term with another one that stands for it.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let from = match self.kind {
            SynonymKind::Equivalent => self.terms.len(),
            SynonymKind::OneWay => 1,
        };
        self.terms.iter().take(from).enumerate().flat_map(|(n, term)| {
            let others = self.terms.iter().enumerate().filter(move |(m, _)| *m != n);
            others.map(move |(_, other)| (term.as_str(), other.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(kind: SynonymKind) -> Vec<(String, String)> {
        let terms = ["a", "b", "c"].map(str::to_owned).to_vec();
        let synonym = Synonym { id: Uuid::nil(), kind, terms, version: 1 };
        synonym.pairs().map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    }

    #[test]
    fn equivalent_terms_stand_for_each_other_and_others_one_way() {
        assert_eq!(pairs(SynonymKind::Equivalent).len(), 6);
        let one_way = pairs(SynonymKind::OneWay);
        assert_eq!(one_way, [("a", "b"), ("a", "c")].map(|(a, b)| (a.into(), b.into())));
    }

    #[test]
    fn one_term_is_none() {
        let input = SynonymInput { kind: SynonymKind::Equivalent, terms: vec!["tv".to_owned()] };
        assert_eq!(input.synonym(Uuid::nil(), 1).unwrap_err()[0].field, "terms");
    }
}
