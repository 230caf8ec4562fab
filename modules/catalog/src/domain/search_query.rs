/// How many words of a search text are looked at; the rest of it is ignored.
pub const QUERY_WORDS_MAX: usize = 16;

/// What a search text asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchQuery {
    /// What stands between spaces and quotes, in the order of the text.
    pub words: Vec<String>,
    /// What stands between quotes: a product must have it as it stands.
    pub phrases: Vec<String>,
    /// Words and phrases after a `-`: a product must not have them.
    pub excluded: Vec<String>,
}

/// The text has no word that could be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have a word that is to be found: letters or digits, and not only after a -")]
pub struct NoWord;

impl SearchQuery {
    /// Reads a text: `word`, `"a phrase"`, `-word`, `-"a phrase"`. Whatever else it has is taken
    /// for what stands between words, so that no text but an empty one is wrong.
    pub fn parse(text: &str) -> Result<Self, NoWord> {
        let mut query = Self::default();
        let mut rest = text.trim_start();
        let mut count = 0;
        while !rest.is_empty() && count < QUERY_WORDS_MAX {
            let (excluded, begun) = match rest.strip_prefix('-') {
                Some(begun) => (true, begun),
                None => (false, rest),
            };
            let (piece, quoted, behind) = piece(begun);
            rest = behind.trim_start();
            if !piece.contains(char::is_alphanumeric) {
                continue;
            }
            let room = QUERY_WORDS_MAX - count;
            let words: Vec<&str> = piece.split_whitespace().take(room).collect();
            count += words.len();
            match (excluded, quoted) {
                (true, _) => query.excluded.push(words.join(" ")),
                (false, true) => {
                    query.phrases.push(words.join(" "));
                    query.words.extend(words.into_iter().map(str::to_owned));
                }
                (false, false) => query.words.push(piece.to_owned()),
            }
        }
        if query.words.is_empty() { Err(NoWord) } else { Ok(query) }
    }
}

/// The first word or quoted phrase of a text, whether it was quoted, and what is behind it.
fn piece(text: &str) -> (&str, bool, &str) {
    if let Some((phrase, behind)) = text.strip_prefix('"').and_then(|text| text.split_once('"')) {
        return (phrase, true, behind);
    }
    let text = text.strip_prefix('"').unwrap_or(text);
    let end = text.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(text.len());
    let (word, behind) = text.split_at(end);
    (word, false, behind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
        let query = SearchQuery::parse(text).unwrap();
        (query.words, query.phrases, query.excluded)
    }

    fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
        texts.map(str::to_owned).to_vec()
    }

    #[test]
    fn words_phrases_and_exclusions_are_told_apart() {
        let query = read("desk \"red lamp\" -case -\"for kids\" tn-2110");
        assert_eq!(query.0, texts(["desk", "red", "lamp", "tn-2110"]));
        assert_eq!(query.1, texts(["red lamp"]));
        assert_eq!(query.2, texts(["case", "for kids"]));
    }

    #[test]
    fn an_open_quote_is_no_quote() {
        assert_eq!(read("19\" screen").0, texts(["19", "screen"]));
        assert_eq!(read("\"desk lamp").0, texts(["desk", "lamp"]));
    }

    #[test]
    fn a_text_without_a_word_is_refused() {
        for text in ["", " ", "-", "\"\"", "-lamp", "- * ( ) \"", "🎉", "--", "-\"a b\""] {
            assert_eq!(SearchQuery::parse(text), Err(NoWord), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_within_bounds(text in ".{0,300}") {
            if let Ok(query) = SearchQuery::parse(&text) {
                let words = |texts: &[String]| -> usize {
                    texts.iter().map(|text| text.split_whitespace().count()).sum()
                };
                prop_assert!(words(&query.words) + words(&query.excluded) <= QUERY_WORDS_MAX);
                prop_assert!(query.words.iter().all(|word| text.contains(word.as_str())));
            }
        }

        #[test]
        fn plain_words_stay_as_they_are(words in proptest::collection::vec("[a-z0-9]{1,9}", 1..16)) {
            prop_assert_eq!(read(&words.join(" ")).0, words);
        }
    }
}
