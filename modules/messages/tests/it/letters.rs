use chrono::TimeDelta;
use kernel::events::OrderShipped;
use platform::audit::Actor;
use platform::bus::replay;

use crate::world::{Mood, World, in_both_worlds};

in_both_worlds!(
    every_statement_prepares,
    an_event_is_one_letter_whatever_is_repeated,
    a_letter_that_was_handed_over_without_a_note_is_the_same_letter_again,
    a_letter_that_ends_the_process_each_time_is_dead_after_a_while,
    a_try_that_ends_late_changes_nothing,
    two_nodes_send_each_letter_once,
    a_letter_nobody_takes_is_dead_after_a_while,
    the_orders_own_address_and_language_come_first,
    nobody_writes_to_a_guest_without_an_address,
    a_payment_that_waits_no_longer_is_not_asked_for,
    what_happened_long_ago_is_not_told,
);

async fn every_statement_prepares(world: World) {
    for (name, sql) in messages::SCHEMA.statements.iter().copied().flatten() {
        let mut tx = world.db.begin("prepare").await.unwrap();
        if let Err(error) = tx.prepare(*sql).await {
            panic!("{name}: {error:?}");
        }
    }
}

async fn an_event_is_one_letter_whatever_is_repeated(world: World) {
    let order = world.order_of("ada@example.com");
    world.confirm(&order).await;
    tokio::join!(world.deliver("one"), world.deliver("two"));
    world.send().await;
    let again = world.messages().subscriptions().remove(0);
    replay(&again, &Actor::OPERATOR).await.unwrap();
    world.deliver("one").await;
    world.send().await;
    let letters = world.collect();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].to, "ada@example.com");
    assert_eq!(letters[0].subject, "Your order ORD-1 is confirmed");
    assert!(letters[0].text.contains("Total: €29.63"), "{}", letters[0].text);
    assert_eq!(world.states().await, [("sent".to_owned(), 1)]);
}

async fn a_letter_that_was_handed_over_without_a_note_is_the_same_letter_again(world: World) {
    let order = world.order_of("ada@example.com");
    world.confirm(&order).await;
    world.deliver("one").await;
    world.mood(Mood::TakesAndHangs);
    world.die_sending().await;
    world.mood(Mood::Takes);
    world.send().await;
    assert_eq!(world.collect().len(), 1, "nobody else sends it before the lease has ended");
    world.advance(TimeDelta::minutes(5));
    world.send().await;
    let again = world.collect();
    assert_eq!(again.len(), 1);
    assert_eq!(world.states().await, [("sent".to_owned(), 2)]);
    world.advance(TimeDelta::days(1));
    world.send().await;
    assert!(world.collect().is_empty(), "a letter that was sent is not sent again");
}

async fn a_letter_that_ends_the_process_each_time_is_dead_after_a_while(world: World) {
    let order = world.order_of("ada@example.com");
    world.confirm(&order).await;
    world.deliver("one").await;
    world.mood(Mood::TakesAndHangs);
    for _ in 0..10 {
        world.die_sending().await;
        world.advance(TimeDelta::minutes(5));
    }
    assert!((1..=8).contains(&world.collect().len()));
    assert_eq!(world.states().await, [("dead".to_owned(), 8)]);
}

async fn a_try_that_ends_late_changes_nothing(world: World) {
    let order = world.order_of("ada@example.com");
    world.confirm(&order).await;
    world.deliver("one").await;
    world.mood(Mood::RefusesLate);
    let messages = world.messages();
    let late = tokio::spawn(async move { messages.send_letters().await });
    world.outside.refusing.notified().await;
    world.mood(Mood::Refuses);
    world.advance(TimeDelta::minutes(5));
    world.send().await;
    let before = world.kept().await;
    world.outside.late.notify_one();
    late.await.unwrap().unwrap();
    assert_eq!(world.kept().await, before);
    assert_eq!(world.states().await, [("waiting".to_owned(), 2)]);
}

async fn two_nodes_send_each_letter_once(world: World) {
    for n in 0..30 {
        let order = world.order_of(&format!("ada{n}@example.com"));
        world.confirm(&order).await;
    }
    world.deliver("one").await;
    tokio::join!(world.send(), world.send());
    let mut to: Vec<String> = world.collect().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to.len(), 30);
    to.sort_unstable();
    to.dedup();
    assert_eq!(to.len(), 30);
}

async fn a_letter_nobody_takes_is_dead_after_a_while(world: World) {
    let order = world.order_of("ada@example.com");
    world.confirm(&order).await;
    world.deliver("one").await;
    world.mood(Mood::Refuses);
    for attempts in 1..=8 {
        world.send().await;
        let state = if attempts == 8 { "dead" } else { "waiting" };
        assert_eq!(world.states().await, [(state.to_owned(), attempts)]);
        world.send().await;
        assert_eq!(world.states().await, [(state.to_owned(), attempts)], "it waits for its time");
        world.advance(TimeDelta::hours(12));
    }
    let error = platform::sql::Sql::new("select last_error from message");
    let (error,): (String,) = world.db.query(error).one().await.unwrap();
    assert_eq!(error, "mail did not answer: 550 <(the address)> is unknown");
}

async fn the_orders_own_address_and_language_come_first(world: World) {
    let order = world.order(|order| {
        order.email = Some("elsewhere@example.com".to_owned());
        order.locale = Some("de-AT".to_owned());
    });
    let account = "account@example.com".to_owned();
    world.outside.people.lock().unwrap().insert(order.customer_id, account);
    world.confirm(&order).await;
    let tracking = Some("JD01".to_owned());
    let shipped = OrderShipped { order_id: order.id, customer_id: order.customer_id, tracking };
    world.publish(&shipped, 2).await;
    world.deliver("one").await;
    world.send().await;
    let mut letters = world.collect();
    letters.sort_by_key(|mail| mail.id);
    let told: Vec<_> =
        letters.iter().map(|mail| (mail.to.as_str(), mail.subject.as_str())).collect();
    let to = "elsewhere@example.com";
    assert_eq!(
        told,
        [(to, "Ihre Bestellung ORD-1 ist bestätigt"), (to, "Ihre Bestellung ORD-1 ist unterwegs"),]
    );
    assert!(letters[0].text.contains("29,63\u{a0}€"), "{}", letters[0].text);
    assert!(letters[1].html.as_ref().unwrap().contains("JD01"));
}

async fn nobody_writes_to_a_guest_without_an_address(world: World) {
    let order = world.order(|_| ());
    world.confirm(&order).await;
    world.deliver("one").await;
    world.send().await;
    assert!(world.collect().is_empty());
    assert_eq!(world.states().await, [("nobody".to_owned(), 1)]);
}

async fn a_payment_that_waits_no_longer_is_not_asked_for(world: World) {
    let waits = world.order_of("ada@example.com");
    let confirmed = world.order_of("bob@example.com");
    world.outside.orders.lock().unwrap().get_mut(&waits.id).unwrap().awaits_payment = true;
    for order in [&waits, &confirmed] {
        world.asks_for_action(order).await;
    }
    world.deliver("one").await;
    world.send().await;
    assert!(world.collect().is_empty(), "whoever is at the screen has a minute");
    world.advance(TimeDelta::minutes(1));
    world.send().await;
    let letters = world.collect();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].to, "ada@example.com");
    let states: Vec<String> = world.states().await.into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["sent", "outdated"]);
}

async fn what_happened_long_ago_is_not_told(world: World) {
    let order = world.order_of("ada@example.com");
    world.confirm(&order).await;
    world.advance(TimeDelta::days(4));
    world.deliver("one").await;
    world.send().await;
    assert!(world.collect().is_empty());
    assert_eq!(world.states().await, [("outdated".to_owned(), 0)]);
}
