//! What every processor promises: the sandbox in process, and the same sandbox as Stripe's API over a real
//! socket, behind the adapter for Stripe.

use std::sync::Arc;

use chrono::TimeDelta;
use kernel::Currency;
use kernel::id::PaymentId;
use kernel::ports::{SettledKind, SettledLine, SettlementError};
use payment::{Answer, Charge, DisputeState, NewCharge, Outcome, Processor, Sandbox};
use platform::sql::Db;

use crate::disputes::DISPUTED;
use crate::shop::{APPROVED, CHALLENGE, Shop, euros, fee, open};
use crate::stripe::{Socket, over_http};

platform::on_both_engines!(payment::SCHEMA =>
    an_amount_is_set_aside_taken_in_parts_and_given_back,
    what_is_refused_is_refused_in_the_same_words,
    a_lost_answer_is_found_and_nothing_is_done_twice,
    the_shopper_answers_a_challenge,
    what_is_held_is_let_go_and_what_was_taken_is_not,
    a_dispute_is_answered_and_told,
    charges_come_in_the_order_of_payments,
    what_was_settled_is_told_line_by_line,
);

/// A way to the sandbox's books.
struct Way {
    name: &'static str,
    processor: Arc<dyn Processor>,
    shop: Shop,
    socket: Option<Socket>,
}

/// Each way, to books of its own.
async fn ways(db: Db) -> [Way; 2] {
    let shop = open(db.clone()).await;
    let direct = Way { name: "in process", processor: shop.sandbox.clone(), shop, socket: None };
    let shop = open(db).await;
    let socket = over_http(&shop);
    let processor = socket.stripe.clone();
    [direct, Way { name: "as Stripe", processor, shop, socket: Some(socket) }]
}

impl Way {
    async fn card(&self, number: &str) -> String {
        self.shop.token(number).await
    }

    async fn asked(&self, minor: i64, number: &str) -> NewCharge {
        let token = self.card(number).await;
        let (reference, amount) = (PaymentId::new(), euros(minor));
        NewCharge { reference, amount, token, challenge: false, exemption: None }
    }

    async fn authorized(&self, key: &str, minor: i64, number: &str) -> Charge {
        let new = self.asked(minor, number).await;
        approved(self.processor.authorize(key, new).await.unwrap())
    }

    async fn now(&self, id: &str) -> Charge {
        self.processor.charge(id).await.unwrap().unwrap()
    }

    fn sandbox(&self) -> &Sandbox {
        &self.shop.sandbox
    }
}

fn approved(outcome: Outcome) -> Charge {
    match outcome {
        Outcome::Approved(charge) => charge,
        other => panic!("{other:?}"),
    }
}

fn declined(outcome: Outcome) -> String {
    match outcome {
        Outcome::Declined { code, detail } => {
            assert!(!detail.is_empty());
            code
        }
        other => panic!("{other:?}"),
    }
}

async fn an_amount_is_set_aside_taken_in_parts_and_given_back(db: Db) {
    for way in ways(db).await {
        let processor = &way.processor;
        let charge = way.authorized("a", 10_000, APPROVED).await;
        assert_eq!((charge.authorized, charge.held, charge.captured), (10_000, true, 0));
        assert_eq!((charge.brand.as_str(), charge.last4.as_str()), ("visa", "4242"));
        assert_eq!(charge.currency, "EUR");
        assert!(charge.authorized_until.is_some(), "{}", way.name);
        let id = charge.id.as_str();
        let part = approved(processor.capture("c1", id, euros(4_000)).await.unwrap());
        assert_eq!((part.captured, part.held), (4_000, true), "{}", way.name);
        let more = processor.capture("c2", id, euros(6_001)).await.unwrap();
        assert_eq!(declined(more), "amount_too_large", "{}", way.name);
        let early = processor.refund("r0", id, euros(4_001)).await.unwrap();
        assert_eq!(declined(early), "amount_too_large", "{}", way.name);
        let all = approved(processor.capture("c3", id, euros(6_000)).await.unwrap());
        assert_eq!((all.captured, all.held, all.authorized), (10_000, false, 10_000));
        for (key, amount, so_far) in [("r1", 2_500, 2_500), ("r2", 7_500, 10_000)] {
            let given = approved(processor.refund(key, id, euros(amount)).await.unwrap());
            assert_eq!(given.refunded, so_far, "{}", way.name);
        }
        // Each key has done what it asked for once.
        let again = processor.find("r1", Some(id)).await.unwrap().unwrap();
        assert_eq!(approved(again).refunded, if way.socket.is_some() { 10_000 } else { 2_500 });
        approved(processor.refund("r2", id, euros(7_500)).await.unwrap());
        assert_eq!(way.now(id).await.refunded, 10_000);
        assert_eq!(
            declined(processor.refund("r3", id, euros(1)).await.unwrap()),
            "amount_too_large"
        );
        let books = way.shop.charges().await.remove(&charge.reference).unwrap();
        assert_eq!((books.captured, books.refunded), (10_000, 10_000));
    }
}

async fn what_is_refused_is_refused_in_the_same_words(db: Db) {
    for way in ways(db).await {
        let processor = &way.processor;
        for (number, word) in
            [("4000000000000002", "card_declined"), ("4000000000009995", "insufficient_funds")]
        {
            let new = way.asked(1_000, number).await;
            for _ in 0..2 {
                let outcome = processor.authorize(word, new.clone()).await.unwrap();
                assert_eq!(declined(outcome), word, "{}", way.name);
            }
        }
        // It is tried again, and then refused.
        let new = way.asked(1_000, "4000000000000119").await;
        for _ in 0..2 {
            assert!(processor.authorize("broken", new.clone()).await.is_err(), "{}", way.name);
        }
        let outcome = processor.authorize("broken", new).await.unwrap();
        assert_eq!(declined(outcome), "processing_error", "{}", way.name);
        let unknown =
            NewCharge { token: "pm_nobody".to_owned(), ..way.asked(1_000, APPROVED).await };
        let outcome = processor.authorize("unknown", unknown).await.unwrap();
        assert_eq!(declined(outcome), "invalid_token", "{}", way.name);
        assert!(processor.charge("pi_nobody").await.unwrap().is_none(), "{}", way.name);
        let outcome = processor.capture("nobody", "pi_nobody", euros(1)).await.unwrap();
        assert_eq!(declined(outcome), "invalid_charge", "{}", way.name);
        let charge = way.authorized("held", 1_000, APPROVED).await;
        let dollars = kernel::Money::from_minor(1_000, Currency::USD);
        let outcome = processor.capture("dollars", &charge.id, dollars).await.unwrap();
        assert_eq!(declined(outcome), "charge_state", "{}", way.name);
    }
}

async fn a_lost_answer_is_found_and_nothing_is_done_twice(db: Db) {
    for way in ways(db).await {
        let processor = &way.processor;
        // An amount that ends in .51 takes effect, and its answer is lost.
        let new = way.asked(10_051, APPROVED).await;
        let reference = new.reference;
        assert!(processor.authorize("a", new.clone()).await.is_err(), "{}", way.name);
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(approved(processor.authorize("a", new.clone()).await.unwrap()).id);
        }
        ids.dedup();
        let [id] = ids.as_slice() else { panic!("{ids:?}") };
        assert_eq!(way.shop.charges().await.len(), 1, "{}", way.name);
        let found = processor.find("a", Some(id)).await.unwrap().unwrap();
        assert_eq!(approved(found).reference, reference);
        assert!(processor.capture("c", id, euros(5_051)).await.is_err(), "{}", way.name);
        let found = processor.find("c", Some(id)).await.unwrap().unwrap();
        assert_eq!(approved(found).captured, 5_051, "{}", way.name);
        approved(processor.capture("c", id, euros(5_051)).await.unwrap());
        assert_eq!(way.now(id).await.captured, 5_051);
        assert!(processor.refund("r", id, euros(51)).await.is_err(), "{}", way.name);
        approved(processor.refund("r", id, euros(51)).await.unwrap());
        assert_eq!(way.now(id).await.refunded, 51, "{}", way.name);
        assert!(processor.find("r", Some(id)).await.unwrap().is_some(), "{}", way.name);
        assert!(processor.find("never", Some(id)).await.unwrap().is_none(), "{}", way.name);
    }
}

async fn the_shopper_answers_a_challenge(db: Db) {
    for way in ways(db).await {
        for (key, number, is_wanted, approve) in [
            ("1", CHALLENGE, false, true),
            ("2", CHALLENGE, false, false),
            ("3", APPROVED, true, true),
        ] {
            let new = NewCharge { challenge: is_wanted, ..way.asked(1_000, number).await };
            let outcome = way.processor.authorize(key, new).await.unwrap();
            let Outcome::RequiresAction { charge, url } = outcome else { panic!("{outcome:?}") };
            assert_eq!((charge.authorized, charge.held), (0, false));
            let found = way.processor.find(key, Some(&charge.id)).await.unwrap().unwrap();
            assert!(matches!(found, Outcome::RequiresAction { .. }), "{}: {found:?}", way.name);
            if let Some(socket) = &way.socket {
                socket.answer(&url, approve).await;
            } else {
                let key = format!("challenge:{key}");
                way.sandbox().challenge(&key, &charge.id, approve).await.map(drop).unwrap();
            }
            let found = way.processor.find(key, Some(&charge.id)).await.unwrap().unwrap();
            if approve {
                assert_eq!(approved(found).authorized, 1_000, "{}", way.name);
            } else {
                assert_eq!(declined(found), "authentication_failed", "{}", way.name);
            }
            assert_eq!(way.now(&charge.id).await.held, approve, "{}", way.name);
        }
    }
}

async fn what_is_held_is_let_go_and_what_was_taken_is_not(db: Db) {
    for way in ways(db).await {
        let processor = &way.processor;
        let charge = way.authorized("a", 1_000, APPROVED).await;
        for key in ["v1", "v1", "v2"] {
            let let_go = approved(processor.void(key, &charge.id).await.unwrap());
            assert!(!let_go.held && let_go.authorized == 1_000, "{}: {let_go:?}", way.name);
        }
        let late = processor.capture("late", &charge.id, euros(1)).await.unwrap();
        assert_eq!(declined(late), "charge_state", "{}", way.name);
        let charge = way.authorized("b", 1_000, APPROVED).await;
        approved(processor.capture("part", &charge.id, euros(300)).await.unwrap());
        let rest = approved(processor.void("v3", &charge.id).await.unwrap());
        assert_eq!(
            (rest.held, rest.captured, rest.authorized),
            (false, 300, 1_000),
            "{}",
            way.name
        );
        let charge = way.authorized("c", 1_000, APPROVED).await;
        approved(processor.capture("all", &charge.id, euros(1_000)).await.unwrap());
        assert_eq!(declined(processor.void("v4", &charge.id).await.unwrap()), "charge_state");
        let new = way.asked(1_000, CHALLENGE).await;
        let outcome = processor.authorize("d", new).await.unwrap();
        let Outcome::RequiresAction { charge, .. } = outcome else { panic!("{outcome:?}") };
        let ended = approved(processor.void("v5", &charge.id).await.unwrap());
        assert_eq!((ended.held, ended.authorized), (false, 0), "{}", way.name);
    }
}

async fn a_dispute_is_answered_and_told(db: Db) {
    for way in ways(db).await {
        let processor = &way.processor;
        for (key, answer, state, lost) in [
            ("w", Answer::Evidence("winning_evidence"), DisputeState::Won, 0),
            ("l", Answer::Evidence("losing_evidence"), DisputeState::Lost, 1_000),
            ("r", Answer::Evidence("It was delivered."), DisputeState::UnderReview, 0),
            ("a", Answer::Accept, DisputeState::Lost, 1_000),
        ] {
            let charge = way.authorized(key, 1_000, DISPUTED).await;
            let id = charge.id.as_str();
            let capture = format!("{key}:capture");
            approved(processor.capture(&capture, id, euros(1_000)).await.unwrap());
            assert!(processor.dispute(id).await.unwrap().is_none());
            let early = processor.answer(&format!("{key}:early"), id, answer).await.unwrap();
            assert_eq!(declined(early), "dispute_state", "{}", way.name);
            while way.sandbox().tick().await.unwrap() {}
            let dispute = processor.dispute(id).await.unwrap().unwrap();
            assert_eq!((dispute.amount, dispute.state), (1_000, DisputeState::NeedsResponse));
            assert_eq!((dispute.reason.as_str(), dispute.closed_at), ("fraudulent", None));
            let back = processor.refund(&format!("{key}:refund"), id, euros(1)).await.unwrap();
            assert_eq!(declined(back), "charge_disputed", "{}", way.name);
            let command = format!("{key}:answer");
            for _ in 0..2 {
                approved(processor.answer(&command, id, answer).await.unwrap());
            }
            let dispute = processor.dispute(id).await.unwrap().unwrap();
            assert_eq!(dispute.state, state, "{}", way.name);
            assert_eq!(dispute.closed_at.is_some(), state.is_closed());
            assert_eq!(way.now(id).await.lost, lost, "{}", way.name);
        }
    }
}

async fn charges_come_in_the_order_of_payments(db: Db) {
    for way in ways(db).await {
        let mut references = Vec::new();
        for n in 0..5 {
            let charge = way.authorized(&format!("{n}"), 1_000 + n, APPROVED).await;
            references.push(charge.reference);
        }
        let told = |charges: Vec<Charge>| {
            charges.into_iter().map(|charge| charge.reference).collect::<Vec<_>>()
        };
        let first = told(way.processor.charges(None, 3).await.unwrap());
        assert_eq!(first, references[..3], "{}", way.name);
        let rest = told(way.processor.charges(first.last().copied(), 100).await.unwrap());
        assert_eq!(rest, references[3..], "{}", way.name);
    }
}

async fn what_was_settled_is_told_line_by_line(db: Db) {
    for way in ways(db).await {
        let (processor, name) = (&way.processor, way.name);
        let begin = way.shop.db.clock().now();
        let sold = way.authorized("a", 10_000, APPROVED).await;
        for (key, amount) in [("c1", 4_000), ("c2", 3_000)] {
            approved(processor.capture(key, &sold.id, euros(amount)).await.unwrap());
        }
        approved(processor.refund("r", &sold.id, euros(500)).await.unwrap());
        // What is held or let go is not settled.
        approved(processor.void("v", &sold.id).await.unwrap());
        way.authorized("held", 777, APPROVED).await;
        let mut disputed = Vec::new();
        for (key, answer) in [
            ("open", None),
            ("won", Some(Answer::Evidence("winning_evidence"))),
            ("lost", Some(Answer::Evidence("losing_evidence"))),
        ] {
            let charge = way.authorized(key, 1_000, DISPUTED).await;
            let capture = format!("{key}:capture");
            approved(processor.capture(&capture, &charge.id, euros(1_000)).await.unwrap());
            while way.sandbox().tick().await.unwrap() {}
            if let Some(answer) = answer {
                let command = format!("{key}:answer");
                approved(processor.answer(&command, &charge.id, answer).await.unwrap());
            }
            disputed.push(charge);
        }
        let soon = begin + TimeDelta::days(1);
        let told = processor.settled(begin, soon, 100).await.unwrap();
        let short = |line: &SettledLine| {
            let charge = line.charge.clone().unwrap();
            (line.kind, charge, line.gross.minor(), line.fee.minor())
        };
        let mut found: Vec<_> = told.iter().map(short).collect();
        let mut wanted = vec![
            (SettledKind::Charge, sold.id.clone(), 4_000, fee(4_000)),
            (SettledKind::Charge, sold.id.clone(), 3_000, fee(3_000)),
            (SettledKind::Refund, sold.id.clone(), -500, 0),
            (SettledKind::Dispute, disputed[2].id.clone(), -1_000, 0),
        ];
        let of_disputed =
            |charge: &Charge| (SettledKind::Charge, charge.id.clone(), 1_000, fee(1_000));
        wanted.extend(disputed.iter().map(of_disputed));
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{name}");
        for line in &told {
            assert_eq!(line.available_on - line.created_at, TimeDelta::days(2), "{name}");
            if line.kind == SettledKind::Charge {
                assert!(line.payment_id.is_some(), "{name}: {line:?}");
            }
        }
        // It is told in the same words again, and not as of another time.
        let ids = |lines: &[SettledLine]| {
            let mut ids: Vec<String> = lines.iter().map(|line| line.id.clone()).collect();
            ids.sort();
            ids
        };
        let known = ids(&told);
        assert!(known.windows(2).all(|pair| pair[0] != pair[1]), "{name}: {known:?}");
        let again = processor.settled(begin - TimeDelta::days(9), soon, 100).await.unwrap();
        assert_eq!(ids(&again), known, "{name}");
        let (early, late) = (begin - TimeDelta::days(2), begin - TimeDelta::days(1));
        assert_eq!(processor.settled(early, late, 100).await.unwrap(), [], "{name}");
        let cut = processor.settled(begin, soon, 6).await;
        assert!(matches!(cut, Err(SettlementError::TooMany(6))), "{name}: {cut:?}");
    }
}
