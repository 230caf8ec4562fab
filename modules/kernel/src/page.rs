//! Lists: a bounded page and an opaque cursor to the next one.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::{Problem, code};

/// How many items a page has unless the caller says.
pub const LIMIT_DEFAULT: u32 = 24;
/// The most items a page can have.
pub const LIMIT_MAX: u32 = 100;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// What to pass as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// Which page a caller wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^([0-9a-fA-F]{2})+$")]
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The limit, or a problem that names what is allowed.
    pub fn limit(&self) -> Result<u32, Problem> {
        match self.limit.unwrap_or(LIMIT_DEFAULT) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            _ => Err(Problem::invalid("limit", format!("must be 1 to {LIMIT_MAX}"))),
        }
    }

    /// The position the cursor holds, when there is one.
    pub fn position<K: for<'de> Deserialize<'de>>(&self) -> Result<Option<K>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let broken = || {
            Problem::new(code::INVALID_VALUE, "cursor: must be the next_cursor of an earlier page")
                .field("cursor", "must be the next_cursor of an earlier page")
        };
        let bytes = decode_hex(cursor).ok_or_else(broken)?;
        serde_json::from_slice(&bytes).map(Some).map_err(|_| broken())
    }
}

impl<T> Page<T> {
    /// Makes a page of `limit` items from a list that was read one item further, so that its
    /// length tells whether there is a next page. `key` is an item's position in the order.
    pub fn cut<K: Serialize>(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = match items.last() {
            Some(last) if more => Some(cursor(&key(last))),
            _ => None,
        };
        Self { items, next_cursor }
    }

    /// The same page of other items.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(each).collect(), next_cursor: self.next_cursor }
    }
}

/// An opaque cursor that holds a position.
pub fn cursor<K: Serialize>(position: &K) -> String {
    let json = serde_json::to_vec(position).unwrap_or_default();
    json.iter().fold(String::with_capacity(json.len() * 2), |mut text, byte| {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
        text
    })
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_gives_its_position_back() {
        let query = PageQuery { limit: None, cursor: Some(cursor(&("a", 3))) };
        assert_eq!(query.position::<(String, i64)>(), Ok(Some(("a".to_owned(), 3))));
        let forged = PageQuery { limit: None, cursor: Some("zz".to_owned()) };
        assert!(forged.position::<(String, i64)>().is_err());
    }

    #[test]
    fn a_page_is_cut_at_its_limit() {
        let page = Page::cut(vec![1, 2, 3], 2, |n| *n);
        assert_eq!(page.items, [1, 2]);
        assert!(page.next_cursor.is_some());
        assert_eq!(Page::cut(vec![1, 2], 2, |n| *n).next_cursor, None);
    }

    #[test]
    fn limits_are_enforced() {
        let limit = |limit| PageQuery { limit, cursor: None }.limit();
        assert_eq!(limit(None), Ok(LIMIT_DEFAULT));
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(101)).is_err());
    }
}
