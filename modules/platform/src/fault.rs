//! Fault points and seeded bugs for tests. Without the feature `faults` they are nothing at all.
//!
//! `STOA_FAULT=record:FILE` writes the name of every point that is passed, so that a test can take
//! its list from what the program really does. `STOA_FAULT=kill:NAME` ends the process with SIGKILL
//! when it passes the point of that name. `STOA_FAULT=reject:STEP`, `lose:STEP` and `repeat:STEP`
//! let a saga step be refused, lose its answer after it took effect, or run twice.
//! `STOA_FAULT=slow:request` keeps the thread of every request busy for some milliseconds.
//! `STOA_FAULT=from:FILE` does what the file says at that moment, or nothing while there is none.
//! `STOA_BUG=NAME` switches a seeded bug on, so that a test can show that it would be found, and
//! `STOA_BUG=NAME,NAME` several.

/// A place where a test may kill the process: `when` is `before commit of`, `after call of`, ...
#[cfg(not(feature = "faults"))]
#[inline]
pub fn point(_when: &str, _what: &str) {}

/// Whether a seeded bug is switched on.
#[cfg(not(feature = "faults"))]
#[inline]
pub const fn bug(_name: &str) -> bool {
    false
}

/// Whether a saga step is to fail: `kind` is `reject`, `lose` (its answer) or `repeat`.
#[cfg(not(feature = "faults"))]
#[inline]
pub const fn armed(_kind: &str, _name: &str) -> bool {
    false
}

/// Keeps the thread busy for some milliseconds where work of that name is to be slow.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn slow(_name: &str) {}

#[cfg(feature = "faults")]
pub use active::{armed, bug, point, slow};

#[cfg(feature = "faults")]
mod active {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::sync::LazyLock;
    use std::time::Duration;

    /// How long slow work takes.
    const BUSY: Duration = Duration::from_millis(5);

    #[derive(Clone)]
    enum Plan {
        Nothing,
        From(String),
        Record(String),
        Kill(String),
        Step { kind: String, name: String },
    }

    static PLAN: LazyLock<Plan> = LazyLock::new(|| Plan::of(&variable("STOA_FAULT")));
    static BUG: LazyLock<String> = LazyLock::new(|| variable("STOA_BUG"));

    impl Plan {
        fn of(text: &str) -> Self {
            match text.split_once(':') {
                Some(("from", file)) => Self::From(file.to_owned()),
                Some(("record", file)) => Self::Record(file.to_owned()),
                Some(("kill", name)) => Self::Kill(name.to_owned()),
                Some((kind, name)) => Self::Step { kind: kind.to_owned(), name: name.to_owned() },
                None => Self::Nothing,
            }
        }

        fn now() -> Self {
            match &*PLAN {
                Self::From(file) => Self::of(&std::fs::read_to_string(file).unwrap_or_default()),
                plan => plan.clone(),
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "faults are no setting of the shop")]
    fn variable(name: &str) -> String {
        std::env::var(name).unwrap_or_default()
    }

    /// A place where a test may kill the process.
    pub fn point(when: &str, what: &str) {
        match Plan::now() {
            Plan::Nothing | Plan::From(_) | Plan::Step { .. } => {}
            Plan::Record(file) => {
                let line = format!("{when} {what}\n");
                let opened = OpenOptions::new().create(true).append(true).open(file);
                // A test that finds its list short fails, so a lost line is not silent.
                let _ = opened.and_then(|mut file| file.write_all(line.as_bytes()));
            }
            Plan::Kill(name) => {
                if name.strip_prefix(when).is_some_and(|rest| rest.trim_start() == what) {
                    kill_process();
                }
            }
        }
    }

    /// Whether a saga step is to fail.
    pub fn armed(kind: &str, name: &str) -> bool {
        matches!(Plan::now(), Plan::Step { kind: k, name: n } if k == kind && n == name)
    }

    /// Keeps the thread busy for some milliseconds where work of that name is to be slow.
    pub fn slow(name: &str) {
        if armed("slow", name) {
            std::thread::sleep(BUSY);
        }
    }

    fn kill_process() {
        let me = std::process::id().to_string();
        let _ = std::process::Command::new("kill").args(["-KILL", &me]).status();
        std::process::abort();
    }

    /// Whether a seeded bug is switched on.
    pub fn bug(name: &str) -> bool {
        BUG.split(',').any(|bug| bug == name)
    }
}
