//! Conditions that are always true or false, and quotes that lead to them.

use super::phrase::Phrase;
use super::token::Token;
use super::words::{FILTERS, VALUES};

impl Phrase<'_> {
    /// `or 1=1` and its kin: a junction or WHERE, and a comparison that needs no column.
    pub(super) fn condition(&self, index: usize) -> bool {
        let token = self.tokens[index];
        let leads = token.joins() || token.is(FILTERS);
        if !leads {
            return false;
        }
        let left = self.operand(index + 1);
        let Some(operand) = self.at(left) else { return false };
        let compared = self.past_closing(left + 1);
        let Some(comparison) = self.at(compared) else {
            return self.bare_condition(index, left);
        };
        let Some(next) = self.past_comparison(compared) else {
            return self.bare_condition(index, left);
        };
        let right = self.operand(next);
        match self.at(right) {
            Some(value) if operand.is_literal() => {
                value.is_literal()
                    || matches!(value, Token::Call(_) | Token::Word(_)) && self.broken_out(index)
            }
            Some(value) => {
                self.broken_out(index)
                    && matches!(operand, Token::Word(_))
                    && (value.is_literal() || matches!(value, Token::Call(_)))
                    && comparison == Token::Compare
                    && self.is_end(self.past_closing(right + 1))
            }
            None => false,
        }
    }

    /// `' or 1`, `) or true--`: a junction whose other side is a value, and then the end.
    fn bare_condition(&self, index: usize, left: usize) -> bool {
        let end = self.past_closing(left + 1);
        let ends = self.is_end(end);
        let closes = matches!(self.at(end), Some(Token::Comment));
        match self.at(left) {
            Some(Token::Text { open: true, .. }) => {
                self.quoted && index == 1 && self.tokens[index].joins()
            }
            Some(Token::Number) => {
                ends && index > 0
                    && match self.tokens[index - 1] {
                        Token::Text { .. } => self.quoted && index == 1 || closes,
                        Token::Close => closes || left > index + 1,
                        _ => closes || self.at(index + 1) == Some(Token::Open),
                    }
            }
            Some(value) => value.is(VALUES) && ends && (closes || self.quoted && index == 1),
            None => false,
        }
    }

    /// A quote that closes what was open, and goes on as a statement would.
    pub(super) fn quote(&self, index: usize) -> bool {
        let Token::Text { open: false, quote } = self.tokens[0] else { return false };
        if !self.quoted || index != 1 {
            return false;
        }
        let start = self.past_closing(1);
        match self.at(start) {
            Some(Token::Comment) => self.at(start + 1).is_none(),
            Some(Token::Semicolon) => matches!(self.at(start + 1), Some(Token::Comment)),
            Some(token) => {
                let compares = self.past_comparison(start);
                let goes_on =
                    token.joins() || matches!(token, Token::Operator | Token::Star | Token::Comma);
                if compares.is_none() && !goes_on {
                    return false;
                }
                let value = self.operand(compares.unwrap_or(start + 1));
                match self.at(value) {
                    Some(Token::Text { open: true, quote: last }) => last == quote,
                    Some(Token::Number | Token::Variable | Token::Text { .. } | Token::Word(_)) => {
                        let after = self.past_closing(value + 1);
                        match self.at(after) {
                            Some(Token::Comment) => true,
                            Some(Token::Text { open: true, .. }) => compares.is_some(),
                            Some(next) => {
                                let is_value = self.at(value).is_some_and(|side| side.is_literal());
                                (is_value || token.joins())
                                    && (next.compares() || next.joins())
                                    && self.at(after + 1).is_some_and(|last| last.is_literal())
                            }
                            None => token == Token::Compare,
                        }
                    }
                    Some(Token::Call(_)) => {
                        token.joins() || matches!(token, Token::Operator | Token::Pipes)
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }
}
