use platform::guard::{Change, Guard, Refused};
use platform::sql::{Db, Sql};
use platform::testing::attack;
use uuid::Uuid;

platform::guard! {
    /// Stock that is promised to orders.
    STOCK: "stock.reserved", table "stock", key uuid "id", used "reserved", limit "on_hand"
}
platform::guard! {
    /// Uses of a coupon.
    COUPON: "coupon.uses", table "coupon", key text "code", used "uses", limit "uses_max + 0"
}
platform::guard! {
    /// The same as stock, over a table without a check; the test takes its condition away.
    CARELESS: "careless", table "careless", key uuid "id", used "reserved", limit "on_hand"
}

platform::on_both_engines!(crate::SCHEMA =>
    stock_withstands_the_adversary,
    coupons_withstand_the_adversary,
    the_adversary_finds_a_guard_without_its_condition,
    amounts_are_positive_and_keys_are_keys,
    a_row_named_twice_is_one_row,
    the_largest_numbers_are_refused_and_do_not_overflow,
);

async fn stock(db: &Db, table: &str, rows: usize, limit: i64) -> Vec<String> {
    let sql = format!("insert into {table} values ($1, $2, 0, 1)").leak();
    let ids: Vec<Uuid> = (0..rows).map(|_| Uuid::now_v7()).collect();
    let mut tx = db.begin("test").await.unwrap();
    for id in &ids {
        tx.query(Sql::new(sql)).bind(*id).bind(limit).execute().await.unwrap();
    }
    tx.commit().await.unwrap();
    ids.iter().map(Uuid::to_string).collect()
}

async fn stock_withstands_the_adversary(db: Db) {
    let one = stock(&db, "stock", 1, 3).await;
    attack(&db, &STOCK, &one, 3).await.unwrap();
    let many = stock(&db, "stock", 6, 20).await;
    attack(&db, &STOCK, &many, 20).await.unwrap();
}

async fn coupons_withstand_the_adversary(db: Db) {
    let mut tx = db.begin("test").await.unwrap();
    let keys: Vec<String> = ["SPRING", "Sömmer'1", "x"].map(str::to_owned).into();
    for key in &keys {
        let sql = Sql::new("insert into coupon values ($1, 0, 12, 1)");
        tx.query(sql).bind(key.as_str()).execute().await.unwrap();
    }
    tx.commit().await.unwrap();
    attack(&db, &COUPON, &keys, 12).await.unwrap();
}

async fn the_adversary_finds_a_guard_without_its_condition(db: Db) {
    let one = Sql::split(
        "update careless set reserved = reserved + $2, version = version + 1 where id = $1
         returning lower(hex(id)) as key, reserved as used, on_hand as guard_limit, on_hand as told, version",
        "update careless set reserved = reserved + $2, version = version + 1 where id = $1
         returning cast(id as text) as key, reserved as used, on_hand as guard_limit, on_hand as told, version",
    );
    // Rows that are locked in no order may deadlock before they go beyond.
    let many = Sql::split(
        "update careless set reserved = reserved + l.n, version = version + 1
           from (select unhex(value->>'k', '-') as k, value->>'n' as n from json_each($1)) l
          where id = l.k
         returning lower(hex(id)) as key, reserved as used, on_hand as guard_limit, on_hand as told, version",
        "with l as (select w.k, w.n from jsonb_to_recordset($1) as w(k uuid, n bigint)),
              held as (select id as hk from careless where id in (select k from l) order by id for update)
         update careless set reserved = reserved + l.n, version = version + 1
           from l join held on held.hk = l.k where id = l.k
         returning cast(id as text) as key, reserved as used, on_hand as guard_limit, on_hand as told, version",
    );
    for (take, rows) in
        [(Change { one, ..CARELESS.take }, 1), (Change { many, ..CARELESS.take }, 4)]
    {
        let broken = Guard { take, ..CARELESS };
        let keys = stock(&db, "careless", rows, 5).await;
        let found = attack(&db, &broken, &keys, 5).await.unwrap_err();
        assert!(found.contains("beyond"), "{found}");
    }
}

async fn amounts_are_positive_and_keys_are_keys(db: Db) {
    let keys = stock(&db, "stock", 1, 5).await;
    for amount in [0, -1, i64::MIN] {
        let mut tx = db.begin("test").await.unwrap();
        assert!(STOCK.take(&mut tx, &[(&keys[0], amount)]).await.is_err());
    }
    let mut tx = db.begin("test").await.unwrap();
    assert!(STOCK.take(&mut tx, &[("no uuid", 1)]).await.is_err());
    let nobody = Uuid::now_v7();
    let refused = STOCK.take(&mut tx, &[(nobody, 1)]).await.unwrap();
    assert_eq!(refused, Err(Refused(vec![nobody.to_string()])));
}

async fn a_row_named_twice_is_one_row(db: Db) {
    let keys = stock(&db, "stock", 1, 5).await;
    let other = keys[0].to_uppercase();
    let mut tx = db.begin("test").await.unwrap();
    let list = [(keys[0].clone(), 3), (other.clone(), 3)];
    assert_eq!(STOCK.take(&mut tx, &list).await.unwrap(), Err(Refused(keys.clone())));
    let list = [(keys[0].clone(), 3), (other, 2)];
    let changed = STOCK.take(&mut tx, &list).await.unwrap().unwrap();
    assert_eq!((changed[0].used, changed[0].limit, changed[0].version), (5, 5, 2));
}

async fn the_largest_numbers_are_refused_and_do_not_overflow(db: Db) {
    let keys = stock(&db, "stock", 1, i64::MAX).await;
    let mut tx = db.begin("test").await.unwrap();
    STOCK.take(&mut tx, &[(&keys[0], 5)]).await.unwrap().unwrap();
    assert!(STOCK.take(&mut tx, &[(&keys[0], i64::MAX)]).await.unwrap().is_err());
    assert!(STOCK.give(&mut tx, &[(&keys[0], i64::MAX)]).await.unwrap().is_err());
    tx.commit().await.unwrap();
}
