//! Markets, price lists, what shoppers pay, and its history.

use catalog::{Derivation, Error, ListedInput, MarketInput, PriceQuery, Put, Verdict};
use kernel::Money;
use kernel::events::ProductPriceChanged;
use kernel::id::ProductId;
use kernel::ports::{Buyer, Catalog as _, TaxRounding, TaxTerms, Wanted};
use platform::sql::Db;
use serde_json::{Value, json};

use crate::priced::{
    SYSTEM, create, dollars, field, list, list_input, listed, market, of, price, public, put,
    settle,
};
use crate::world::{catalog, input, told};

platform::on_both_engines!(catalog::SCHEMA =>
    a_price_is_picked_and_explained,
    a_larger_quantity_is_offered_cheaper,
    a_shop_without_markets_sells_at_base_prices,
    a_market_decides_currency_and_default,
    an_offer_is_of_the_market_that_the_goods_go_to,
    of_two_default_markets_one_stays,
    a_refused_batch_writes_nothing,
    prices_are_derived_in_batches,
    what_changes_is_told_and_shown,
    a_deleted_list_gives_the_base_price_back,
    two_writers_agree_on_the_public_price,
    an_import_keeps_the_public_price,
);

async fn a_price_is_picked_and_explained(db: Db) {
    let catalog = catalog(&db);
    market(
        &catalog,
        json!({"code": "us", "currency": "USD", "countries": ["US"],
                            "prices_include_tax": true}),
    )
    .await;
    create(&catalog, "A").await;
    let sale = list(&catalog, "sale", json!({"priority": 5})).await;
    let trade = list(&catalog, "trade", json!({"customer_group": "trade", "priority": 9})).await;
    let old = list(&catalog, "old", json!({"valid_until": "2020-01-01T00:00:00Z"})).await;
    for (list, minor) in [(&sale, 800), (&trade, 700), (&old, 100)] {
        put(&catalog, list, "A", 1, minor).await;
    }
    put(&catalog, &sale, "A", 10, 600).await;
    let query = PriceQuery { explain: true, country: Some("US".to_owned()), ..of("A") };
    let told = catalog.price(query).await.unwrap();
    assert_eq!((told.price, told.list.as_deref()), (Some(dollars(800)), Some("sale")));
    assert_eq!((told.list_price(), told.tax_included), (Some(dollars(1_000)), true));
    assert_eq!(told.base_verdict, Verdict::BehindLists);
    let verdicts: Vec<_> =
        told.looked_at.iter().map(|(one, verdict)| (one.list.as_str(), *verdict)).collect();
    let expected = [
        ("old", Verdict::Expired),
        ("sale", Verdict::Chosen),
        ("sale", Verdict::QuantityTooLow),
        ("trade", Verdict::NotThisGroup),
    ];
    assert_eq!(verdicts, expected);
    let trader = PriceQuery { group: Some("trade".to_owned()), ..of("A") };
    assert_eq!(catalog.price(trader).await.unwrap().price, Some(dollars(700)));
    let nowhere = PriceQuery { country: Some("FR".to_owned()), ..of("A") };
    assert_eq!(field(catalog.price(nowhere).await.unwrap_err()), "country");
    let nowhere = PriceQuery { market: Some("fr".to_owned()), ..of("A") };
    assert_eq!(field(catalog.price(nowhere).await.unwrap_err()), "market");
    let none = PriceQuery { quantity: 0, ..of("A") };
    assert_eq!(field(catalog.price(none).await.unwrap_err()), "quantity");
}

async fn a_larger_quantity_is_offered_cheaper(db: Db) {
    let catalog = catalog(&db);
    let id = create(&catalog, "A").await;
    let list = list(&catalog, "tiers", json!({})).await;
    for (quantity, minor) in [(1, 990), (10, 900), (100, 800)] {
        put(&catalog, &list, "A", quantity, minor).await;
    }
    for (quantity, minor) in [(1, 990), (9, 990), (10, 900), (99, 900), (1_000, 800)] {
        let offers =
            catalog.offers(Buyer::default(), &[Wanted { product_id: id, quantity }]).await.unwrap();
        assert_eq!(offers[0].price, dollars(minor), "{quantity}");
    }
    assert_eq!(public(&catalog, "A").await, 990);
}

async fn a_shop_without_markets_sells_at_base_prices(db: Db) {
    let catalog = catalog(&db);
    let euros = json!({"price": {"amount": "7.00", "currency": "EUR"}});
    catalog.create(input("E", euros), &SYSTEM).await.unwrap();
    create(&catalog, "A").await;
    let told = price(&catalog, "E").await;
    assert_eq!(told.price.unwrap().to_string(), "7.00 EUR");
    assert_eq!((told.market.as_str(), told.list_price()), ("default", None));
    let list = list(&catalog, "usd", json!({})).await;
    put(&catalog, &list, "A", 1, 900).await;
    put(&catalog, &list, "E", 1, 900).await;
    assert_eq!(public(&catalog, "A").await, 900);
    assert_eq!(public(&catalog, "E").await, 700, "a list in dollars does not price euros");
}

async fn an_offer_is_of_the_market_that_the_goods_go_to(db: Db) {
    let catalog = catalog(&db);
    let id = create(&catalog, "A").await;
    let us = json!({"code": "us", "currency": "USD", "countries": ["US"]});
    market(&catalog, us).await;
    let ca = json!({"code": "ca", "currency": "USD", "countries": ["CA"], "prices_include_tax": true,
                    "tax_rounding": "per_line"});
    market(&catalog, ca).await;
    let dear = list(&catalog, "dear", json!({"market": "ca"})).await;
    put(&catalog, &dear, "A", 1, 1_500).await;
    for (country, price, included, rounding) in [
        (None, 1_000, false, TaxRounding::PerOrder),
        (Some("US"), 1_000, false, TaxRounding::PerOrder),
        (Some("CA"), 1_500, true, TaxRounding::PerLine),
        (Some("MX"), 1_000, false, TaxRounding::PerOrder),
    ] {
        let wanted = [Wanted { product_id: id, quantity: 1 }];
        let offer =
            catalog.offers(Buyer { country, group: None }, &wanted).await.unwrap().remove(0);
        assert_eq!(offer.price, dollars(price), "{country:?}");
        assert_eq!(offer.tax, TaxTerms { included, rounding }, "{country:?}");
        assert_eq!(offer.tax_category, "standard");
    }
}

async fn a_market_decides_currency_and_default(db: Db) {
    let catalog = catalog(&db);
    let id = create(&catalog, "A").await;
    let de = market(&catalog, json!({"code": "de", "currency": "EUR", "countries": ["DE"]})).await;
    assert!(de.is_default, "the first one is");
    settle(&catalog).await;
    let offer = catalog
        .offers(Buyer::default(), &[Wanted { product_id: id, quantity: 1 }])
        .await
        .unwrap()
        .remove(0);
    assert!(!offer.sellable, "nothing has a price in euros");
    assert_eq!(price(&catalog, "A").await.price, None);
    let us = json!({"code": "us", "currency": "USD", "is_default": true});
    let us = market(&catalog, us).await;
    settle(&catalog).await;
    assert_eq!(public(&catalog, "A").await, 1_000);
    assert!(!catalog.market("de").await.unwrap().is_default);
    let audit = catalog.history(de.id, None, 10).await.unwrap();
    assert_eq!(audit[0].after, Some(json!({"is_default": false})));
    let history = catalog.price_history(id, Some("us"), None, 10).await.unwrap();
    assert_eq!(history.len(), 1, "it is sold there from now on");

    let again = |fields: Value| serde_json::from_value::<MarketInput>(fields).unwrap();
    let undefault = again(json!({"code": "us", "currency": "USD"}));
    let refused = catalog.update_market("us", 1, undefault, &SYSTEM).await.unwrap_err();
    assert_eq!(field(refused), "is_default");
    let twice = again(json!({"code": "at", "currency": "EUR", "countries": ["DE"]}));
    let refused = catalog.create_market(twice, &SYSTEM).await.unwrap_err();
    assert_eq!(field(refused), "countries");
    let other = again(json!({"code": "us", "currency": "EUR", "is_default": true}));
    let refused = catalog.update_market("us", 1, other, &SYSTEM).await.unwrap_err();
    assert_eq!(field(refused), "currency");
    let stale = again(json!({"code": "us", "currency": "USD", "is_default": true}));
    let stale = catalog.update_market("us", 9, stale, &SYSTEM).await.unwrap_err();
    assert!(matches!(stale, Error::Stale { current: 1 }));
    list(&catalog, "for-de", json!({"market": "de", "currency": "EUR"})).await;
    let used = catalog.delete_market("de", 2, &SYSTEM).await.unwrap_err();
    assert!(matches!(used, Error::InUse(_)));
    let default = catalog.delete_market("us", us.version, &SYSTEM).await.unwrap_err();
    assert!(matches!(default, Error::InUse(_)));
    let wrong = list_input("wrong", &json!({"market": "de"}));
    let refused = catalog.create_price_list(wrong, &SYSTEM).await.unwrap_err();
    assert_eq!(field(refused), "currency");
    let rounding = json!({"code": "x", "currency": "USD", "rounding": {"step": 5, "ending": 5}});
    let refused = catalog.create_market(again(rounding), &SYSTEM).await.unwrap_err();
    assert_eq!(field(refused), "rounding.ending");
}

async fn of_two_default_markets_one_stays(db: Db) {
    let catalog = catalog(&db);
    let creations: Vec<_> = (0..12)
        .map(|n| {
            let catalog = catalog.clone();
            let fields = json!({"code": format!("m{n}"), "currency": "USD", "is_default": true});
            tokio::spawn(async move { market(&catalog, fields).await })
        })
        .collect();
    for creation in creations {
        creation.await.unwrap();
    }
    let markets = catalog.markets().await.unwrap();
    assert_eq!((markets.len(), markets.iter().filter(|one| one.is_default).count()), (12, 1));
}

async fn a_refused_batch_writes_nothing(db: Db) {
    let catalog = catalog(&db);
    create(&catalog, "A").await;
    let list = list(&catalog, "sale", json!({})).await;
    let euros =
        ListedInput { price: Money::from_minor(1, kernel::Currency::EUR), ..listed("A", 3, 1) };
    let both = ListedInput { product_id: Some(ProductId::new()), ..listed("A", 4, 1) };
    let gone = ListedInput { sku: None, ..both.clone() };
    let wrong = [
        (listed("B", 1, 5), "prices[1].sku"),
        (listed("A", 2, -1), "prices[1].price"),
        (listed("A", 2, 100_000_000_001), "prices[1].price"),
        (listed("A", 0, 5), "prices[1].min_quantity"),
        (listed("A", 1, 5), "prices[1].min_quantity"),
        (euros, "prices[1].price"),
        (both, "prices[1].product_id"),
        (gone, "prices[1].product_id"),
    ];
    for (wrong, expected) in wrong {
        let prices = vec![listed("A", 1, 500), wrong];
        let refused = catalog.put_prices(list.id, prices, &SYSTEM).await.unwrap_err();
        assert_eq!(field(refused), expected);
    }
    let tiers = (1..=21).map(|n| listed("A", n, n)).collect();
    let refused = catalog.put_prices(list.id, tiers, &SYSTEM).await.unwrap_err();
    assert_eq!(field(refused), "prices");
    assert!(catalog.listed_prices(list.id, None, 10).await.unwrap().is_empty());
    assert_eq!(public(&catalog, "A").await, 1_000);
    let backwards = json!({"valid_from": "2027-01-02T00:00:00Z",
                           "valid_until": "2027-01-01T00:00:00Z"});
    let refused = catalog.create_price_list(list_input("b", &backwards), &SYSTEM).await;
    assert_eq!(field(refused.unwrap_err()), "valid_until");
}

async fn prices_are_derived_in_batches(db: Db) {
    let catalog = catalog(&db);
    let rounding = json!({"step": 100, "ending": 99, "mode": "down"});
    market(&catalog, json!({"code": "us", "currency": "USD", "rounding": rounding})).await;
    for n in 0..3 {
        let dear = json!({"price": {"amount": format!("{}.00", 20 + n), "currency": "USD"},
                          "categories": ["X", "Y"]});
        catalog.create(input(&format!("P{n}"), dear), &SYSTEM).await.unwrap();
    }
    create(&catalog, "elsewhere").await;
    let list = list(&catalog, "sale", json!({})).await;
    let how = Derivation { percent: (-20).into(), category: Some("X".to_owned()), after: None };
    let (put, next) = catalog.derive_prices(list.id, how.clone(), &SYSTEM).await.unwrap();
    assert_eq!((put, next), (Put { written: 3, unchanged: 0 }, None));
    let prices = catalog.listed_prices(list.id, None, 10).await.unwrap();
    let minor: Vec<i64> = prices.iter().map(|one| one.price.minor()).collect();
    assert_eq!(minor, [1_599, 1_599, 1_699]);
    let (again, _) = catalog.derive_prices(list.id, how.clone(), &SYSTEM).await.unwrap();
    assert_eq!(again, Put { written: 0, unchanged: 3 });
    assert_eq!(public(&catalog, "P2").await, 1_699);
    assert_eq!(public(&catalog, "elsewhere").await, 1_000);
    let after = prices.first().map(|one| one.product_id);
    let (rest, _) =
        catalog.derive_prices(list.id, Derivation { after, ..how.clone() }, &SYSTEM).await.unwrap();
    assert_eq!(rest, Put { written: 0, unchanged: 2 });
    let wrong = Derivation { percent: (-101).into(), ..how };
    let refused = catalog.derive_prices(list.id, wrong, &SYSTEM).await.unwrap_err();
    assert_eq!(field(refused), "percent");
}

async fn what_changes_is_told_and_shown(db: Db) {
    let catalog = catalog(&db);
    let id = create(&catalog, "A").await;
    let sale = list(&catalog, "sale", json!({})).await;
    put(&catalog, &sale, "A", 1, 800).await;
    let changes: Vec<ProductPriceChanged> =
        told(&db).await.iter().filter_map(|event| event.open()?.ok()).collect();
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].before, changes[0].after), (dollars(1_000), dollars(800)));
    let group = list_input("sale", &json!({"customer_group": "trade"}));
    let changed = catalog.update_price_list(sale.id, 1, group, &SYSTEM).await.unwrap();
    settle(&catalog).await;
    assert_eq!(public(&catalog, "A").await, 1_000);
    let late = catalog.delete_price_list(sale.id, 1, &SYSTEM).await.unwrap_err();
    assert!(matches!(late, Error::Stale { current: 2 }));
    assert_eq!(changed.version, 2);
    let (product, _) = catalog.shown("A").await.unwrap();
    assert_eq!(product.revision, 1, "editors of the product are not disturbed");
    let audit = catalog.history(sale.id, None, 10).await.unwrap();
    let actions: Vec<&str> = audit.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["price_list.update", "price_list.prices", "price_list.create"]);
    let dearer = json!({"price": {"amount": "12.00", "currency": "USD"}});
    catalog.patch(id, 1, dearer, &SYSTEM).await.unwrap();
    assert_eq!(public(&catalog, "A").await, 1_200);
    assert!(catalog.verify().await.unwrap().iter().all(platform::verify::Check::holds));
}

async fn a_deleted_list_gives_the_base_price_back(db: Db) {
    let catalog = catalog(&db);
    let id = create(&catalog, "A").await;
    let sale = list(&catalog, "sale", json!({})).await;
    put(&catalog, &sale, "A", 1, 800).await;
    put(&catalog, &sale, "A", 5, 700).await;
    catalog.delete_price(sale.id, id, 1, &SYSTEM).await.unwrap();
    assert_eq!(public(&catalog, "A").await, 1_000);
    let gone = catalog.delete_price(sale.id, id, 1, &SYSTEM).await;
    assert!(matches!(gone, Err(Error::Absent(_))));
    put(&catalog, &sale, "A", 1, 800).await;
    catalog.delete_price_list(sale.id, 1, &SYSTEM).await.unwrap();
    assert_eq!(price(&catalog, "A").await.price, Some(dollars(1_000)), "at once");
    settle(&catalog).await;
    assert_eq!(public(&catalog, "A").await, 1_000);
    let gone = catalog.put_prices(sale.id, vec![listed("A", 1, 1)], &SYSTEM).await;
    assert!(matches!(gone, Err(Error::Absent(_))));
}

/// Each of them sees only its own change until it commits; whoever comes second has to see both.
async fn two_writers_agree_on_the_public_price(db: Db) {
    let catalog = catalog(&db);
    create(&catalog, "A").await;
    let mut lists = Vec::new();
    for n in 0..4 {
        lists.push(list(&catalog, &format!("list-{n}"), json!({})).await);
    }
    for round in 1..=8 {
        let writers: Vec<_> = (0_i64..)
            .zip(lists.clone())
            .map(|(n, list)| {
                let (catalog, minor) = (catalog.clone(), 900 - 10 * round - n);
                tokio::spawn(async move { put(&catalog, &list, "A", 1, minor).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(public(&catalog, "A").await, 900 - 10 * round - 3);
    }
    let told = told(&db).await;
    assert_eq!(told.iter().filter(|event| event.is::<ProductPriceChanged>()).count(), 32);
    assert!(catalog.verify().await.unwrap().iter().all(platform::verify::Check::holds));
}

async fn an_import_keeps_the_public_price(db: Db) {
    let catalog = catalog(&db);
    let id = create(&catalog, "A").await;
    let sale = list(&catalog, "sale", json!({})).await;
    put(&catalog, &sale, "A", 1, 800).await;
    let mut file = std::io::Cursor::new(b"sku,name,price\nA,A,20.00\nB,B,5.00\n".to_vec());
    let report = catalog.import(&mut file, catalog::Format::Csv, &mut |_| {}).await.unwrap();
    assert_eq!((report.created, report.updated), (1, 1), "{report:?}");
    assert_eq!(public(&catalog, "B").await, 500);
    assert_eq!(public(&catalog, "A").await, 800);
    assert_eq!(price(&catalog, "A").await.list_price(), Some(dollars(2_000)));
    assert_eq!(catalog.price_history(id, None, None, 10).await.unwrap().len(), 2);
}
