use std::collections::{BTreeMap, BTreeSet};

use catalog::{After, Catalog, Error, FacetValue, List, ListQuery, Sort};
use kernel::Money;
use platform::audit::Actor;
use platform::sql::Db;
use serde_json::json;

use crate::world::{USD, counted, everything, input, searched, set_stock};

platform::on_both_engines!(super::SCHEMA =>
    paging_sees_every_product_once_while_products_come_and_go,
    an_edition_that_is_gone_is_gone_on_from,
    lists_are_filtered,
    facets_are_what_counting_by_hand_gives,
    a_place_is_of_one_order,
);

use catalog::SCHEMA;

pub fn next(list: &List) -> Option<After> {
    let query = kernel::PageQuery { limit: None, cursor: list.next_cursor.clone() };
    query.position().unwrap()
}

fn skus(list: List) -> Vec<String> {
    list.items.into_iter().map(|listed| listed.card.sku).collect()
}

async fn create(catalog: &Catalog, sku: &str, fields: serde_json::Value) {
    catalog.create(input(sku, fields), &Actor::SYSTEM).await.unwrap();
}

/// Some products with prices, names and stock that repeat.
async fn stocked(db: &Db) -> Catalog {
    let catalog = searched(db).await;
    for n in 0..25_i64 {
        let amount = format!("{}.00", n % 4);
        let fields = json!({
            "name": format!("Lamp {}", n % 3),
            "price": {"amount": amount, "currency": "USD"}, "categories": ["X"],
        });
        create(&catalog, &format!("P{n:02}"), fields).await;
    }
    catalog.refresh_search().await.unwrap();
    catalog
}

const SORTS: [Sort; 6] =
    [Sort::Relevance, Sort::Price, Sort::PriceFalling, Sort::Newest, Sort::Name, Sort::Popularity];

async fn paging_sees_every_product_once_while_products_come_and_go(db: Db) {
    let catalog = stocked(&db).await;
    for (round, sort) in SORTS.into_iter().enumerate() {
        for text in [None, Some("lamp".to_owned())] {
            let whole = ListQuery { text: text.clone(), ..ListQuery::all(sort, 1_000) };
            let expected = skus(catalog.list(whole.clone()).await.unwrap());
            let mut query = ListQuery { limit: 7, ..whole };
            let mut seen = Vec::new();
            loop {
                let page = catalog.list(query.clone()).await.unwrap();
                query.after = next(&page);
                seen.extend(skus(page));
                // What comes, changes and goes meanwhile moves nothing in the list.
                let sku = format!("S{round}-{}-{}", u8::from(text.is_some()), seen.len());
                create(&catalog, &sku, json!({"name": "Lamp 0"})).await;
                let id = catalog.shown("P03").await.unwrap().0;
                let price = json!({"price": {"amount": seen.len().to_string(), "currency": "USD"}});
                catalog.patch(id.id, id.revision, price, &Actor::SYSTEM).await.unwrap();
                catalog.refresh_search().await.unwrap();
                if query.after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected, "{sort:?}");
        }
    }
}

async fn an_edition_that_is_gone_is_gone_on_from(db: Db) {
    let catalog = stocked(&db).await;
    for sort in SORTS {
        let expected = skus(catalog.list(everything(sort)).await.unwrap());
        let mut query = ListQuery { limit: 7, ..everything(sort) };
        let mut seen = Vec::new();
        loop {
            let page = catalog.list(query.clone()).await.unwrap();
            query.after = next(&page).map(|after| {
                let mut json = serde_json::to_value(after).unwrap();
                json["edition"] = json!(uuid::Uuid::nil());
                serde_json::from_value(json).unwrap()
            });
            seen.extend(skus(page));
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "{sort:?}");
    }
}

async fn a_place_is_of_one_order(db: Db) {
    let catalog = stocked(&db).await;
    let page = catalog.list(ListQuery { limit: 2, ..everything(Sort::Name) }).await.unwrap();
    for sort in [Sort::Price, Sort::Newest, Sort::Relevance] {
        let wrong = ListQuery { after: next(&page), ..everything(sort) };
        assert!(matches!(catalog.list(wrong).await, Err(Error::Invalid(_))));
    }
    let mut forged = serde_json::to_value(next(&page).unwrap()).unwrap();
    forged["place"]["key"] = json!(7);
    let after = Some(serde_json::from_value(forged).unwrap());
    let wrong = ListQuery { after, ..everything(Sort::Name) };
    assert!(matches!(catalog.list(wrong).await, Err(Error::Invalid(_))));
}

async fn lists_are_filtered(db: Db) {
    let catalog = searched(&db).await;
    let price = |amount: &str| json!({"amount": amount, "currency": "USD"});
    let a = input("A", json!({"price": price("1.00"), "categories": ["X", "Y"]}));
    let a = catalog.create(a, &Actor::SYSTEM).await.unwrap();
    catalog
        .create(input("B", json!({"price": price("2.00"), "categories": ["X"]})), &Actor::SYSTEM)
        .await
        .unwrap();
    catalog
        .create(input("C", json!({"status": "draft", "categories": ["X"]})), &Actor::SYSTEM)
        .await
        .unwrap();
    let euros = json!({"price": {"amount": "1.50", "currency": "EUR"}});
    catalog.create(input("D", euros), &Actor::SYSTEM).await.unwrap();
    set_stock(&db, &catalog, a.id, 3, 1).await;
    catalog.refresh_search().await.unwrap();

    let skus = async |query| {
        let page = catalog.list(query).await.unwrap();
        page.items.into_iter().map(|listed| listed.card.sku).collect::<Vec<_>>()
    };
    let mut query = everything(Sort::Name);
    assert_eq!(skus(query.clone()).await, ["A", "B", "D"]);
    query.least = Some(Money::from_minor(150, USD));
    assert_eq!(skus(query.clone()).await, ["B"]);
    query = everything(Sort::Name);
    query.category = Some("X".to_owned());
    assert_eq!(skus(query.clone()).await, ["A", "B"]);
    query.in_stock = true;
    assert_eq!(skus(query).await, ["A"]);
    assert_eq!(counted(&catalog).await, [("X".to_owned(), 2), ("X > Y".to_owned(), 1)]);
}

/// Categories, brand, price, whether it is in stock, colours.
type Made = (Vec<String>, String, i64, bool, Vec<String>);

/// Products, each with category, brand, price, stock and attributes that repeat, as `n` says.
fn made(n: u64) -> Made {
    let digit = |by: u64, of: u64| (n / by) % of;
    let category = [vec!["Home"], vec!["Home", "Light"], vec!["Garden"]]
        [usize::try_from(digit(1, 3)).unwrap()]
    .clone();
    let brand = ["Acme", "Lumen", ""][usize::try_from(digit(3, 3)).unwrap()];
    let price = [100, 250, 999, 4_900][usize::try_from(digit(5, 4)).unwrap()];
    let colours =
        [vec![], vec!["red"], vec!["red", "blue"]][usize::try_from(digit(7, 3)).unwrap()].clone();
    let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
    (owned(category), brand.to_owned(), price, digit(11, 2) == 1, owned(colours))
}

async fn facets_are_what_counting_by_hand_gives(db: Db) {
    let catalog = searched(&db).await;
    let colour = json!({"code": "colour", "kind": "list", "facet": true});
    let definition = serde_json::from_value(colour).unwrap();
    catalog.define_attribute(definition, &Actor::SYSTEM).await.unwrap();
    let mut products: Vec<Made> = (0..60).map(|n| made(n * 7 + n * n)).collect();
    let mut ids = Vec::new();
    for (n, product) in products.iter().enumerate() {
        let created = catalog.create(input(&format!("P{n:02}"), fields(product)), &Actor::SYSTEM);
        ids.push(created.await.unwrap().id);
        set_stock(&db, &catalog, ids[n], i64::from(product.3), 0).await;
    }
    catalog.refresh_search().await.unwrap();
    counted_by_hand(&catalog, &products).await;
    // Counts are kept from list to list: edits of some products must not leave them as they were.
    for round in 1..4 {
        for n in (0..products.len()).filter(|n| n % 4 == round % 4) {
            products[n] = made((n * 13 + round * 101) as u64);
            let revision = catalog.find(ids[n]).await.unwrap().revision;
            let change = fields(&products[n]);
            catalog.patch(ids[n], revision, change, &Actor::SYSTEM).await.unwrap();
            set_stock(&db, &catalog, ids[n], i64::from(products[n].3), 0).await;
        }
        catalog.refresh_search().await.unwrap();
        counted_by_hand(&catalog, &products).await;
    }
}

fn fields((categories, brand, price, _, colours): &Made) -> serde_json::Value {
    json!({
        "categories": categories, "brand": brand, "price": Money::from_minor(*price, USD),
        "attributes": {"colour": colours},
    })
}

/// Lists in every combination of filters, beside what a loop over the products gives.
async fn counted_by_hand(catalog: &Catalog, products: &[Made]) {
    for n in 0..32_u32 {
        let asks = |bit: u32| n & (1 << bit) != 0;
        let mut query = ListQuery { facets: true, ..everything(Sort::Newest) };
        query.category = asks(0).then(|| "Home".to_owned());
        query.brands = if asks(1) { vec!["Acme".to_owned(), "No".to_owned()] } else { vec![] };
        query.most = asks(2).then(|| Money::from_minor(999, USD));
        query.in_stock = asks(3);
        if asks(4) {
            query.values.insert("attr.colour".to_owned(), vec!["blue".to_owned()]);
        }
        let found = catalog.list(query).await.unwrap();
        let passes = |(categories, brand, price, stocked, colours): &Made, but: u32| {
            (!asks(0) || but == 0 || categories[0] == "Home")
                && (!asks(1) || but == 1 || brand == "Acme")
                && (!asks(2) || but == 2 || *price <= 999)
                && (!asks(3) || but == 3 || *stocked)
                && (!asks(4) || but == 4 || colours.iter().any(|colour| colour == "blue"))
        };
        let total = products.iter().filter(|product| passes(product, 9)).count();
        assert_eq!(found.total, total as u64, "{n:05b}");
        let facets = found.facets.unwrap();
        let counts = |values: &[FacetValue]| -> BTreeMap<String, u64> {
            values.iter().map(|one| (one.value.clone(), one.count)).collect()
        };
        let mut by = [BTreeMap::new(), BTreeMap::new(), BTreeMap::new()];
        let (mut yes, mut no, mut prices) = (0, 0, BTreeSet::new());
        for product in products {
            let (categories, brand, price, stocked, colours) = product;
            let mut add =
                |facet: usize, value: String| *by[facet].entry(value).or_default() += 1_u64;
            if passes(product, 0) {
                (1..=categories.len()).for_each(|n| add(0, categories[..n].join(" > ")));
            }
            if passes(product, 1) && !brand.is_empty() {
                add(1, brand.clone());
            }
            if passes(product, 2) {
                prices.insert(*price);
            }
            if passes(product, 3) {
                if *stocked { yes += 1 } else { no += 1 }
            }
            if passes(product, 4) {
                for colour in colours {
                    add(2, colour.clone());
                }
            }
        }
        assert_eq!(counts(&facets.category), by[0], "{n:05b}");
        assert_eq!(counts(&facets.brand), by[1], "{n:05b}");
        let colours = facets.values.get("attr.colour").map(|values| counts(values));
        assert_eq!(colours.unwrap_or_default(), by[2], "{n:05b}");
        assert_eq!(
            (facets.price.min, facets.price.max),
            (prices.first().copied(), prices.last().copied())
        );
        assert_eq!((facets.in_stock.yes, facets.in_stock.no), (yes, no), "{n:05b}");
    }
}
