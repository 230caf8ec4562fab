use std::collections::BTreeMap;

use kernel::events::{ClickCount, SearchCount, SearchPerformed};
use kernel::id::ProductId;
use uuid::Uuid;

/// The most texts that are told apart until they are told.
const TEXTS_MAX: usize = 2_000;
/// The most pairs of a text and a product whose clicks are counted until they are told.
const CLICKED_MAX: usize = 2_000;
/// The most counts, of texts and of clicks each, that one event tells.
const EVENT_COUNTS_MAX: usize = 500;
/// The most digits of a number that is noted: those of a barcode (GTIN-13).
const DIGITS_MAX: usize = 13;
/// The least digits of a card number (ISO/IEC 7812); shorter ones are not in use.
const CARD_DIGITS_MIN: usize = 12;

/// What was searched for, and clicked, since it was last told. Bounded: texts beyond the bound are
/// counted as [`SearchPerformed::OTHER`], clicks beyond it are not counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Searches, and those of them that found nothing.
    searches: BTreeMap<String, (i64, i64)>,
    /// Clicks, and the sum of their positions.
    clicks: BTreeMap<(String, ProductId), (i64, i64)>,
}

impl Tally {
    /// Counts a search.
    pub fn searched(&mut self, text: &str, found: bool) {
        self.add_searches(noted(text), 1, i64::from(!found));
    }

    /// Counts a look at a product that a search had found at a position, of which the first is 1.
    pub fn clicked(&mut self, text: &str, product: ProductId, position: i64) {
        self.add_clicks((noted(text), product), 1, position);
    }

    /// Adds what could not be told.
    pub fn add(&mut self, other: Self) {
        for (text, (searches, without)) in other.searches {
            self.add_searches(text, searches, without);
        }
        for (clicked, (clicks, positions)) in other.clicks {
            self.add_clicks(clicked, clicks, positions);
        }
    }

    fn add_searches(&mut self, text: String, searches: i64, without: i64) {
        let full = self.searches.len() >= TEXTS_MAX && !self.searches.contains_key(&text);
        let text = if full { SearchPerformed::OTHER.to_owned() } else { text };
        let counts = self.searches.entry(text).or_default();
        *counts = (counts.0.saturating_add(searches), counts.1.saturating_add(without));
    }

    fn add_clicks(&mut self, clicked: (String, ProductId), clicks: i64, positions: i64) {
        if self.clicks.len() >= CLICKED_MAX && !self.clicks.contains_key(&clicked) {
            return;
        }
        let counts = self.clicks.entry(clicked).or_default();
        *counts = (counts.0.saturating_add(clicks), counts.1.saturating_add(positions));
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.searches.is_empty() && self.clicks.is_empty()
    }

    /// The events that tell it.
    pub fn events(&self) -> Vec<SearchPerformed> {
        let searches: Vec<_> = self.searches.iter().collect();
        let clicks: Vec<_> = self.clicks.iter().collect();
        let (mut searches, mut clicks) =
            (searches.chunks(EVENT_COUNTS_MAX), clicks.chunks(EVENT_COUNTS_MAX));
        let next = || match (searches.next(), clicks.next()) {
            (None, None) => None,
            (searches, clicks) => Some(event(searches.unwrap_or(&[]), clicks.unwrap_or(&[]))),
        };
        std::iter::from_fn(next).collect()
    }
}

fn event(
    searches: &[(&String, &(i64, i64))],
    clicks: &[(&(String, ProductId), &(i64, i64))],
) -> SearchPerformed {
    let search = |&(text, &(searches, without_results)): &(&String, &(i64, i64))| SearchCount {
        text: text.clone(),
        searches,
        without_results,
    };
    let click =
        |&((text, product_id), &(clicks, positions)): &(&(String, ProductId), &(i64, i64))| {
            ClickCount { text: text.clone(), product_id: *product_id, clicks, positions }
        };
    SearchPerformed {
        counts_id: Uuid::now_v7(),
        searches: searches.iter().map(search).collect(),
        clicks: clicks.iter().map(click).collect(),
    }
}

/// A text as it is noted: in lower case, with single spaces; one that may be somebody's address or
/// number is not.
fn noted(text: &str) -> String {
    if is_personal(text) {
        return SearchPerformed::OTHER.to_owned();
    }
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        SearchPerformed::OTHER.to_owned()
    } else {
        words.join(" ").to_lowercase()
    }
}

/// Whether a text looks like an e-mail address, a card number or another long number.
fn is_personal(text: &str) -> bool {
    text.contains(['@', '\u{ff20}'])
        || numbers(text).iter().any(|number| is_personal_number(number))
}

fn is_personal_number(digits: &[char]) -> bool {
    digits.len() > DIGITS_MAX || (digits.len() >= CARD_DIGITS_MIN && luhn(digits))
}

/// The numbers of a text: digits with nothing but spaces and signs between them are one.
fn numbers(text: &str) -> Vec<Vec<char>> {
    let pieces = text.split(|c: char| c.is_alphabetic());
    pieces.map(|piece| piece.chars().filter(|c| c.is_numeric()).collect()).collect()
}

/// The check digit of card numbers (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[char]) -> bool {
    let digits = digits.iter().rev().filter_map(|digit| digit.to_digit(10)).enumerate();
    let sum: u32 = digits
        .map(|(place, digit)| match digit * (1 + u32::from(place % 2 == 1)) {
            doubled @ 10.. => doubled - 9,
            single => single,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn told(tally: &Tally) -> HashMap<String, (i64, i64)> {
        let counts = tally.events().into_iter().flat_map(|event| event.searches);
        counts.map(|count| (count.text, (count.searches, count.without_results))).collect()
    }

    #[test]
    fn a_text_is_counted_whatever_its_case_and_spaces() {
        let mut tally = Tally::default();
        for (text, found) in [("HDMI  cable", true), (" hdmi cable ", false), ("lamp", true)] {
            tally.searched(text, found);
        }
        let expected = [("hdmi cable".to_owned(), (2, 1)), ("lamp".to_owned(), (1, 0))];
        assert_eq!(told(&tally), expected.into());
    }

    #[test]
    fn personal_texts_are_not_noted() {
        for personal in [
            "ada@example.com",
            "order of ada＠example.com",
            "4242 4242 4242 4242",
            "4242-4242-4242-4242 12/30",
            "5105105105105100",
            "4222222222222",
            "+49 (0) 170 123 45 67 89",
            "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
        ] {
            assert_eq!(noted(personal), SearchPerformed::OTHER, "{personal}");
        }
        for harmless in ["usb 3.0 128 gb", "4006381333931", "rtx 4090 24gb", "iphone 15 pro"] {
            assert_eq!(noted(harmless), harmless);
        }
    }

    #[test]
    fn more_texts_than_are_told_apart_are_counted_as_others() {
        let mut tally = Tally::default();
        for number in 0..TEXTS_MAX + 10 {
            tally.searched(&format!("text {number}"), false);
        }
        let told = told(&tally);
        assert_eq!(told.len(), TEXTS_MAX + 1);
        assert_eq!(told[SearchPerformed::OTHER], (10, 10));
        assert!(tally.events().iter().all(|event| event.searches.len() <= EVENT_COUNTS_MAX));
        for _ in 0..CLICKED_MAX + 10 {
            tally.clicked("lamp", ProductId::new(), 1);
        }
        assert_eq!(tally.clicks.len(), CLICKED_MAX);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whenever_it_is_told(
            searches in prop::collection::vec(("[a-c]{1,2}", any::<bool>(), any::<bool>()), 0..60)
        ) {
            let (mut tally, mut failed) = (Tally::default(), Tally::default());
            let mut expected: HashMap<String, (i64, i64)> = HashMap::new();
            for (text, found, fails) in searches {
                tally.searched(&text, found);
                let counts = expected.entry(text).or_default();
                *counts = (counts.0 + 1, counts.1 + i64::from(!found));
                if fails {
                    failed.add(std::mem::take(&mut tally));
                }
            }
            tally.add(failed);
            prop_assert_eq!(told(&tally), expected);
        }
    }
}
