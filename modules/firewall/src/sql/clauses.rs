//! Functions, system tables and clauses where a sentence has none.

use super::phrase::Phrase;
use super::token::Token;
use super::words::{DANGEROUS, FUNCTIONS, SCHEMA};

impl Phrase<'_> {
    /// A call of what only a database knows and only an attacker wants.
    pub(super) fn dangerous(&self, index: usize) -> bool {
        match self.tokens[index] {
            Token::Call(name) => {
                name.lists.meets(DANGEROUS) && !self.is_aside(index)
                    || name.text.contains(&b'.') && name.lists.meets(SCHEMA)
            }
            Token::Word(name) if name.lists.meets(SCHEMA) => {
                let schema = name.text.split(|byte| *byte == b'.').next().unwrap_or_default();
                let telling = schema.iter().any(|byte| matches!(byte, b'_' | b'$'))
                    || schema.starts_with(b"sys");
                schema.len() < name.text.len() || telling && index > 0
            }
            _ => false,
        }
    }

    /// What a sentence puts in parentheses after a word: `sleep(ing)`, `sleep (5 modes)`.
    fn is_aside(&self, index: usize) -> bool {
        let is_plain =
            |at: usize| self.at(at).is_some_and(|it| !it.begins() && matches!(it, Token::Word(_)));
        let is_word = self.tokens[index].word().is_some_and(|name| !name.contains(&b'_'));
        is_word
            && (is_plain(index + 2) && self.at(index + 3) == Some(Token::Close)
                || self.at(index + 2) == Some(Token::Number) && is_plain(index + 3))
    }

    /// A call of a database's function where a sentence has none: after a break, or inside another.
    pub(super) fn function(&self, index: usize) -> bool {
        let Token::Call(name) = self.tokens[index] else { return false };
        if !name.touches || !name.lists.meets(FUNCTIONS) || self.at(index + 1) != Some(Token::Open)
        {
            return false;
        }
        let inner = self.at(index + 2);
        index == 0 && matches!(inner, Some(Token::Call(_)))
            || index > 0
                && (self.quoted && index < 5
                    || matches!(
                        self.tokens[index - 1],
                        Token::Compare
                            | Token::Operator
                            | Token::Pipes
                            | Token::Ampersands
                            | Token::Open
                            | Token::Comma
                    )
                    || self.tokens[index - 1].joins())
                && matches!(
                    inner,
                    Some(
                        Token::Number
                            | Token::Text { .. }
                            | Token::Call(_)
                            | Token::Close
                            | Token::Variable
                            | Token::Open
                            | Token::Word(_)
                    )
                )
    }

    /// ORDER BY 1, HAVING 1=1, LIMIT and others after which a sentence would not go on so.
    pub(super) fn clause(&self, index: usize) -> bool {
        let Some(word) = self.tokens[index].word() else { return false };
        let next = self.at(index + 1);
        let out = self.quoted && index == 1;
        match word {
            b"order" | b"group" => {
                next.is_some_and(|token| token.is_word("by"))
                    && match self.at(self.operand(index + 2)) {
                        Some(Token::Number) => {
                            let end = self.past_closing(self.operand(index + 2) + 1);
                            let cut = self.at(end) == Some(Token::Comment);
                            let after_value = index > 0
                                && (self.tokens[index - 1].is_literal()
                                    || self.tokens[index - 1] == Token::Close);
                            out || cut || after_value && self.is_end(end)
                        }
                        Some(Token::Call(_)) => true,
                        Some(_) => {
                            out || self.broken_out(index)
                                && self.at(index + 3) == Some(Token::Comment)
                        }
                        None => false,
                    }
            }
            b"having" => out && next.is_some(),
            b"limit" => {
                next == Some(Token::Number)
                    && (out && self.is_end(index + 2)
                        || self.broken_out(index)
                            && self.at(index + 2) == Some(Token::Comma)
                            && self.at(index + 3) == Some(Token::Number))
            }
            b"procedure" => next.is_some_and(|token| token.is_word("analyse")),
            b"in" => next.is_some_and(|token| token.is_word("boolean")) && out,
            b"rlike" | b"regexp" | b"sounds" | b"div" => {
                out && next.is_some_and(|token| token.is_literal() || token == Token::Open)
            }
            _ => false,
        }
    }
}
