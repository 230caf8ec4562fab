use proptest::prelude::*;

use super::*;

const STANDINGS: [Standing; 6] = [
    Standing::Held,
    Standing::LetGo,
    Standing::PartlyTaken,
    Standing::Taken,
    Standing::PartlyGiven,
    Standing::Given,
];

/// What an authorization can come to.
const OUTCOMES: [Fact; 4] =
    [Fact::AnswerLost, Fact::ActionRequired, Fact::Approved, Fact::Declined];

fn facts() -> Vec<Fact> {
    let mut facts = OUTCOMES.to_vec();
    facts.extend([
        Fact::CaptureStarted,
        Fact::CaptureFailed,
        Fact::VoidStarted,
        Fact::Lapsed,
        Fact::VoidFailed(None),
        Fact::Late,
        Fact::DisputeOpened,
        Fact::DisputeWon,
    ]);
    for standing in STANDINGS {
        facts.extend([
            Fact::Captured(standing),
            Fact::Voided(standing),
            Fact::VoidFailed(Some(standing)),
            Fact::Refunded(standing),
            Fact::Ended(standing),
            Fact::DisputeLost(standing),
        ]);
    }
    facts
}

/// How far a payment is; what only moves money beside it stays on its rank.
fn rank(status: Status) -> u8 {
    match status {
        Status::Authorizing => 0,
        Status::Unknown => 1,
        Status::ActionRequired => 2,
        Status::Authorized => 3,
        Status::CaptureFailed => 4,
        Status::Capturing | Status::Voiding => 5,
        Status::PartiallyCaptured => 6,
        Status::Captured => 7,
        Status::PartiallyRefunded => 8,
        Status::Disputed => 9,
        Status::Won => 10,
        Status::Refunded | Status::Lost | Status::Voided | Status::Declined | Status::Expired => 11,
        Status::Reversing => 12,
    }
}

fn run(facts: &[Fact]) -> Status {
    facts.iter().fold(Status::Authorizing, |at, fact| at.after(*fact).unwrap_or(at))
}

#[test]
fn words_are_read_back() {
    for status in Status::ALL {
        assert_eq!(status.word().parse(), Ok(status));
    }
    assert!("paid".parse::<Status>().is_err());
}

#[test]
fn what_has_ended_moves_only_to_give_back_what_came_too_late() {
    let ended = Status::ALL.into_iter().filter(|it| !it.is_live() && *it != Status::Reversing);
    for status in ended {
        for fact in facts() {
            let next = status.after(fact);
            let late = fact == Fact::Late && status.is_given_up();
            let beside = status == Status::Lost
                && matches!(fact, Fact::Refunded(_) | Fact::Ended(_))
                && next == Some(Status::Lost);
            assert_eq!(next.is_some(), late || beside, "{status:?} {fact:?}");
        }
    }
}

/// Every way back is one of these: a call failed, a part of the whole was done, or what was won counts on.
#[test]
fn nothing_but_these_brings_a_payment_back() {
    for status in Status::ALL {
        for fact in facts() {
            let Some(next) = status.after(fact) else { continue };
            let may = match (status, fact) {
                (Status::Capturing, Fact::CaptureFailed | Fact::Captured(_))
                | (Status::Voiding, Fact::VoidFailed(_) | Fact::Voided(_))
                | (Status::Reversing, _)
                | (Status::Won, Fact::DisputeOpened)
                | (Status::Disputed, Fact::DisputeLost(_)) => true,
                // Money that is left is taken or let go beside what was.
                (_, Fact::CaptureStarted | Fact::VoidStarted) => rank(status) >= 5,
                (_, Fact::Refunded(_) | Fact::Ended(_)) => status != Status::Disputed,
                _ => false,
            };
            assert!(rank(next) >= rank(status) || may, "{status:?} {fact:?} {next:?}");
        }
    }
}

#[test]
fn a_repeated_fact_changes_nothing() {
    for status in Status::ALL {
        for fact in facts() {
            let Some(next) = status.after(fact) else { continue };
            let again = next.after(fact);
            assert!(again.is_none() || again == Some(next), "{status:?} {fact:?}");
        }
    }
}

#[test]
fn a_disputed_payment_gives_nothing_back_and_takes_nothing() {
    assert!(!Status::Disputed.is_refundable() && !Status::Lost.is_refundable());
    for fact in [Fact::CaptureStarted, Fact::VoidStarted] {
        assert_eq!((Status::Disputed.after(fact), Status::Lost.after(fact)), (None, None));
    }
}

#[test]
fn a_success_after_the_end_is_undone_and_never_dropped() {
    for status in [Status::Declined, Status::Expired, Status::Voided] {
        assert_eq!(status.after(Fact::Late), Some(Status::Reversing));
    }
    let undone = |standing| Status::Reversing.after(Fact::Refunded(standing));
    assert_eq!(undone(Standing::PartlyGiven), Some(Status::Reversing));
    assert_eq!(undone(Standing::Given), Some(Status::Refunded));
    let let_go = Status::Reversing.after(Fact::Voided(Standing::LetGo));
    assert_eq!(let_go, Some(Status::Voided));
    assert_eq!(Status::Voiding.after(Fact::Approved), Some(Status::Voiding));
}

proptest! {
    #[test]
    fn late_and_repeated_authorization_outcomes_move_nothing_back(
        order in proptest::collection::vec(0..OUTCOMES.len(), 0..12),
    ) {
        // Whatever follows the final answer of an authorization, that answer stands.
        for (last, stands) in
            [(Fact::Approved, Status::Authorized), (Fact::Declined, Status::Declined)]
        {
            let mut facts = vec![Fact::AnswerLost, Fact::ActionRequired, last];
            facts.extend(order.iter().map(|place| OUTCOMES[*place]));
            prop_assert_eq!(run(&facts), stands);
        }
    }

    #[test]
    fn money_is_taken_only_after_a_capture_was_asked_for(
        order in proptest::collection::vec(0..64_usize, 0..24),
    ) {
        let all = facts();
        let told: Vec<Fact> = order.iter().map(|place| all[place % all.len()]).collect();
        let mut at = Status::Authorizing;
        for fact in told {
            let next = at.after(fact).unwrap_or(at);
            if next == Status::Capturing && at != Status::Capturing {
                prop_assert_eq!(fact, Fact::CaptureStarted);
            }
            if matches!(fact, Fact::Captured(_)) && next != at {
                prop_assert_eq!(at, Status::Capturing);
            }
            at = next;
        }
    }
}
