//! What comes next: a pure decision.

use chrono::TimeDelta;
use kernel::Timestamp;
use kernel::problem::{Problem, code};

use super::Outcome;

/// How patient a saga is.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How often a step of unknown outcome runs before it is given up.
    pub attempts_max: i64,
    /// How often an undo runs before the saga is stuck.
    pub undo_attempts_max: i64,
    /// The pause after the first unknown outcome; it doubles.
    pub pause: TimeDelta,
    /// The longest pause.
    pub pause_max: TimeDelta,
}

/// Where a saga goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Forward,
    Undoing,
    Done,
    Undone,
    Stuck,
}

impl Phase {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Undoing => "undoing",
            Self::Done => "done",
            Self::Undone => "undone",
            Self::Stuck => "stuck",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Forward, Self::Undoing, Self::Done, Self::Undone, Self::Stuck]
            .into_iter()
            .find(|phase| phase.word() == word)
    }

    pub(super) const fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Undone)
    }
}

/// Where a saga stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub phase: Phase,
    pub step: usize,
    /// The last step that may have had an effect: further than `step` when an earlier run got there
    /// and did not live to record it.
    pub reach: usize,
    pub attempts: i64,
    pub deadline: Timestamp,
}

/// What came of running or undoing the present step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Turn {
    Ran(Outcome),
    Undid(Result<(), String>),
}

/// Where it stands next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Next {
    pub phase: Phase,
    pub step: usize,
    pub attempts: i64,
    pub when: When,
    /// Why its steps are undone, when that was just decided.
    pub failure: Option<Problem>,
}

/// When it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// At once, on the same node.
    Now,
    /// Later, on any node.
    At(Timestamp),
    /// It waits for something outside, at the latest until then.
    Waiting(Timestamp),
    /// Not at all.
    Never,
}

pub(super) fn decide(at: &At, steps: usize, turn: &Turn, policy: &Policy, now: Timestamp) -> Next {
    match turn {
        Turn::Ran(Outcome::Done) if at.step + 1 == steps => ending(Phase::Done, at.step),
        Turn::Ran(Outcome::Done) => going_on(Phase::Forward, at.step + 1),
        Turn::Ran(Outcome::Reject(problem)) => {
            Next { failure: Some(problem.clone()), ..undoing_before(at) }
        }
        Turn::Ran(Outcome::GiveUp(problem)) => {
            Next { failure: Some(problem.clone()), ..going_on(Phase::Undoing, at.reach) }
        }
        Turn::Ran(Outcome::Wait(_) | Outcome::Retry(_)) if now >= at.deadline => Next {
            failure: Some(given_up("it took too long")),
            ..going_on(Phase::Undoing, at.reach)
        },
        Turn::Ran(Outcome::Wait(until)) => Next {
            when: When::Waiting((*until).min(at.deadline)),
            ..going_on(Phase::Forward, at.step)
        },
        Turn::Ran(Outcome::Retry(_)) if at.attempts + 1 >= policy.attempts_max => Next {
            failure: Some(given_up("a part of the shop did not answer")),
            ..going_on(Phase::Undoing, at.reach)
        },
        Turn::Ran(Outcome::Retry(_)) => again(Phase::Forward, at, policy, now),
        Turn::Undid(Ok(())) => undo_before(at.step),
        Turn::Undid(Err(_)) if at.attempts + 1 >= policy.undo_attempts_max => {
            Next { attempts: at.attempts + 1, ..ending(Phase::Stuck, at.step) }
        }
        Turn::Undid(Err(_)) => again(Phase::Undoing, at, policy, now),
    }
}

/// A refused step had no effect, unless an earlier run of the saga got further.
fn undoing_before(at: &At) -> Next {
    if at.reach > at.step { going_on(Phase::Undoing, at.reach) } else { undo_before(at.step) }
}

fn undo_before(step: usize) -> Next {
    let before = step.checked_sub(1);
    before.map_or(ending(Phase::Undone, 0), |step| going_on(Phase::Undoing, step))
}

fn going_on(phase: Phase, step: usize) -> Next {
    Next { phase, step, attempts: 0, when: When::Now, failure: None }
}

fn ending(phase: Phase, step: usize) -> Next {
    Next { phase, step, attempts: 0, when: When::Never, failure: None }
}

fn again(phase: Phase, at: &At, policy: &Policy, now: Timestamp) -> Next {
    let factor = 1 << u32::try_from(at.attempts).unwrap_or(0).min(16);
    let pause = (policy.pause * factor).min(policy.pause_max);
    Next { attempts: at.attempts + 1, when: When::At(now + pause), ..going_on(phase, at.step) }
}

fn given_up(why: &str) -> Problem {
    Problem::new(code::ORDER_NOT_COMPLETED, format!("The order was given up: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(phase: Phase, step: usize, attempts: i64) -> At {
        At { phase, step, reach: step, attempts, deadline: time(100) }
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).unwrap()
    }

    fn policy() -> Policy {
        Policy {
            attempts_max: 3,
            undo_attempts_max: 2,
            pause: TimeDelta::seconds(1),
            pause_max: TimeDelta::seconds(3),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better in the cases")]
    fn next(at: &At, turn: Turn, second: i64) -> Next {
        decide(at, 3, &turn, &policy(), time(second))
    }

    #[test]
    fn steps_follow_each_other_to_the_end() {
        let first = next(&at(Phase::Forward, 0, 2), Turn::Ran(Outcome::Done), 0);
        assert_eq!(first, going_on(Phase::Forward, 1));
        let last = next(&at(Phase::Forward, 2, 0), Turn::Ran(Outcome::Done), 0);
        assert_eq!(last, ending(Phase::Done, 2));
    }

    #[test]
    fn a_refusal_undoes_from_the_step_before() {
        let problem = Problem::new(code::OUT_OF_STOCK, "gone");
        let reject = || Turn::Ran(Outcome::Reject(problem.clone()));
        let second = next(&at(Phase::Forward, 1, 0), reject(), 0);
        assert_eq!((second.phase, second.step), (Phase::Undoing, 0));
        assert_eq!(second.failure, Some(problem.clone()));
        let first = next(&at(Phase::Forward, 0, 0), reject(), 0);
        assert_eq!((first.phase, first.when), (Phase::Undone, When::Never));
    }

    #[test]
    fn whoever_takes_a_saga_over_undoes_what_may_have_been_done_further_on() {
        let problem = Problem::new(code::OUT_OF_STOCK, "gone");
        let taken_over = At { reach: 2, ..at(Phase::Forward, 0, 2) };
        for turn in [Turn::Ran(Outcome::Reject(problem)), Turn::Ran(Outcome::Retry(String::new()))]
        {
            let next = next(&taken_over, turn, 0);
            assert_eq!((next.phase, next.step), (Phase::Undoing, 2));
        }
    }

    #[test]
    fn an_unknown_outcome_is_tried_again_then_undone_with_its_own_step() {
        let retry = || Turn::Ran(Outcome::Retry("lost".to_owned()));
        let again = next(&at(Phase::Forward, 1, 0), retry(), 10);
        assert_eq!((again.phase, again.step, again.attempts), (Phase::Forward, 1, 1));
        assert_eq!(again.when, When::At(time(11)));
        let given_up = next(&at(Phase::Forward, 1, 2), retry(), 10);
        assert_eq!((given_up.phase, given_up.step), (Phase::Undoing, 1));
        assert!(given_up.failure.is_some());
    }

    #[test]
    fn a_step_that_cannot_succeed_is_undone_itself() {
        let problem = Problem::new(code::OUT_OF_STOCK, "gone");
        let next = next(&at(Phase::Forward, 1, 0), Turn::Ran(Outcome::GiveUp(problem.clone())), 0);
        assert_eq!(next, Next { failure: Some(problem), ..going_on(Phase::Undoing, 1) });
    }

    #[test]
    fn the_deadline_ends_waiting() {
        let wait = || Turn::Ran(Outcome::Wait(time(500)));
        let waits = next(&at(Phase::Forward, 1, 0), wait(), 10);
        assert_eq!(waits.when, When::Waiting(time(100)));
        let late = next(&at(Phase::Forward, 1, 0), wait(), 100);
        assert_eq!((late.phase, late.step), (Phase::Undoing, 1));
    }

    #[test]
    fn an_undo_that_keeps_failing_is_stuck() {
        let failed = || Turn::Undid(Err("down".to_owned()));
        let again = next(&at(Phase::Undoing, 1, 0), failed(), 0);
        assert_eq!((again.phase, again.attempts), (Phase::Undoing, 1));
        let stuck = next(&at(Phase::Undoing, 1, 1), failed(), 0);
        assert_eq!((stuck.phase, stuck.step, stuck.when), (Phase::Stuck, 1, When::Never));
        let undone = next(&at(Phase::Undoing, 0, 0), Turn::Undid(Ok(())), 0);
        assert_eq!(undone, ending(Phase::Undone, 0));
    }
}
