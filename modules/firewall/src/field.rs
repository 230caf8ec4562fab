//! Where a value stands, written down only if something is found there.

/// A field, and in JSON the way to it from the inside out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    outer: Option<&'a Field<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Field<'a> {
    /// The part of a request as a whole.
    pub(crate) const WHOLE: Field<'static> = Field::named("");

    /// A field on its own.
    pub(crate) const fn named(name: &'a str) -> Self {
        Self { outer: None, step: Step::Name(name) }
    }

    /// A field of an object.
    pub(crate) fn member(outer: Option<&'a Field<'a>>, name: &'a str) -> Self {
        Self { outer, step: Step::Name(name) }
    }

    /// An item of a list.
    pub(crate) fn item(outer: Option<&'a Field<'a>>, index: usize) -> Self {
        Self { outer, step: Step::Index(index) }
    }

    /// The last name that leads here.
    pub(crate) fn name(&self) -> &'a str {
        match (self.step, self.outer) {
            (Step::Name(name), _) => name,
            (Step::Index(_), Some(outer)) => outer.name(),
            (Step::Index(_), None) => "",
        }
    }

    /// Whether what stands here is for its owner alone: a password, or what is printed on a card.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(
            self.name(),
            "password"
                | "new_password"
                | "old_password"
                | "current_password"
                | "password_confirmation"
                | "passphrase"
                | "secret"
                | "client_secret"
                | "number"
                | "card_number"
                | "cvc"
                | "cvv"
                | "security_code"
        )
    }

    /// The way here with points between its steps.
    pub(crate) fn path(&self) -> String {
        let step = match self.step {
            Step::Name(name) => shown(name).to_owned(),
            Step::Index(index) => index.to_string(),
        };
        match self.outer {
            Some(outer) => format!("{}.{step}", outer.path()),
            None => step,
        }
    }
}

/// A client's name for a field if it looks like one, and `?` otherwise.
fn shown(name: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
    if name.len() <= 64 && name.bytes().all(plain) { name } else { "?" }
}
