//! A text as a row of tokens, and what every rule asks of it.

use super::token::Token;
use super::words::{COMPARING, VALUES};

/// A text as tokens, and whether its beginning closes a quote.
pub(super) struct Phrase<'a> {
    pub(super) tokens: &'a [Token<'a>],
    pub(super) quoted: bool,
    /// The first token that ends a value, after which SQL may go on.
    first_break: usize,
}

/// How far ahead a rule looks for another part of its statement, so that time stays proportional.
const AHEAD: usize = 48;

impl<'a> Phrase<'a> {
    pub(super) fn new(tokens: &'a [Token<'a>], quoted: bool) -> Self {
        let breaks = |token: &Token<'_>| {
            matches!(
                token,
                Token::Number
                    | Token::Text { .. }
                    | Token::Close
                    | Token::Semicolon
                    | Token::Variable
            )
        };
        let first_break = tokens.iter().position(breaks).unwrap_or(tokens.len());
        Self { tokens, quoted, first_break }
    }

    pub(super) fn ahead(&self, index: usize) -> &'a [Token<'a>] {
        let rest = self.tokens.get(index..).unwrap_or_default();
        &rest[..rest.len().min(AHEAD)]
    }

    pub(super) fn has_ahead(&self, index: usize, word: &str) -> bool {
        self.ahead(index).iter().any(|token| token.is_word(word))
    }

    pub(super) fn at(&self, index: usize) -> Option<Token<'a>> {
        self.tokens.get(index).copied()
    }

    pub(super) fn is_end(&self, index: usize) -> bool {
        matches!(self.at(index), None | Some(Token::Comment | Token::Semicolon))
    }

    /// The first token from here that neither opens a parenthesis nor negates.
    pub(super) fn operand(&self, mut index: usize) -> usize {
        while self.at(index).is_some_and(|token| {
            matches!(token, Token::Open | Token::Operator)
                || token.is_word("not")
                || token.is_word("binary")
        }) {
            index += 1;
        }
        index
    }

    /// The token after a comparison that begins here. Words compare only in company: `in (`,
    /// `is null`, `not like`.
    pub(super) fn past_comparison(&self, index: usize) -> Option<usize> {
        let token = self.at(index)?;
        let next = self.at(index + 1);
        let in_company = if token.is_word("not") {
            return next.filter(|next| next.is(COMPARING)).map(|_| index + 2);
        } else if token.is_word("in") {
            next == Some(Token::Open)
        } else if token.is_word("is") {
            next.is_some_and(|next| next.is(VALUES) || next.is_word("not"))
        } else {
            token.compares()
        };
        in_company.then_some(index + 1)
    }

    pub(super) fn past_closing(&self, mut index: usize) -> usize {
        while self.at(index) == Some(Token::Close) {
            index += 1;
        }
        index
    }

    /// Whether the text was led out of a quote, a number or a parenthesis before this token.
    pub(super) fn broken_out(&self, index: usize) -> bool {
        self.quoted || self.first_break < index
    }
}
