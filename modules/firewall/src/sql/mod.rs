//! Tells SQL from a shop's words: a text is read as if it stood in a statement, bare or after an
//! opening quote, and asked whether it goes on as a statement would and a sentence would not.

mod token;
mod words;

use crate::rules::Rule;
use token::Token;
use words::{CLAUSES, COMPARING, DANGEROUS, JOINING, STATEMENTS, SYSTEM, VALUES};

/// The rules that a text breaks; the text is in lower case.
pub(crate) fn detect(text: &[u8], found: &mut Vec<Rule>) {
    read(text, None, found);
    for quote in [b'\'', b'"'] {
        if text.contains(&quote) {
            read(text, Some(quote), found);
        }
    }
}

/// Whether a rule is broken at one token.
type Check = for<'p, 'a> fn(&'p Phrase<'a>, usize) -> bool;

fn read(text: &[u8], quote: Option<u8>, found: &mut Vec<Rule>) {
    let tokens = token::tokens(text, quote);
    let phrase = Phrase::new(&tokens.all, quote.is_some());
    let checks: [(Rule, Check); 8] = [
        (Rule::SqliUnion, |on, at| on.union(at)),
        (Rule::SqliStatement, |on, at| on.statement(at)),
        (Rule::SqliStacked, |on, at| on.stacked(at)),
        (Rule::SqliCondition, |on, at| on.condition(at)),
        (Rule::SqliFunction, |on, at| on.dangerous(at)),
        (Rule::SqliFunction, |on, at| on.function(at)),
        (Rule::SqliClause, |on, at| on.clause(at)),
        (Rule::SqliQuote, |on, at| on.quote(at)),
    ];
    for at in 0..phrase.tokens.len() {
        for (rule, breaks) in checks {
            if !found.contains(&rule) && breaks(&phrase, at) {
                found.push(rule);
            }
        }
    }
    if tokens.spacers > 1
        && phrase.tokens.iter().any(|token| token.is(STATEMENTS) || token.is(JOINING))
    {
        found.push(Rule::SqliComment);
    }
}

/// A text as tokens, and whether its beginning closes a quote.
struct Phrase<'a> {
    tokens: &'a [Token<'a>],
    quoted: bool,
    /// The first token that ends a value, after which SQL may go on.
    first_break: usize,
}

/// How far ahead a rule looks for another part of its statement, so that time stays proportional.
const AHEAD: usize = 48;

impl Token<'_> {
    fn word(&self) -> Option<&[u8]> {
        match self {
            Self::Word(word) | Self::Call(word) => Some(word),
            _ => None,
        }
    }

    fn is(&self, words: &[&str]) -> bool {
        self.word()
            .is_some_and(|word| words.binary_search_by(|known| known.as_bytes().cmp(word)).is_ok())
    }

    fn is_word(&self, wanted: &str) -> bool {
        self.word() == Some(wanted.as_bytes())
    }

    /// AND, OR and what does the same.
    fn joins(&self) -> bool {
        matches!(self, Self::Ampersands | Self::Pipes) || self.is(JOINING)
    }

    fn compares(&self) -> bool {
        matches!(self, Self::Compare) || self.is(COMPARING)
    }

    fn is_literal(&self) -> bool {
        matches!(self, Self::Number | Self::Text { .. } | Self::Variable) || self.is(VALUES)
    }
}

impl<'a> Phrase<'a> {
    fn new(tokens: &'a [Token<'a>], quoted: bool) -> Self {
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

    fn ahead(&self, index: usize) -> &'a [Token<'a>] {
        let rest = self.tokens.get(index..).unwrap_or_default();
        &rest[..rest.len().min(AHEAD)]
    }

    fn has_ahead(&self, index: usize, word: &str) -> bool {
        self.ahead(index).iter().any(|token| token.is_word(word))
    }

    fn at(&self, index: usize) -> Option<Token<'a>> {
        self.tokens.get(index).copied()
    }

    fn is_end(&self, index: usize) -> bool {
        matches!(self.at(index), None | Some(Token::Comment | Token::Semicolon))
    }

    /// The first token from here that neither opens a parenthesis nor negates.
    fn operand(&self, mut index: usize) -> usize {
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
    fn past_comparison(&self, index: usize) -> Option<usize> {
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

    fn past_closing(&self, mut index: usize) -> usize {
        while self.at(index) == Some(Token::Close) {
            index += 1;
        }
        index
    }

    /// Whether the text was led out of a quote, a number or a parenthesis before this token.
    fn broken_out(&self, index: usize) -> bool {
        self.quoted || self.first_break < index
    }

    /// What a list of columns may begin with, and a sentence does not.
    fn columns(&self, mut index: usize) -> bool {
        if self.at(index).is_some_and(|token| token.is(words::QUANTITIES)) {
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
                    || name.contains(&b'_')
                    || name.contains(&b'.')
                    || matches!(
                        self.at(index + 1),
                        Some(Token::Comment | Token::Semicolon | Token::Close)
                    )
                    || self.at(index + 1).is_some_and(|next| next.is(CLAUSES))
            }
            _ => false,
        }
    }

    fn union(&self, index: usize) -> bool {
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
    fn statement(&self, index: usize) -> bool {
        let Some(verb) = self.tokens[index].word() else { return false };
        let next = self.at(index + 1);
        let follows = |word: &str| next.is_some_and(|token| token.is_word(word));
        match verb {
            b"select" => {
                self.columns(index + 1)
                    && (index == 0
                        || self.tokens[index - 1] == Token::Open
                        || self.broken_out(index)
                        || self.has_ahead(index, "from"))
            }
            b"insert" | b"replace" => {
                follows("into")
                    && self
                        .ahead(index)
                        .iter()
                        .any(|token| token.is_word("values") || token.is_word("select"))
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
                next.is_some_and(|token| token.is(words::THINGS))
                    && matches!(self.at(index + 2), Some(Token::Word(_) | Token::Call(_)))
                    && self.broken_out(index)
                    && (self.is_end(index + 3)
                        || matches!(self.at(index + 2), Some(Token::Call(_))))
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
            b"case" => follows("when") && self.has_ahead(index, "then"),
            _ => false,
        }
    }

    fn assigns(&self, index: usize) -> bool {
        matches!(self.at(index), Some(Token::Word(_))) && self.at(index + 1) == Some(Token::Compare)
    }

    /// A second statement after a semicolon.
    fn stacked(&self, index: usize) -> bool {
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
                    || next.is(words::THINGS)
                    || self.columns(index + 2) && (self.broken_out(index) || next != Token::Number)
                    || verb.is_word("shutdown")
            }
        }
    }

    /// `or 1=1` and its kin: a junction or WHERE, and a comparison that needs no column.
    fn condition(&self, index: usize) -> bool {
        let token = self.tokens[index];
        let leads = token.joins() || token.is(words::FILTERS);
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

    /// A call of what only a database knows and only an attacker wants.
    fn dangerous(&self, index: usize) -> bool {
        match self.tokens[index] {
            Token::Call(name) => {
                Token::Call(name).is(DANGEROUS)
                    || name.contains(&b'.')
                        && Token::Call(name.split(|b| *b == b'.').next().unwrap_or_default())
                            .is(SYSTEM)
            }
            Token::Word(name) => {
                let schema = name.split(|byte| *byte == b'.').next().unwrap_or_default();
                let telling = schema.iter().any(|byte| matches!(byte, b'_' | b'$'))
                    || schema.starts_with(b"sys");
                Token::Word(schema).is(SYSTEM) && (name.contains(&b'.') || telling && index > 0)
            }
            _ => false,
        }
    }

    /// A call of a database's function where a sentence has none: after a break, or inside another.
    fn function(&self, index: usize) -> bool {
        let Token::Call(name) = self.tokens[index] else { return false };
        if !Token::Call(name).is(words::FUNCTIONS) || self.at(index + 1) != Some(Token::Open) {
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
    fn clause(&self, index: usize) -> bool {
        let Some(word) = self.tokens[index].word() else { return false };
        let next = self.at(index + 1);
        let out = self.quoted && index == 1;
        match word {
            b"order" | b"group" => {
                next.is_some_and(|token| token.is_word("by"))
                    && match self.at(self.operand(index + 2)) {
                        Some(Token::Number) => {
                            self.is_end(self.past_closing(self.operand(index + 2) + 1)) || out
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
                        || self.at(index + 2) == Some(Token::Comma) && self.broken_out(index))
            }
            b"procedure" => next.is_some_and(|token| token.is_word("analyse")),
            b"in" => next.is_some_and(|token| token.is_word("boolean")) && out,
            b"rlike" | b"regexp" | b"sounds" | b"div" => {
                out && next.is_some_and(|token| token.is_literal() || token == Token::Open)
            }
            _ => false,
        }
    }

    /// A quote that closes what was open, and goes on as a statement would.
    fn quote(&self, index: usize) -> bool {
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
