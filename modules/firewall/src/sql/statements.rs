//! Whole statements, and what joins a second one to the first.

use super::phrase::Phrase;
use super::token::Token;
use super::words::{CLAUSES, QUANTITIES, STATEMENTS, SYSTEM, THINGS, VALUES};

impl Phrase<'_> {
    pub(super) fn union(&self, index: usize) -> bool {
        if !self.tokens[index].is_word("union") {
            return false;
        }
        let mut next = index + 1;
        while self.at(next).is_some_and(|token| {
            matches!(token, Token::Open | Token::Comment)
                || token.is_word("all")
                || token.is_word("distinct")
        }) {
            next += 1;
        }
        match self.at(next) {
            Some(token) if token.is_word("select") => {
                self.columns(next + 1)
                    || self.at(next + 1).is_none_or(|after| after == Token::Comment)
                    || (index > 0 && self.ahead(next).contains(&Token::Comma))
                    || (self.broken_out(index) && self.has_ahead(next, "from"))
            }
            Some(token) => token.is_word("values") && self.at(next + 1) == Some(Token::Open),
            None => self.quoted && index == 1,
        }
    }

    /// A whole statement: its verb and the shape that its grammar demands.
    pub(super) fn statement(&self, index: usize) -> bool {
        let Some(verb) = self.tokens[index].word() else { return false };
        let next = self.at(index + 1);
        let follows = |word: &str| next.is_some_and(|token| token.is_word(word));
        match verb {
            b"select" => {
                self.selects(index)
                    && (index == 0
                        || self.tokens[index - 1] == Token::Open
                        || self.broken_out(index)
                        || self.has_ahead(index, "from"))
            }
            b"insert" | b"replace" => {
                let fills = |token: Token<'_>| {
                    matches!(token, Token::Open)
                        || ["values", "select", "set"].iter().any(|word| token.is_word(word))
                };
                follows("into")
                    && match self.at(index + 2) {
                        Some(Token::Call(_)) => true,
                        Some(Token::Word(_)) => self.at(index + 3).is_some_and(fills),
                        _ => false,
                    }
            }
            b"update" => {
                self.at(index + 2).is_some_and(|token| token.is_word("set"))
                    && self.assigns(index + 3)
            }
            b"set" => self.broken_out(index) && next == Some(Token::Variable),
            b"delete" => {
                follows("from")
                    && matches!(self.at(index + 2), Some(Token::Word(_)))
                    && (self.is_end(index + 3) && (index == 0 || self.broken_out(index))
                        || self.at(index + 3).is_some_and(|token| token.is_word("where")))
            }
            b"drop" | b"alter" | b"create" | b"truncate" => {
                next.is_some_and(|token| token.is(THINGS)) && self.defines(index)
            }
            b"declare" => next == Some(Token::Variable),
            b"waitfor" => {
                (follows("delay") || follows("time"))
                    && matches!(self.at(index + 2), Some(Token::Text { .. }))
            }
            b"into" => follows("outfile") || follows("dumpfile"),
            b"exec" | b"execute" | b"call" => next.is_some_and(|token| {
                token
                    .word()
                    .is_some_and(|name| name.starts_with(b"xp_") || name.starts_with(b"sp_"))
                    || token.word().is_some_and(|name| name.starts_with(b"master"))
                    || (token == Token::Open && self.broken_out(index))
            }),
            b"case" => {
                let condition = self.at(index + 2);
                let is_value =
                    condition.is_some_and(|token| token == Token::Open || token.is_literal());
                follows("when")
                    && (is_value || self.past_comparison(index + 3).is_some())
                    && self.has_ahead(index, "then")
            }
            _ => false,
        }
    }

    /// A second statement after a semicolon.
    pub(super) fn stacked(&self, index: usize) -> bool {
        if self.tokens[index] != Token::Semicolon || !(self.quoted || index > 0) {
            return false;
        }
        let Some(verb) = self.at(index + 1) else { return false };
        if !verb.is(STATEMENTS) {
            return false;
        }
        match self.at(index + 2) {
            None | Some(Token::Comment) => self.quoted,
            Some(Token::Call(_)) => true,
            Some(next) => {
                matches!(verb, Token::Call(_))
                    || next.is(THINGS)
                    || self.columns(index + 2) && (self.broken_out(index) || next != Token::Number)
                    || verb.is_word("shutdown")
            }
        }
    }

    /// Columns that a sentence does not go on after, as it does in `select 2 of them`, `(select 2)`,
    /// `select "XL" if you are tall` and `select size (S to XL)`.
    fn selects(&self, index: usize) -> bool {
        if !self.columns(index + 1) {
            return false;
        }
        let is_inner = index > 0 && self.tokens[index - 1] == Token::Open;
        match (self.at(index + 1), self.at(index + 2)) {
            (Some(Token::Text { .. }), _) if is_inner => true,
            (Some(Token::Number), Some(Token::Close)) => matches!(
                self.at(self.past_closing(index + 2)),
                Some(Token::Compare | Token::Comment)
            ),
            (Some(Token::Number | Token::Text { open: false, .. }), Some(next)) => {
                !matches!(next, Token::Word(_) | Token::Other)
                    || next.is(CLAUSES)
                    || next.is_word("from") && self.source(index + 3)
            }
            (Some(Token::Number), None) => is_inner || self.quoted,
            (Some(Token::Call(name)), _) => name.touches,
            _ => true,
        }
    }

    /// What a list of columns may begin with, and a sentence does not.
    fn columns(&self, mut index: usize) -> bool {
        if self.at(index).is_some_and(|token| token.is(QUANTITIES)) {
            index += 1;
        }
        match self.at(index) {
            Some(
                Token::Star | Token::Number | Token::Variable | Token::Text { .. } | Token::Call(_),
            ) => true,
            Some(Token::Open) => matches!(
                self.at(self.operand(index)),
                Some(
                    Token::Star
                        | Token::Number
                        | Token::Variable
                        | Token::Text { .. }
                        | Token::Call(_)
                        | Token::Word(_)
                )
            ),
            Some(Token::Operator) => self.at(index + 1).is_some_and(|next| next.is_literal()),
            Some(token @ Token::Word(_)) => {
                token.is(VALUES)
                    || token.is_word("case")
                    || match self.at(index + 1) {
                        Some(Token::Comma | Token::Variable | Token::Open) => true,
                        Some(next) if next.is_word("from") => self.source(index + 2),
                        _ => false,
                    }
            }
            _ => false,
        }
    }

    /// A table after FROM, and then what a statement goes on with.
    fn source(&self, index: usize) -> bool {
        match self.at(index) {
            Some(Token::Open | Token::Call(_)) => true,
            Some(token @ Token::Word(name)) => {
                token.is(SYSTEM)
                    || name.text.contains(&b'_')
                    || name.text.contains(&b'.')
                    || matches!(
                        self.at(index + 1),
                        Some(Token::Comment | Token::Semicolon | Token::Close)
                    )
                    || self.at(index + 1).is_some_and(|next| next.is(CLAUSES))
            }
            _ => false,
        }
    }

    /// A table or the like after its verb: as a statement of its own, or with the rest cut off.
    fn defines(&self, index: usize) -> bool {
        let is_second = index > 0 && self.tokens[index - 1] == Token::Semicolon;
        match self.at(index + 2) {
            Some(Token::Call(_)) => self.broken_out(index),
            Some(Token::Word(_)) if is_second => self.is_end(index + 3),
            Some(Token::Word(_)) => {
                self.broken_out(index) && self.is_end(index + 3) && self.at(index + 3).is_some()
            }
            _ => false,
        }
    }

    fn assigns(&self, index: usize) -> bool {
        matches!(self.at(index), Some(Token::Word(_))) && self.at(index + 1) == Some(Token::Compare)
    }
}
