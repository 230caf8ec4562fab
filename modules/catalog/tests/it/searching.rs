use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use catalog::{Catalog, Error, ListQuery, SCHEMA, SearchError, Settings, Sort};
use kernel::Money;
use platform::audit::Actor;
use platform::sql::Db;
use platform::tasks::Tasks;
use platform::testing::folder;
use serde_json::json;

use crate::world::{USD, everything, input};

platform::on_both_engines!(super::SCHEMA =>
    what_changes_is_found,
    words_are_found_wherever_they_stand,
    odd_texts_never_fail,
    results_page_without_repeats,
    synonyms_find_each_other,
    typing_errors_are_put_right,
    a_lost_index_is_built_again,
    a_rebuild_can_be_asked_for,
    an_index_of_another_database_is_built_again,
    two_programs_do_not_share_a_folder,
);

pub async fn opened(db: &Db, folder: &Path) -> (Catalog, Tasks) {
    let catalog = Catalog::open(db.clone(), Settings::default(), folder).await.unwrap();
    let tasks = Tasks::default();
    catalog.start(&tasks);
    caught_up(&catalog, db).await;
    (catalog, tasks)
}

pub async fn caught_up(catalog: &Catalog, db: &Db) {
    for _ in 0..2_000 {
        while platform::outbox::sequence(db).await.unwrap() > 0 {}
        if catalog.search_caught_up().await.unwrap() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the index does not catch up");
}

fn text(text: &str) -> ListQuery {
    ListQuery { text: Some(text.to_owned()), ..everything(Sort::Relevance) }
}

async fn found(catalog: &Catalog, query: ListQuery) -> Vec<String> {
    let page = catalog.list(query).await.unwrap();
    page.items.into_iter().map(|listed| listed.card.sku).collect()
}

async fn what_changes_is_found(db: Db) {
    let (catalog, tasks) = opened(&db, &folder().join("index")).await;
    let lamp = catalog
        .create(input("LAMP-1", json!({"name": "Desk lamp"})), &Actor::SYSTEM)
        .await
        .unwrap();
    catalog
        .create(input("DRAFT", json!({"name": "Lamp", "status": "draft"})), &Actor::SYSTEM)
        .await
        .unwrap();
    caught_up(&catalog, &db).await;
    assert_eq!(found(&catalog, text("lamps")).await, ["LAMP-1"]);
    let renamed = input("LAMP-1", json!({"name": "Torch"}));
    catalog.update(lamp.id, 1, renamed, &Actor::SYSTEM).await.unwrap();
    caught_up(&catalog, &db).await;
    assert!(found(&catalog, text("desk")).await.is_empty());
    assert_eq!(found(&catalog, text("torch")).await, ["LAMP-1"]);
    catalog
        .create(input("LAMP-1-XL", json!({"parent_id": lamp.id})), &Actor::SYSTEM)
        .await
        .unwrap();
    caught_up(&catalog, &db).await;
    assert_eq!(found(&catalog, text("lamp-1-xl")).await, ["LAMP-1"]);
    let suggested = catalog.suggest("to".to_owned()).await.unwrap();
    assert_eq!(suggested.products[0].2, "Torch");
    assert!(catalog.verify().await.unwrap().iter().all(platform::verify::Check::holds));
    catalog.archive(lamp.id, None, &Actor::SYSTEM).await.unwrap();
    caught_up(&catalog, &db).await;
    assert!(found(&catalog, text("torch")).await.is_empty());
    let checks = catalog.verify().await.unwrap();
    assert!(checks.iter().any(|check| check.invariant.contains("can be found")));
    assert!(checks.iter().all(platform::verify::Check::holds));
    tasks.stop(Duration::from_secs(5)).await;
}

async fn words_are_found_wherever_they_stand(db: Db) {
    let (catalog, tasks) = opened(&db, &folder().join("index")).await;
    let price = |amount: &str| json!({"amount": amount, "currency": "USD"});
    let name = json!({"name": "Red cable", "price": price("5.00"), "categories": ["Cables"]});
    catalog.create(input("NAME", name), &Actor::SYSTEM).await.unwrap();
    let described = json!({"description": "A red cable", "price": price("3.00")});
    catalog.create(input("DESCRIBED", described), &Actor::SYSTEM).await.unwrap();
    let attributed = json!({"name": "Cable", "attributes": {"colour": "Red"}});
    catalog.create(input("ATTRIBUTE", attributed), &Actor::SYSTEM).await.unwrap();
    catalog.create(input("HALF", json!({"name": "Red red red"})), &Actor::SYSTEM).await.unwrap();
    caught_up(&catalog, &db).await;

    let all = found(&catalog, text("red cable")).await;
    assert_eq!(all[0], "NAME");
    assert_eq!(all[3], "HALF", "what has every word comes first: {all:?}");
    assert_eq!(found(&catalog, text("described")).await, ["DESCRIBED"]);
    let cheapest = ListQuery { sort: Sort::Price, ..text("red cable") };
    assert_eq!(found(&catalog, cheapest).await, ["DESCRIBED", "NAME", "ATTRIBUTE"]);
    let dear = ListQuery { least: Some(Money::from_minor(400, USD)), ..text("red cable") };
    assert_eq!(found(&catalog, dear).await.len(), 3);
    let category = ListQuery { category: Some("Cables".to_owned()), ..text("red cable") };
    assert_eq!(found(&catalog, category).await, ["NAME"]);
    let in_stock = ListQuery { in_stock: true, ..text("red cable") };
    assert!(found(&catalog, in_stock).await.is_empty());
    tasks.stop(Duration::from_secs(5)).await;
}

async fn odd_texts_never_fail(db: Db) {
    let (catalog, tasks) = opened(&db, &folder().join("index")).await;
    catalog
        .create(input("A", json!({"name": "AND or \"quoted\" (thing) price"})), &Actor::SYSTEM)
        .await
        .unwrap();
    caught_up(&catalog, &db).await;
    let long = "x".repeat(200);
    let many = "a ".repeat(100);
    let odd = [
        "\"",
        "(",
        "AND",
        "OR NOT",
        "price:[* TO *]",
        "*",
        "-a +b",
        "~^",
        "\\",
        "",
        "  ",
        "\u{0}",
        "日本語",
        "🎉",
        "a:b:c",
        "name:",
        "[}",
        &long,
        &many,
    ];
    for odd in odd {
        let wordless = !odd.contains(char::is_alphanumeric) || odd.starts_with("-a");
        for sort in [Sort::Relevance, Sort::Price] {
            match catalog.list(ListQuery { sort, ..text(odd) }).await {
                Ok(_) => assert!(!wordless || odd == "-a +b", "{odd}"),
                Err(Error::Invalid(errors)) => {
                    assert!(wordless && errors[0].field == "q", "{odd}");
                }
                Err(error) => panic!("{odd}: {error}"),
            }
        }
        catalog.suggest(odd.to_owned()).await.unwrap();
    }
    assert_eq!(found(&catalog, text("\"quoted\" (thing)")).await, ["A"]);
    tasks.stop(Duration::from_secs(5)).await;
}

async fn synonyms_find_each_other(db: Db) {
    let catalog = crate::world::searched(&db).await;
    let create = async |sku: &str, name: &str| {
        catalog.create(input(sku, json!({"name": name})), &Actor::SYSTEM).await.unwrap();
    };
    create("FLAT", "Flat television set").await;
    create("IPAD", "iPad").await;
    let synonym = async |kind: &str, terms: &[&str]| {
        let input = serde_json::from_value(json!({"kind": kind, "terms": terms})).unwrap();
        catalog.create_synonym(input, &Actor::SYSTEM).await.unwrap()
    };
    let tv = synonym("equivalent", &["tv", "television set"]).await;
    synonym("one_way", &["tablet", "ipad"]).await;
    catalog.refresh_search().await.unwrap();
    assert_eq!(found(&catalog, text("tv")).await, ["FLAT"]);
    assert_eq!(found(&catalog, text("tablet")).await, ["IPAD"]);
    create("TUBE", "Tv").await;
    create("SLATE", "Tablet").await;
    catalog.refresh_search().await.unwrap();
    assert_eq!(found(&catalog, text("television set")).await.len(), 2);
    assert_eq!(found(&catalog, text("ipad")).await, ["IPAD"], "one way is one way");
    let late = catalog.delete_synonym(tv.id, 2, &Actor::SYSTEM).await;
    assert!(matches!(late, Err(Error::Stale { current: 1 })));
    catalog.delete_synonym(tv.id, 1, &Actor::SYSTEM).await.unwrap();
    catalog.refresh_search().await.unwrap();
    assert_eq!(found(&catalog, text("tv")).await, ["TUBE"]);
}

async fn typing_errors_are_put_right(db: Db) {
    let catalog = crate::world::searched(&db).await;
    for (sku, name) in [("KEY", "Keyboard"), ("READER", "Card reader"), ("LAMP", "Lamp 4gb")] {
        catalog.create(input(sku, json!({"name": name})), &Actor::SYSTEM).await.unwrap();
    }
    catalog.refresh_search().await.unwrap();
    let meant = catalog.list(text("keybord")).await.unwrap();
    assert_eq!(meant.did_you_mean.as_deref(), Some("keyboard"));
    assert_eq!(meant.items[0].card.sku, "KEY");
    assert_eq!(found(&catalog, text("cardreader")).await, ["READER"]);
    assert_eq!(found(&catalog, text("lamp 4 gb")).await, ["LAMP"]);
    assert!(found(&catalog, text("zzzzzz")).await.is_empty());
    assert!(found(&catalog, text("keyboard -keyboard")).await.is_empty());
    assert!(found(&catalog, text("\"reader card\"")).await.is_empty());
    assert_eq!(found(&catalog, text("\"card reader\"")).await, ["READER"]);
    let suggested = catalog.suggest("keybo".to_owned()).await.unwrap();
    assert_eq!(suggested.texts, ["keyboard"]);
}

async fn results_page_without_repeats(db: Db) {
    let (catalog, tasks) = opened(&db, &folder().join("index")).await;
    for n in 0..23 {
        let name = "cable ".repeat(1 + n % 3);
        catalog
            .create(input(&format!("C{n}"), json!({"name": name.trim()})), &Actor::SYSTEM)
            .await
            .unwrap();
    }
    caught_up(&catalog, &db).await;
    for sort in [Sort::Relevance, Sort::Name] {
        let mut query = ListQuery { sort, limit: 5, ..text("cable") };
        let mut seen = Vec::new();
        loop {
            let page = catalog.list(query.clone()).await.unwrap();
            seen.extend(page.items.into_iter().map(|listed| listed.card.id));
            let cursor = kernel::PageQuery { limit: None, cursor: page.next_cursor };
            query.after = cursor.position().unwrap();
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 23);
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 23);
    }
    tasks.stop(Duration::from_secs(5)).await;
}

/// The folder of the building in use.
fn building(folder: &Path) -> std::path::PathBuf {
    folder.join(std::fs::read_to_string(folder.join("current")).unwrap())
}

async fn a_lost_index_is_built_again(db: Db) {
    let folder = folder().join("index");
    let (catalog, tasks) = opened(&db, &folder).await;
    for n in 0..30 {
        catalog
            .create(input(&format!("C{n}"), json!({"name": "Cable"})), &Actor::SYSTEM)
            .await
            .unwrap();
    }
    caught_up(&catalog, &db).await;
    tasks.stop(Duration::from_secs(5)).await;
    drop(catalog);

    let damages: [fn(&Path); 5] = [
        |folder| std::fs::remove_dir_all(folder).unwrap(),
        |folder| std::fs::write(folder.join("current"), "nothing").unwrap(),
        |folder| std::fs::write(building(folder).join("meta.json"), "{broken").unwrap(),
        |folder| {
            for file in std::fs::read_dir(building(folder)).unwrap() {
                let file = file.unwrap().path();
                if file.extension().is_some_and(|ending| ending == "term" || ending == "idx") {
                    let mut bytes = std::fs::read(&file).unwrap();
                    let middle = bytes.len() / 3;
                    bytes[middle] ^= 0xff;
                    std::fs::write(&file, bytes).unwrap();
                }
            }
        },
        |folder| {
            std::fs::remove_dir_all(folder).unwrap();
            std::fs::write(folder, "a file").unwrap();
        },
    ];
    for damage in damages {
        damage(&folder);
        let fresh = Catalog::open(db.clone(), Settings::default(), &folder).await.unwrap();
        let early = fresh.list(text("cable")).await;
        assert!(matches!(early, Err(Error::Search(SearchError::NotBuilt))), "{early:?}");
        drop(fresh);
        let (catalog, tasks) = opened(&db, &folder).await;
        assert_eq!(found(&catalog, text("cable")).await.len(), 30);
        tasks.stop(Duration::from_secs(5)).await;
    }
}

async fn a_rebuild_can_be_asked_for(db: Db) {
    let (catalog, tasks) = opened(&db, &folder().join("index")).await;
    catalog.create(input("A", json!({"name": "Cable"})), &Actor::SYSTEM).await.unwrap();
    caught_up(&catalog, &db).await;
    // A change that no event tells of is found only by a rebuild.
    let mut tx = db.begin("test.rename").await.unwrap();
    let rename = platform::sql::Sql::new("update product set name = 'Torch'");
    tx.query(rename).execute().await.unwrap();
    tx.commit().await.unwrap();
    assert!(found(&catalog, text("torch")).await.is_empty());
    Catalog::request_search_rebuild(&db, &Actor::SYSTEM).await.unwrap();
    assert!(!catalog.search_caught_up().await.unwrap());
    caught_up(&catalog, &db).await;
    assert_eq!(found(&catalog, text("torch")).await, ["A"]);
    assert!(found(&catalog, text("cable")).await.is_empty());
    tasks.stop(Duration::from_secs(5)).await;
}

async fn an_index_of_another_database_is_built_again(db: Db) {
    let folder = folder().join("index");
    let clock = kernel::Clock::system();
    let other = platform::testing::database(db.engine(), &SCHEMA, clock).await.unwrap();
    let (catalog, tasks) = opened(&other, &folder).await;
    catalog.create(input("OTHER", json!({"name": "Cable"})), &Actor::SYSTEM).await.unwrap();
    caught_up(&catalog, &other).await;
    tasks.stop(Duration::from_secs(5)).await;
    drop(catalog);

    let before = Catalog::new(db.clone(), Settings::default());
    before.create(input("OURS", json!({"name": "Cable"})), &Actor::SYSTEM).await.unwrap();
    let (catalog, tasks) = opened(&db, &folder).await;
    assert_eq!(found(&catalog, text("cable")).await, ["OURS"]);
    tasks.stop(Duration::from_secs(5)).await;
}

async fn two_programs_do_not_share_a_folder(db: Db) {
    let folder = folder().join("index");
    let first = Catalog::open(db.clone(), Settings::default(), &folder).await.unwrap();
    let second = Catalog::open(db.clone(), Settings::default(), &folder).await;
    assert!(matches!(second.err(), Some(SearchError::InUse(_))));
    drop(first);
    assert!(Catalog::open(db, Settings::default(), &folder).await.is_ok());
}
