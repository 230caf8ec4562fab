//! SQL as a scanner reads it, whatever the dialect: kinds of tokens, no tree.

use super::words::{COMPARING, JOINING, Lists, VALUES, lists};

/// A word as it was written, and the lists that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a [u8],
    pub(super) lists: Lists,
    /// Whether an opening parenthesis follows without a space, as it does after a function's name.
    pub(super) touches: bool,
}

impl<'a> Word<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, lists: lists(text), touches: false }
    }
}

/// What a piece of text is to SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A number in any notation.
    Number,
    /// A quoted string; `open` when the text ended before the closing quote did.
    Text { open: bool, quote: u8 },
    /// A keyword or a name.
    Word(Word<'a>),
    /// A word directly before an opening parenthesis.
    Call(Word<'a>),
    /// `@name` or `@@name`.
    Variable,
    /// `=`, `<`, `!=` and the like.
    Compare,
    /// `+`, `-`, `||` and other operators between values.
    Operator,
    /// `&&`.
    Ampersands,
    /// `||`, which joins texts or means OR.
    Pipes,
    /// `*`, which is also the list of all columns.
    Star,
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `,`.
    Comma,
    /// `;`.
    Semicolon,
    /// `--`, `#` or an unfinished `/*`: what follows does not count.
    Comment,
    /// Anything else.
    Other,
}

impl<'a> Token<'a> {
    pub(super) fn word(&self) -> Option<&'a [u8]> {
        match self {
            Self::Word(word) | Self::Call(word) => Some(word.text),
            _ => None,
        }
    }

    /// The lists that a word is in; a mark is in none.
    fn lists(&self) -> Lists {
        match self {
            Self::Word(word) | Self::Call(word) => word.lists,
            _ => Lists::default(),
        }
    }

    pub(super) fn is(&self, lists: Lists) -> bool {
        self.lists().meets(lists)
    }

    pub(super) fn is_word(&self, wanted: &str) -> bool {
        self.word() == Some(wanted.as_bytes())
    }

    /// AND, OR and what does the same.
    pub(super) fn joins(&self) -> bool {
        matches!(self, Self::Ampersands | Self::Pipes) || self.is(JOINING)
    }

    pub(super) fn compares(&self) -> bool {
        matches!(self, Self::Compare) || self.is(COMPARING)
    }

    pub(super) fn is_literal(&self) -> bool {
        matches!(self, Self::Number | Self::Text { .. } | Self::Variable) || self.is(VALUES)
    }

    /// Whether a rule can begin here: at a word that SQL knows, or at a mark that goes on.
    pub(super) fn begins(&self) -> bool {
        matches!(self, Self::Ampersands | Self::Pipes | Self::Semicolon) || !self.lists().is_none()
    }
}

/// A text in tokens, and how often a comment stood in place of a space.
pub(super) struct Tokens<'a> {
    pub(super) all: Vec<Token<'a>>,
    pub(super) spacers: usize,
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    spacers: usize,
    last_line: usize,
}

/// The tokens of a text that stands in SQL after `quote`, or bare if there is none.
pub(super) fn tokens(text: &[u8], quote: Option<u8>) -> Tokens<'_> {
    let last_line = text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let mut scanner = Scanner { text, at: 0, spacers: 0, last_line };
    let mut all = Vec::with_capacity(32);
    if let Some(quote) = quote {
        all.push(scanner.string(quote));
    }
    while let Some(token) = scanner.next() {
        all.push(token);
    }
    Tokens { all, spacers: scanner.spacers }
}

impl<'a> Scanner<'a> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn take_while(&mut self, holds: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !holds(*byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// What follows an opening quote; doubled and escaped quotes belong to the string.
    fn string(&mut self, quote: u8) -> Token<'a> {
        while self.at < self.text.len() {
            let byte = self.text[self.at];
            self.at += 1;
            if byte == b'\\' {
                self.at = (self.at + 1).min(self.text.len());
            } else if byte == quote {
                if self.peek(0) == quote {
                    self.at += 1;
                } else {
                    return Token::Text { open: false, quote };
                }
            }
        }
        Token::Text { open: true, quote }
    }

    /// A mark of this length begins a comment; in the last line, one that touches a word is a
    /// number sign or an excluded word (`#2`, `--infant`).
    fn is_comment(&self, length: usize) -> bool {
        self.at < self.last_line || !self.peek(length).is_ascii_alphanumeric()
    }

    fn rest_of_line(&mut self) -> Token<'a> {
        self.take_while(|byte| byte != b'\n');
        if self.at < self.text.len() {
            self.spacers += 1;
        }
        Token::Comment
    }

    /// Passes what is a space to SQL: blanks, `/* ... */`, and the marks around what only MySQL runs.
    /// An unfinished comment is a token.
    fn spaces(&mut self) -> Option<Token<'a>> {
        loop {
            self.take_while(|byte| byte <= b' ' || byte == 0x7f);
            match (self.peek(0), self.peek(1), self.peek(2)) {
                (b'/', b'*', b'!') => {
                    self.at += 3;
                    self.take_while(|byte| byte.is_ascii_digit());
                }
                (b'/', b'*', _) => {
                    let within = self.text.get(self.at + 2..).unwrap_or_default();
                    let Some(end) = within.windows(2).position(|pair| pair == b"*/") else {
                        self.at = self.text.len();
                        return Some(Token::Comment);
                    };
                    self.at += end + 4;
                }
                (b'*', b'/', _) => self.at += 2,
                _ => return None,
            }
            self.spacers += 1;
        }
    }

    fn number(&mut self) -> Token<'a> {
        if self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'X') {
            self.at += 2;
            self.take_while(|byte| byte.is_ascii_hexdigit());
            return Token::Number;
        }
        self.take_while(|byte| byte.is_ascii_digit() || byte == b'.');
        let exponent = matches!(self.peek(0), b'e' | b'E')
            && (self.peek(1).is_ascii_digit() || matches!(self.peek(1), b'+' | b'-'));
        if exponent {
            self.at += 2;
            self.take_while(|byte| byte.is_ascii_digit());
        }
        Token::Number
    }

    fn word(&mut self) -> Token<'a> {
        let word = self.take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.') || byte >= 0x80
        });
        let word = Word::new(word);
        let rest = self.text.get(self.at..).unwrap_or_default();
        let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        match rest.get(spaces.take(8).count()) {
            Some(b'(') => Token::Call(Word { touches: rest.first() == Some(&b'('), ..word }),
            _ => Token::Word(word),
        }
    }

    fn one(&mut self, token: Token<'a>) -> Token<'a> {
        self.at += 1;
        token
    }

    fn two(&mut self, token: Token<'a>) -> Token<'a> {
        self.at += 2;
        token
    }

    fn next(&mut self) -> Option<Token<'a>> {
        if let Some(comment) = self.spaces() {
            return Some(comment);
        }
        if self.at >= self.text.len() {
            return None;
        }
        Some(match (self.peek(0), self.peek(1)) {
            (b'-', b'-') if self.is_comment(2) => self.rest_of_line(),
            (b'#', _) if self.is_comment(1) => self.rest_of_line(),
            (b'\'' | b'"', _) => {
                let quote = self.peek(0);
                self.at += 1;
                self.string(quote)
            }
            (b'`', _) => {
                self.at += 1;
                let name = self.take_while(|byte| byte != b'`');
                self.one(Token::Word(Word::new(name)))
            }
            (b'@', _) => {
                self.take_while(|byte| byte == b'@');
                self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                Token::Variable
            }
            (b'.', next) if next.is_ascii_digit() => self.number(),
            (byte, _) if byte.is_ascii_digit() => self.number(),
            (byte, _) if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => self.word(),
            (b'&', b'&') => self.two(Token::Ampersands),
            (b'|', b'|') => self.two(Token::Pipes),
            (b'<' | b'>' | b'!' | b':', b'=') | (b'<', b'>') => self.two(Token::Compare),
            (b'<', b'<') | (b'>', b'>') | (b':', b':') => self.two(Token::Operator),
            (b'=' | b'<' | b'>', _) => self.one(Token::Compare),
            (b'+' | b'-' | b'/' | b'%' | b'^' | b'~' | b'&' | b'|' | b'!', _) => {
                self.one(Token::Operator)
            }
            (b'*', _) => self.one(Token::Star),
            (b'(', _) => self.one(Token::Open),
            (b')', _) => self.one(Token::Close),
            (b',', _) => self.one(Token::Comma),
            (b';', _) => self.one(Token::Semicolon),
            _ => self.one(Token::Other),
        })
    }
}
