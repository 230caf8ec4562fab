//! What the processor tells against what the journal knows: each line belongs to one thing that happened, or it
//! is a difference with a reason.

use std::collections::{HashMap, HashSet};

use kernel::id::PaymentId;
use kernel::{Money, Timestamp};

use super::account::{Account, Kind};
use super::entry::Entry;
use super::fee::Terms;
use super::settlement::{Line, LineKind};

/// What the processor took, gave back or was made to give back, and is to settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Movement {
    pub id: String,
    pub kind: LineKind,
    pub payment_id: PaymentId,
    pub charge: Option<String>,
    /// Above zero.
    pub amount: Money,
    pub occurred_at: Timestamp,
    /// The line that settled it.
    pub line: Option<String>,
}

macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident = $word:literal,)+) => {
        /// Why what the processor tells is not what the journal knows.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
        )]
        #[serde(rename_all = "snake_case")]
        #[schema(as = DifferenceReason)]
        pub enum Reason { $($(#[$doc])+ $name,)+ }

        impl Reason {
            pub(crate) const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            pub(crate) fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    /// It happened and no line has settled it in time.
    Missing = "missing",
    /// A line settles what another one has settled.
    Duplicate = "duplicate",
    /// The amount is another one.
    Amount = "amount",
    /// The currency is another one.
    Currency = "currency",
    /// The processor keeps something else than was agreed.
    Fee = "fee",
    /// The money comes later than was agreed; it is posted all the same.
    Late = "late",
    /// The processor took money of which the shop knows nothing.
    OrphanCharge = "orphan_charge",
    /// The processor gave money back of which the shop knows nothing.
    OrphanRefund = "orphan_refund",
    /// A dispute of which the shop knows nothing.
    OrphanDispute = "orphan_dispute",
}

/// A difference of a line, in minor units of the line's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub reason: Reason,
    pub expected: Option<i64>,
    pub found: Option<i64>,
    /// Money that it is about and that no account has open.
    pub exposed: i64,
}

/// What a line turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The id of what it settles, as far as that is known.
    pub movement: Option<String>,
    /// What it posts; none when it settles nothing.
    pub entry: Option<Entry>,
    pub difference: Option<Difference>,
}

/// Everything that lines may settle.
struct Matched<'a> {
    movements: &'a [Movement],
    by_payment: HashMap<PaymentId, Vec<usize>>,
    by_charge: HashMap<&'a str, Vec<usize>>,
    /// What lines have taken so far: a line settles one movement, and none is settled twice.
    taken: HashSet<usize>,
    seen: HashSet<String>,
}

/// Matches each line of a file, in their order. `movements` are all of the payments and charges that they name,
/// and `seen` the lines of earlier files.
pub(crate) fn matched(
    lines: &[Line],
    movements: &[Movement],
    seen: HashSet<String>,
    terms: &Terms,
) -> Vec<Found> {
    let mut matched = Matched {
        movements,
        by_payment: HashMap::new(),
        by_charge: HashMap::new(),
        taken: HashSet::new(),
        seen,
    };
    for (n, movement) in movements.iter().enumerate() {
        matched.by_payment.entry(movement.payment_id).or_default().push(n);
        if let Some(charge) = &movement.charge {
            matched.by_charge.entry(charge).or_default().push(n);
        }
    }
    lines.iter().map(|line| matched.find(line, terms)).collect()
}

/// Whether a line should have settled this until then.
fn missing(occurred_at: Timestamp, until: Timestamp, terms: &Terms) -> bool {
    occurred_at.checked_add_signed(terms.patience()).is_some_and(|due| due < until)
}

impl Matched<'_> {
    fn find(&mut self, line: &Line, terms: &Terms) -> Found {
        let gross = line.gross.minor();
        let differs = |reason, expected, exposed| {
            Some(Difference { reason, expected, found: Some(gross), exposed })
        };
        let known = self.candidates(line);
        let is_seen = !self.seen.insert(line.id.clone());
        let Some(first) = known.first() else {
            let reason = match line.kind {
                _ if is_seen => Reason::Duplicate,
                LineKind::Charge => Reason::OrphanCharge,
                LineKind::Refund => Reason::OrphanRefund,
                LineKind::Dispute => Reason::OrphanDispute,
            };
            let difference = differs(reason, None, gross.saturating_abs());
            return Found { movement: None, entry: None, difference };
        };
        let fits = |n: &&usize| {
            let expected = &self.movements[**n].amount;
            expected.currency() == line.gross.currency()
                && line.kind.signed(expected.minor()) == gross
        };
        let is_open = |n: &usize| self.movements[*n].line.is_none() && !self.taken.contains(n);
        let open: Vec<usize> = known.iter().copied().filter(is_open).collect();
        let Some(n) = open.iter().find(fits).or(open.first()).filter(|_| !is_seen) else {
            let movement = Some(self.movements[*first].id.clone());
            let difference = differs(Reason::Duplicate, None, gross.saturating_abs());
            return Found { movement, entry: None, difference };
        };
        self.taken.insert(*n);
        let movement = &self.movements[*n];
        let difference = compared(line, movement, terms);
        let is_posted = difference.as_ref().is_none_or(|it| it.reason == Reason::Late);
        let entry = is_posted.then(|| settled(line, movement));
        Found { movement: Some(movement.id.clone()), entry, difference }
    }

    /// What a line may settle: of the payment that it names, or else of the charge.
    fn candidates(&self, line: &Line) -> Vec<usize> {
        let of_payment = line.payment_id.and_then(|payment| self.by_payment.get(&payment));
        let of_charge = || line.charge.as_deref().and_then(|charge| self.by_charge.get(charge));
        let all = of_payment.or_else(of_charge).into_iter().flatten().copied();
        all.filter(|n| self.movements[*n].kind == line.kind).collect()
    }
}

/// How a line differs from what it settles.
fn compared(line: &Line, movement: &Movement, terms: &Terms) -> Option<Difference> {
    let expected = line.kind.signed(movement.amount.minor());
    let (gross, fee) = (line.gross.minor(), line.fee.minor());
    let agreed = match line.kind {
        LineKind::Charge => terms.fee(gross),
        LineKind::Refund => 0,
        // What a dispute costs is not agreed beforehand.
        LineKind::Dispute => fee,
    };
    let (reason, expected, found) = if line.gross.currency() != movement.amount.currency() {
        (Reason::Currency, Some(expected), gross)
    } else if gross != expected {
        (Reason::Amount, Some(expected), gross)
    } else if fee != agreed {
        (Reason::Fee, Some(agreed), fee)
    } else if missing(movement.occurred_at, line.available_on, terms) {
        (Reason::Late, None, gross)
    } else {
        return None;
    };
    // What it is about is open in the account of its payment.
    Some(Difference { reason, expected, found: Some(found), exposed: 0 })
}

/// What a line posts. Where it is not what was expected, the rest is an adjustment.
pub(crate) fn settled(line: &Line, movement: &Movement) -> Entry {
    let mut entry = Entry {
        key: format!("line:{}", line.id),
        kind: format!("settlement.{}", line.kind.word()),
        occurred_at: line.available_on,
        order_id: None,
        payment_id: Some(movement.payment_id),
        description: "The processor settled it.".to_owned(),
        currency: movement.amount.currency(),
        postings: Vec::new(),
    };
    let clearing = Account::clearing(movement.payment_id);
    let (gross, fee) = (line.gross.minor(), line.fee.minor());
    let rest = line.kind.signed(movement.amount.minor()) - gross;
    entry.post(&Account::of(Kind::Bank), &clearing, gross - fee);
    entry.post(&Account::of(Kind::Fees), &clearing, fee);
    entry.post(&Account::of(Kind::Adjustments), &clearing, rest);
    entry
}

#[cfg(test)]
mod tests {
    use kernel::Currency;
    use proptest::prelude::*;

    use super::*;

    const TERMS: Terms = Terms { fee_ppm: 14_000, fee_fixed_minor: 25, payout_days: 2 };

    fn at(day: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + chrono::TimeDelta::days(day)
    }

    fn movement(n: usize, kind: LineKind, minor: i64, payment_id: PaymentId) -> Movement {
        let amount = Money::from_minor(minor, Currency::EUR);
        let (charge, id) = (Some(format!("ch_{payment_id}")), n.to_string());
        Movement { id, kind, payment_id, charge, amount, occurred_at: at(0), line: None }
    }

    fn line_of(movement: &Movement) -> Line {
        let gross = movement.kind.signed(movement.amount.minor());
        let fee = if movement.kind == LineKind::Charge { TERMS.fee(gross) } else { 0 };
        let money = |minor| Money::from_minor(minor, movement.amount.currency());
        Line {
            id: format!("txn_{}", movement.id),
            kind: movement.kind,
            payment_id: Some(movement.payment_id),
            charge: movement.charge.clone(),
            gross: money(gross),
            fee: money(fee),
            created_at: at(0),
            available_on: at(2),
        }
    }

    fn reasons(found: &[Found]) -> Vec<Option<Reason>> {
        found.iter().map(|found| found.difference.as_ref().map(|it| it.reason)).collect()
    }

    #[test]
    fn each_seeded_fault_of_a_line_is_found() {
        let movements: Vec<Movement> =
            (0..8).map(|n| movement(n, LineKind::Charge, 10_000, PaymentId::new())).collect();
        let mut lines: Vec<Line> = movements.iter().take(6).map(line_of).collect();
        lines[1].gross = Money::from_minor(9_000, Currency::EUR);
        lines[2].gross = Money::from_minor(10_000, Currency::USD);
        lines[3].fee = Money::from_minor(999, Currency::EUR);
        lines[4].available_on = at(9);
        lines.push(lines[0].clone());
        let again = Line { id: "txn_again".to_owned(), ..line_of(&movements[0]) };
        let orphan = |kind, gross| Line {
            id: format!("orphan-{gross}"),
            kind,
            payment_id: Some(PaymentId::new()),
            charge: Some("ch_unknown".to_owned()),
            gross: Money::from_minor(gross, Currency::EUR),
            ..line_of(&movements[0])
        };
        lines.extend([again, orphan(LineKind::Charge, 500), orphan(LineKind::Refund, -500)]);
        let found = matched(&lines, &movements, HashSet::new(), &TERMS);
        let wanted = [
            None,
            Some(Reason::Amount),
            Some(Reason::Currency),
            Some(Reason::Fee),
            Some(Reason::Late),
            None,
            Some(Reason::Duplicate),
            Some(Reason::Duplicate),
            Some(Reason::OrphanCharge),
            Some(Reason::OrphanRefund),
        ];
        assert_eq!(reasons(&found), wanted);
        let posted: Vec<bool> = found.iter().map(|found| found.entry.is_some()).collect();
        assert_eq!(posted, [true, false, false, false, true, true, false, false, false, false]);
        assert!(missing(at(0), at(3), &TERMS) && !missing(at(0), at(2), &TERMS));
    }

    #[test]
    fn a_line_without_our_id_is_known_by_its_charge() {
        let movements = [movement(0, LineKind::Charge, 10_000, PaymentId::new())];
        let line = Line { payment_id: None, ..line_of(&movements[0]) };
        assert_eq!(reasons(&matched(&[line], &movements, HashSet::new(), &TERMS)), [None]);
    }

    proptest! {
        #[test]
        fn what_is_told_as_it_happened_settles_all_of_it(
            amounts in prop::collection::vec((1..99_999_i64, prop::collection::vec(1..500_i64, 0..3)), 1..20),
            by_charge in any::<bool>(),
        ) {
            let mut movements = Vec::new();
            for (amount, refunds) in amounts {
                let payment = PaymentId::new();
                movements.push(movement(movements.len(), LineKind::Charge, amount, payment));
                for refund in refunds {
                    movements.push(movement(movements.len(), LineKind::Refund, refund, payment));
                }
            }
            let mut lines: Vec<Line> = movements.iter().map(line_of).collect();
            if by_charge {
                for line in &mut lines {
                    line.payment_id = None;
                }
            }
            let found = matched(&lines, &movements, HashSet::new(), &TERMS);
            let mut clearing = 0;
            let settled: HashSet<_> = found.iter().map(|found| found.movement.clone()).collect();
            prop_assert_eq!(settled.len(), movements.len());
            for (found, movement) in found.iter().zip(&movements) {
                prop_assert_eq!(&found.difference, &None);
                let postings = &found.entry.as_ref().unwrap().postings;
                for posting in postings {
                    let sign = i64::from(posting.debit.kind == Kind::Clearing)
                        - i64::from(posting.credit.kind == Kind::Clearing);
                    clearing += sign * posting.amount;
                }
                clearing += movement.kind.signed(movement.amount.minor());
            }
            prop_assert_eq!(clearing, 0);
        }
    }
}
