//! What can be let go wrong, and how it is written: `latency=50ms:100`.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;

/// A share of everything.
const ALWAYS: u16 = 1_000;
/// The longest pause.
const WAIT_MAX: TimeDelta = TimeDelta::minutes(1);
/// The longest jump of the clock, forward or back.
const JUMP_MAX: TimeDelta = TimeDelta::days(1);

macro_rules! kinds {
    ($($(#[$doc:meta])+ $name:ident = $word:literal;)+) => {
        /// What goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($(#[$doc])+ $name),+ }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// How it is written.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}
kinds! {
    /// What is asked of a database waits before it begins.
    Latency = "latency";
    /// A statement fails as if another unit of work had been in the way; a unit of work does not begin.
    Errors = "errors";
    /// A connection to the database is lost: in the middle of a unit of work, before its commit, or after it. On SQLite,
    /// which has none, the file cannot be read or written for a moment.
    Drops = "drops";
    /// What writes fails because the disk is full.
    FullDisk = "full-disk";
    /// The clock of the house is wrong.
    Clock = "clock";
    /// The payment processor and the carrier are late.
    SlowProcessor = "slow-processor";
    /// The payment processor and the carrier do not answer, and do nothing.
    ProcessorErrors = "processor-errors";
    /// The payment processor and the carrier do what they are asked, and the answer is lost.
    LostAnswers = "lost-answers";
}

impl Kind {
    /// Whether it has a length: a pause, or the jump of the clock.
    const fn has_length(self) -> bool {
        matches!(self, Self::Latency | Self::SlowProcessor | Self::Clock)
    }
}

/// A fault, for how long, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: Kind,
    /// How long a pause is, or how far the clock jumps; zero where neither.
    pub length: TimeDelta,
    /// How often of a thousand times.
    pub share: u16,
}

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no fault: {1}")]
pub struct Unreadable(String, &'static str);

/// Reads a length of time of digits and a unit: `500ms`, `90s`, `10m`, `1h`.
pub fn length(text: &str) -> Option<TimeDelta> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(unit);
    let number: i64 = digits.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    TimeDelta::try_milliseconds(number.checked_mul(milliseconds)?)
}

fn share(text: &str) -> Option<u16> {
    let share = text.parse().ok()?;
    (1..=ALWAYS).contains(&share).then_some(share)
}

fn jump(text: &str) -> Option<TimeDelta> {
    let by = match text.strip_prefix('-') {
        Some(back) => -length(back)?,
        None => length(text.strip_prefix('+')?)?,
    };
    (!by.is_zero() && by.abs() <= JUMP_MAX).then_some(by)
}

impl FromStr for Fault {
    type Err = Unreadable;

    /// Reads `latency=50ms:100`, `errors=20`, `full-disk`, `clock=+90s`. Without a share it is always.
    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let wrong = |why| move || Unreadable(text.to_owned(), why);
        let (word, rest) =
            text.split_once('=').map_or((text, None), |(word, rest)| (word, Some(rest)));
        let kind = Kind::ALL.iter().copied().find(|kind| kind.word() == word);
        let kind = kind.ok_or_else(wrong("there is none of this name"))?;
        if kind == Kind::Clock {
            let by = rest.and_then(jump);
            let length = by.ok_or_else(wrong("a clock jumps by +90s or -90s, at most a day"))?;
            return Ok(Self { kind, length, share: ALWAYS });
        }
        let (long, often) = match rest {
            Some(rest) if kind.has_length() => {
                rest.split_once(':').map_or((rest, None), |(long, often)| (long, Some(often)))
            }
            None if kind.has_length() => ("", None),
            rest => ("0ms", rest),
        };
        let length = length(long).filter(|long| *long <= WAIT_MAX);
        let length = length.ok_or_else(wrong("a pause is 50ms or 2s, at most a minute"))?;
        let share = often.map_or(Some(ALWAYS), share);
        let share = share.ok_or_else(wrong("a share is one of a thousand at least, and 1000"))?;
        Ok(Self { kind, length, share })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, length, share } = self;
        let (word, milliseconds) = (kind.word(), length.num_milliseconds());
        match kind {
            Kind::Clock => write!(f, "{word}={milliseconds:+}ms"),
            Kind::Latency | Kind::SlowProcessor => write!(f, "{word}={milliseconds}ms:{share}"),
            _ => write!(f, "{word}={share}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_as_it_is_written() {
        for (text, written) in [
            ("latency=50ms:100", "latency=50ms:100"),
            ("latency=1m", "latency=60000ms:1000"),
            ("errors=20", "errors=20"),
            ("drops", "drops=1000"),
            ("full-disk", "full-disk=1000"),
            ("clock=+90s", "clock=+90000ms"),
            ("clock=-1h", "clock=-3600000ms"),
            ("slow-processor=2s:500", "slow-processor=2000ms:500"),
            ("processor-errors=1", "processor-errors=1"),
            ("lost-answers=999", "lost-answers=999"),
        ] {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault.to_string(), written);
            assert_eq!(written.parse(), Ok(fault));
        }
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for text in [
            "",
            "fire",
            "latency",
            "latency=",
            "latency=50",
            "latency=2m",
            "latency=50ms:0",
            "latency=50ms:1001",
            "latency=-5ms",
            "errors=",
            "errors=0",
            "errors=5%",
            "errors=-1",
            "clock",
            "clock=90s",
            "clock=+0s",
            "clock=+25h",
            "clock=+90s:5",
            "full-disk=2000",
            "latency=9999999999999999h",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }
}
