//! The rules: stable names, and what breaking each is worth.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! rules {
    ($($(#[$doc:meta])+ $name:ident = $id:literal, $score:literal;)+) => {
        /// A rule of the firewall. Its name stands in configuration and logs and never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Rule {
            $($(#[$doc])+ #[serde(rename = $id)] $name,)+
        }

        impl Rule {
            /// Every rule there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name that configuration and logs use.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// What breaking the rule adds to a value's score; 5 is enough to be refused unless the
            /// threshold was changed.
            pub const fn score(self) -> u16 {
                match self { $(Self::$name => $score,)+ }
            }

            /// Whether this is the rule's name, or that of its family: `xss` for `xss-handler`.
            pub fn is(self, name: &str) -> bool {
                let rest = self.id().strip_prefix(name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            }
        }
    };
}

rules! {
    /// UNION SELECT.
    SqliUnion = "sqli-union", 5;
    /// A whole SQL statement, or a part in parentheses.
    SqliStatement = "sqli-statement", 5;
    /// A second statement after a semicolon.
    SqliStacked = "sqli-stacked", 5;
    /// A condition that compares values and needs no column, such as `or 1=1`.
    SqliCondition = "sqli-condition", 5;
    /// A database's function or system table where a sentence has none.
    SqliFunction = "sqli-function", 5;
    /// ORDER BY, HAVING, LIMIT and others, used as an injection does.
    SqliClause = "sqli-clause", 5;
    /// A quote that closes the statement's own and goes on with an operator or a comment.
    SqliQuote = "sqli-quote", 5;
    /// Comments between keywords in place of spaces.
    SqliComment = "sqli-comment", 3;
    /// An element that runs, loads or embeds.
    XssElement = "xss-element", 5;
    /// An attribute that handles an event.
    XssHandler = "xss-handler", 5;
    /// An element with an attribute that loads, or a style that runs.
    XssAttribute = "xss-attribute", 5;
    /// An address that is a script.
    XssScheme = "xss-scheme", 5;
    /// JavaScript that leaves the text it stands in, or reaches for the page.
    XssScript = "xss-script", 5;
    /// Markup that declares entities, includes or commands.
    Markup = "markup", 5;
    /// A path that climbs, or names a file of the system.
    Traversal = "traversal", 5;
    /// A command of a shell.
    Command = "cmd", 5;
    /// Code of a language that servers run, or a template's expression.
    Code = "code", 5;
    /// An operator of a document database in place of a value.
    NoSql = "nosql", 5;
    /// A directory's filter in place of a value.
    Ldap = "ldap", 5;
    /// An address within the network, or of a kind that no shop fetches.
    Ssrf = "ssrf", 5;
    /// A header smuggled in after a line break.
    LineBreak = "crlf", 5;
    /// A program that looks for weaknesses, by its own name.
    Scanner = "scanner", 5;
    /// A percent sign in a path that two hexadecimal digits do not follow.
    EncodingEscape = "encoding-escape", 5;
    /// An escape in a path that is an escape again once it is decoded; in a query, only one of a zero
    /// byte or of UTF-8 that is too long.
    EncodingDouble = "encoding-double", 5;
    /// UTF-8 that is longer than it need be (RFC 3629 section 3).
    EncodingOverlong = "encoding-overlong", 5;
    /// Bytes that are not UTF-8.
    EncodingUtf8 = "encoding-utf8", 5;
    /// A zero byte.
    EncodingNull = "encoding-null", 5;
    /// A control character other than a tab or a line break.
    EncodingControl = "encoding-control", 5;
    /// A backslash in a path.
    PathBackslash = "path-backslash", 5;
    /// An empty segment in a path.
    PathEmpty = "path-empty", 5;
    /// A segment `.` or `..`, written plainly or escaped, or a slash that is escaped.
    PathDots = "path-dots", 5;
    /// More header fields, or longer ones, than are allowed.
    HeaderLimit = "header-limit", 5;
    /// A header's name that is not a token, or a value with control characters (RFC 9110 section 5.5).
    HeaderMalformed = "header-malformed", 5;
    /// A body whose length is said in two ways, or wrongly (RFC 9112 section 6.3).
    Smuggling = "smuggling", 5;
    /// A value that is longer, or a body that is deeper or has more values, than is looked at.
    Oversized = "oversized", 5;
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
