use inventory::{HoldState, SCHEMA};
use kernel::events::{OrderCancelled, OrderShipped};
use kernel::id::{CustomerId, OrderId, ProductId};
use kernel::ports::{Shortage, Stock, StockError};
use kernel::{Currency, Money};
use platform::sql::Db;
use platform::tasks::Tasks;

use crate::shop::{self, line, outcome};

platform::on_both_engines!(super::SCHEMA =>
    every_short_line_is_told_and_nothing_is_kept,
    two_lines_of_a_product_are_checked_together,
    an_ended_order_reserves_nothing,
    repeats_change_nothing,
    other_lines_for_the_same_order_are_refused,
    the_sweeper_gives_back_what_is_overdue,
    shipped_goods_leave_the_books,
    pages_of_holds_meet_every_order_once,
);

async fn every_short_line_is_told_and_nothing_is_kept(db: Db) {
    let inventory = shop::inventory(&db).await;
    let plenty = shop::product(&inventory, 10).await;
    let scarce = shop::product(&inventory, 2).await;
    let unknown = ProductId::new();
    let lines = [line(plenty, 3), line(scarce, 5), line(unknown, 1)];
    let refused = inventory.reserve(OrderId::new(), &lines, None, shop::soon()).await;
    let Err(StockError::OutOfStock(mut short)) = refused else { panic!("{refused:?}") };
    short.sort_by_key(|line| line.available);
    let shortage = |product_id, requested, available| Shortage { product_id, requested, available };
    assert_eq!(short, [shortage(unknown, 1, 0), shortage(scarce, 5, 2)]);
    assert_eq!(shop::available(&inventory, plenty).await, 10);
    assert_eq!(inventory.available(&[unknown]).await.unwrap(), []);
    shop::books_are_right(&inventory).await;
}

async fn two_lines_of_a_product_are_checked_together(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 3).await;
    let twice = [line(product, 2), line(product, 2)];
    let refused = inventory.reserve(OrderId::new(), &twice, None, shop::soon()).await;
    let Err(StockError::OutOfStock(short)) = refused else { panic!("{refused:?}") };
    assert_eq!((short[0].requested, short[0].available), (4, 3));
    let twice = [line(product, 2), line(product, 1)];
    inventory.reserve(OrderId::new(), &twice, None, shop::soon()).await.unwrap();
    assert_eq!(shop::available(&inventory, product).await, 0);
    let nothing = inventory.reserve(OrderId::new(), &[line(product, 0)], None, shop::soon()).await;
    assert_eq!(outcome(&nothing), "unavailable");
    shop::books_are_right(&inventory).await;
}

async fn an_ended_order_reserves_nothing(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 5).await;
    let order = OrderId::new();
    inventory.release(order).await.unwrap();
    for units in [1, 9] {
        let late = inventory.reserve(order, &[line(product, units)], None, shop::soon()).await;
        assert_eq!(outcome(&late), "ended");
    }
    assert_eq!(outcome(&inventory.commit(order).await), "ended");
    assert_eq!(outcome(&inventory.extend(order, shop::soon()).await), "ended");
    assert_eq!(outcome(&inventory.commit(OrderId::new()).await), "ended");
    assert_eq!(shop::available(&inventory, product).await, 5);
    shop::books_are_right(&inventory).await;
}

async fn repeats_change_nothing(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 5).await;
    let order = OrderId::new();
    let lines = [line(product, 5)];
    for _ in 0..2 {
        inventory.reserve(order, &lines, None, shop::soon()).await.unwrap();
        inventory.extend(order, shop::soon()).await.unwrap();
        assert_eq!(shop::available(&inventory, product).await, 0);
    }
    for _ in 0..2 {
        inventory.commit(order).await.unwrap();
        inventory.reserve(order, &lines, None, shop::soon()).await.unwrap();
        inventory.extend(order, shop::past()).await.unwrap();
    }
    assert_eq!(inventory.sweep().await.unwrap().expired, 0);
    assert_eq!(shop::available(&inventory, product).await, 0);
    for _ in 0..2 {
        inventory.release(order).await.unwrap();
        assert_eq!(shop::available(&inventory, product).await, 5);
    }
    assert_eq!(outcome(&inventory.commit(order).await), "ended");
    shop::books_are_right(&inventory).await;
}

async fn other_lines_for_the_same_order_are_refused(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 5).await;
    let order = shop::order(&inventory, product, 2, shop::soon()).await.unwrap();
    let other = inventory.reserve(order, &[line(product, 3)], None, shop::soon()).await;
    assert_eq!(outcome(&other), "unavailable");
    assert_eq!(shop::available(&inventory, product).await, 3);
}

async fn the_sweeper_gives_back_what_is_overdue(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 4).await;
    let overdue = shop::order(&inventory, product, 1, shop::past()).await.unwrap();
    let extended = shop::order(&inventory, product, 1, shop::past()).await.unwrap();
    let held = shop::order(&inventory, product, 1, shop::soon()).await.unwrap();
    inventory.extend(extended, shop::soon()).await.unwrap();
    let tasks = Tasks::default();
    inventory.start(&tasks);
    while shop::available(&inventory, product).await != 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    tasks.stop(std::time::Duration::from_secs(5)).await;
    assert_eq!(outcome(&inventory.commit(overdue).await), "ended");
    let again = inventory.reserve(overdue, &[line(product, 1)], None, shop::soon()).await;
    assert_eq!(outcome(&again), "ended");
    assert_eq!(outcome(&inventory.commit(extended).await), "ok");
    assert_eq!(outcome(&inventory.commit(held).await), "ok");
    shop::books_are_right(&inventory).await;
}

async fn shipped_goods_leave_the_books(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 5).await;
    let order_id = shop::order(&inventory, product, 2, shop::soon()).await.unwrap();
    let customer_id = CustomerId::new();
    let shipped = OrderShipped { order_id, customer_id, tracking: None };
    // Nobody has committed it: goods that nobody promised must be noticed.
    assert!(shop::hear(&inventory, &shipped).await.is_err());
    inventory.commit(order_id).await.unwrap();
    for _ in 0..2 {
        shop::hear(&inventory, &shipped).await.unwrap();
        assert_eq!(shop::available(&inventory, product).await, 3);
    }
    let total = Money::zero(Currency::EUR);
    let cancelled = OrderCancelled {
        order_id,
        customer_id,
        lines: Vec::new(),
        total,
        confirmed_at: shop::past(),
        reason: "too late".to_owned(),
        was_confirmed: true,
        refunded: None,
        replaces: None,
    };
    shop::hear(&inventory, &cancelled).await.unwrap();
    inventory.release(order_id).await.unwrap();
    assert_eq!(shop::available(&inventory, product).await, 3);
    assert_eq!(inventory.holds(None, 10).await.unwrap()[0].state, HoldState::Shipped);
    shop::books_are_right(&inventory).await;
}

async fn pages_of_holds_meet_every_order_once(db: Db) {
    let inventory = shop::inventory(&db).await;
    let product = shop::product(&inventory, 100).await;
    let other = shop::product(&inventory, 100).await;
    let mut orders = Vec::new();
    for _ in 0..7 {
        let order = OrderId::new();
        let lines = [line(product, 2), line(other, 1)];
        inventory.reserve(order, &lines, None, shop::soon()).await.unwrap();
        orders.push(order);
    }
    let never = OrderId::new();
    inventory.release(never).await.unwrap();
    orders.push(never);
    let (mut met, mut after) = (Vec::new(), None);
    loop {
        let page = inventory.holds(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.order_id);
        met.extend(page);
    }
    assert_eq!(met.iter().map(|hold| hold.order_id).collect::<Vec<_>>(), orders);
    assert!(met.iter().all(|hold| match hold.state {
        HoldState::Held => hold.lines == [(product, 2), (other, 1)],
        _ => hold.order_id == never && hold.lines.is_empty(),
    }));
}
