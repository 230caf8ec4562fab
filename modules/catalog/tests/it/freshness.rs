//! The index is what the tables are, whatever happens at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use catalog::{Audience, Catalog, ListQuery, Sort};
use platform::audit::Actor;
use platform::sql::Db;
use platform::testing::folder;
use serde_json::json;

use crate::listing::next;
use crate::searching::{caught_up, opened};
use crate::world::input;

platform::on_both_engines!(catalog::SCHEMA =>
    the_index_is_what_the_tables_are,
    the_staff_finds_what_shoppers_do_not,
);

const EDITORS: usize = 4;
const EDITS: usize = 40;

/// One editor's products: creates, renames, reprices, hides and shows them, and remembers what
/// shoppers must find, by SKU.
async fn edit(catalog: Catalog, editor: usize) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    let mut products = Vec::new();
    for n in 0..EDITS {
        if n % 4 == 0 {
            let sku = format!("E{editor}-{n}");
            let name = format!("Lamp {editor} {n}");
            let product = input(&sku, json!({"name": name, "categories": ["Home", "Lamps"]}));
            let product = catalog.create(product, &Actor::SYSTEM).await.unwrap();
            products.push((product.id, 1, sku.clone()));
            shown.insert(sku, name);
            continue;
        }
        let at = (n * 7) % products.len();
        let (id, revision, sku) = products[at].clone();
        let name = format!("Lamp {editor} renamed {n}");
        let status = if n % 5 == 0 { "archived" } else { "active" };
        let patch = json!({"name": name, "status": status});
        let changed = catalog.patch(id, revision, patch, &Actor::SYSTEM).await.unwrap();
        products[at].1 = changed.revision;
        if status == "active" {
            shown.insert(sku, name);
        } else {
            shown.remove(&sku);
        }
    }
    shown
}

async fn everything(catalog: &Catalog, query: ListQuery) -> BTreeMap<String, String> {
    let (mut query, mut found) = (query, BTreeMap::new());
    loop {
        let list = catalog.list(query.clone()).await.unwrap();
        query.after = next(&list);
        let count = found.len() + list.items.len();
        found.extend(list.items.into_iter().map(|item| (item.card.sku, item.card.name)));
        assert_eq!(found.len(), count, "a product came twice");
        if query.after.is_none() {
            return found;
        }
    }
}

async fn the_index_is_what_the_tables_are(db: Db) {
    let (catalog, tasks) = opened(&db, &folder().join("index")).await;
    caught_up(&catalog, &db).await;
    let busy = Arc::new(AtomicBool::new(true));
    let searchers: Vec<_> = (0..2)
        .map(|_| {
            let (catalog, busy) = (catalog.clone(), busy.clone());
            tokio::spawn(async move {
                while busy.load(Ordering::SeqCst) {
                    let text = Some("lamp renamed".to_owned());
                    let query =
                        ListQuery { text, facets: true, ..ListQuery::all(Sort::Relevance, 5) };
                    catalog.list(query).await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let rebuilder = tokio::spawn({
        let (db, busy) = (db.clone(), busy.clone());
        async move {
            while busy.load(Ordering::SeqCst) {
                Catalog::request_search_rebuild(&db, &Actor::SYSTEM).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(150)).await;
            }
        }
    });
    let editors: Vec<_> =
        (0..EDITORS).map(|editor| tokio::spawn(edit(catalog.clone(), editor))).collect();
    let mut expected = BTreeMap::new();
    for editor in editors {
        expected.extend(editor.await.unwrap());
    }
    busy.store(false, Ordering::SeqCst);
    rebuilder.await.unwrap();
    for searcher in searchers {
        searcher.await.unwrap();
    }
    caught_up(&catalog, &db).await;
    for sort in [Sort::Newest, Sort::Name, Sort::Price] {
        assert_eq!(everything(&catalog, ListQuery::all(sort, 7)).await, expected, "{sort:?}");
    }
    assert!(catalog.verify().await.unwrap().iter().all(platform::verify::Check::holds));
    tasks.stop(std::time::Duration::from_secs(5)).await;
}

async fn the_staff_finds_what_shoppers_do_not(db: Db) {
    let catalog = crate::world::searched(&db).await;
    for (sku, status) in [("A", "active"), ("D", "draft"), ("X", "archived")] {
        let product = input(sku, json!({"status": status, "barcode": format!("40{sku}")}));
        catalog.create(product, &Actor::SYSTEM).await.unwrap();
    }
    catalog.refresh_search().await.unwrap();
    let skus = async |audience, text: Option<&str>| {
        let text = text.map(str::to_owned);
        let query = ListQuery { audience, text, ..ListQuery::all(Sort::Name, 10) };
        everything(&catalog, query).await.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(skus(Audience::Shoppers, None).await, ["A"]);
    assert_eq!(skus(Audience::Staff(None), None).await, ["A", "D", "X"]);
    let drafts = Audience::Staff(Some(catalog::domain::Status::Draft));
    assert_eq!(skus(drafts, None).await, ["D"]);
    assert_eq!(skus(Audience::Staff(None), Some("40X")).await, ["X"], "by its barcode");
    assert_eq!(skus(Audience::Shoppers, Some("40X")).await, [""; 0]);
}
