use chrono::TimeDelta;
use kernel::events::{ClickCount, SearchCount, SearchPerformed};
use kernel::id::{EventId, ProductId};
use kernel::ports::Role;
use platform::audit::Actor;
use platform::bus::replay;
use platform::sql::{Db, Sql};
use serde_json::Value;

use super::Shop;

platform::on_both_engines!(analytics::SCHEMA =>
    search_terms_follow_the_events_and_a_replay_counts_the_same,
    texts_of_long_ago_are_forgotten,
    bad_input_names_the_field,
);

async fn tell(shop: &Shop, searches: &[(&str, i64, i64)], clicks: &[(&str, i64, i64)]) {
    let search = |&(text, searches, without_results): &(&str, i64, i64)| SearchCount {
        text: text.to_owned(),
        searches,
        without_results,
    };
    let click = |&(text, clicks, positions): &(&str, i64, i64)| ClickCount {
        text: text.to_owned(),
        product_id: ProductId::new(),
        clicks,
        positions,
    };
    let counted = SearchPerformed {
        counts_id: EventId::new().uuid(),
        searches: searches.iter().map(search).collect(),
        clicks: clicks.iter().map(click).collect(),
    };
    let mut tx = shop.catalog.begin("tell").await.unwrap();
    tx.emit(&counted, 1).unwrap();
    tx.commit().await.unwrap();
}

async fn texts(shop: &Shop, sort: &str) -> Vec<String> {
    let found = shop.get(&format!("search?sort={sort}")).await;
    let items = found["items"].as_array().unwrap().iter();
    items.map(|item| item["text"].as_str().unwrap().to_owned()).collect()
}

async fn term(shop: &Shop, text: &str) -> [Value; 5] {
    let found = shop.get("search").await;
    let item = found["items"].as_array().unwrap().iter().find(|item| item["text"] == text).unwrap();
    ["searches", "without_results", "clicks", "clicks_per_100", "position"]
        .map(|field| item[field].clone())
}

async fn search_terms_follow_the_events_and_a_replay_counts_the_same(db: Db) {
    let shop = Shop::new(&db).await;
    tell(&shop, &[("lamp", 3, 0), ("zzzz", 2, 2)], &[("lamp", 1, 4), ("lamp", 1, 1)]).await;
    tell(&shop, &[("lamp", 1, 1), ("vase", 9, 0)], &[("never searched", 1, 1)]).await;
    shop.deliver().await;
    for _ in 0..2 {
        assert_eq!(texts(&shop, "searches").await, ["vase", "lamp", "zzzz"]);
        assert_eq!(texts(&shop, "without_results").await, ["zzzz", "lamp"]);
        assert_eq!(texts(&shop, "clicks").await, ["lamp", "never searched"]);
        let lamp: [Value; 5] = [4.into(), 1.into(), 2.into(), 50.into(), 3.into()];
        assert_eq!(term(&shop, "lamp").await, lamp);
        let vase: [Value; 5] = [9.into(), 0.into(), 0.into(), 0.into(), Value::Null];
        assert_eq!(term(&shop, "vase").await, vase);
        let before = shop.get("search?from=2020-01-01&to=2020-01-31").await;
        assert_eq!(before["items"], Value::Array(Vec::new()));

        replay(&shop.analytics.subscriptions()[1], &Actor::OPERATOR).await.unwrap();
        shop.bus("b").drain().await.unwrap();
    }
}

async fn texts_of_long_ago_are_forgotten(db: Db) {
    let shop = Shop::new(&db).await;
    let insert = Sql::new(
        "insert into search_term (day, text, searches, without_results, clicks, positions)
         values ($1, $2, 1, 0, 0, 0)",
    );
    let today = db.clock().now();
    let mut tx = db.begin("test.terms").await.unwrap();
    for (days, texts) in [(401, 1_001), (400, 1), (0, 1)] {
        let day = (today - TimeDelta::days(days)).date_naive().to_string();
        for n in 0..texts {
            let text = format!("{days}-{n}");
            tx.query(insert).bind(day.as_str()).bind(text).execute().await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    assert!(shop.analytics.trim().await.unwrap(), "there is more");
    assert!(!shop.analytics.trim().await.unwrap());
    let left: Vec<(String,)> =
        db.query(Sql::new("select text from search_term order by text")).all().await.unwrap();
    assert_eq!(left, [("0-0".to_owned(),), ("400-0".to_owned(),)]);
}

async fn bad_input_names_the_field(db: Db) {
    let shop = Shop::new(&db).await;
    for (query, field) in [("limit=0", "limit"), ("from=soon", "from"), ("sort=best", "sort")] {
        let (status, problem) = shop.get_as(Role::Staff, &format!("search?{query}")).await;
        assert_eq!(
            (status, problem["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{problem}"
        );
    }
    assert_eq!(shop.get_as(Role::Customer, "search").await.0, 403);
}
