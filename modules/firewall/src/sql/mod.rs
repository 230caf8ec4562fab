//! Tells SQL from a shop's words: a text is read as if it stood in a statement, bare or after an
//! opening quote, and asked whether it goes on as a statement would and a sentence would not.

mod clauses;
mod conditions;
mod phrase;
mod statements;
mod token;
mod words;

use crate::rules::Rule;
use phrase::Phrase;
use words::{JOINING, STATEMENTS};

/// The rules that a text breaks; the text is in lower case.
pub(crate) fn detect(text: &[u8], found: &mut Vec<Rule>) {
    let (single, double) = (text.contains(&b'\''), text.contains(&b'"'));
    if !single && !double && !words::any(text) {
        return;
    }
    read(text, None, found);
    if single {
        read(text, Some(b'\''), found);
    }
    if double {
        read(text, Some(b'"'), found);
    }
}

/// Whether a rule is broken at one token.
type Check = for<'p, 'a> fn(&'p Phrase<'a>, usize) -> bool;

const CHECKS: [(Rule, Check); 8] = [
    (Rule::SqliUnion, |on, at| on.union(at)),
    (Rule::SqliStatement, |on, at| on.statement(at)),
    (Rule::SqliStacked, |on, at| on.stacked(at)),
    (Rule::SqliCondition, |on, at| on.condition(at)),
    (Rule::SqliFunction, |on, at| on.dangerous(at)),
    (Rule::SqliFunction, |on, at| on.function(at)),
    (Rule::SqliClause, |on, at| on.clause(at)),
    (Rule::SqliQuote, |on, at| on.quote(at)),
];

fn read(text: &[u8], quote: Option<u8>, found: &mut Vec<Rule>) {
    let tokens = token::tokens(text, quote);
    let phrase = Phrase::new(&tokens.all, quote.is_some());
    for (at, token) in phrase.tokens.iter().enumerate() {
        let goes_on = phrase.quoted && at == 1;
        if !goes_on && !token.begins() {
            continue;
        }
        for (rule, breaks) in CHECKS {
            if !found.contains(&rule) && breaks(&phrase, at) {
                found.push(rule);
            }
        }
    }
    if tokens.spacers > 1
        && !found.contains(&Rule::SqliComment)
        && phrase.tokens.iter().any(|token| token.is(STATEMENTS) || token.is(JOINING))
    {
        found.push(Rule::SqliComment);
    }
}
