use actix_web::test::TestRequest;
use kernel::id::{CustomerId, OrderId};
use kernel::ports::{Credit as _, CreditWish, GiftCode, PersonalRecords as _, Role};
use kernel::{Currency, Money};
use platform::sql::{Db, Sql};
use serde_json::{Value, json};

use crate::shop::{Shop, ada, euros};

const CARDS: &str = "/v1/admin/gift-cards";
/// Whatever is kept of a card, and may not tell its code.
const KEPT: [Sql; 4] = [
    Sql::new("select cast(data as text) from outbox"),
    Sql::new("select coalesce(cast(after as text), '') from audit"),
    Sql::new("select code_hash || last4 from account"),
    Sql::new("select key || coalesce(reason, '') from movement"),
];

fn amount(euros: &str) -> Value {
    json!({"amount": euros, "currency": "EUR"})
}

async fn balance(shop: &Shop, code: &str) -> (u16, Value) {
    let request = TestRequest::post().uri("/v1/gift-cards/balance");
    shop.ask(Role::Customer, request.set_json(json!({"code": code})), "unused").await
}

pub async fn a_code_is_told_once_and_kept_nowhere(db: Db) {
    let shop = Shop::new(&db);
    let body = json!({"amount": amount("50.00"), "reason": "A present"});
    let (status, card) = shop.post(CARDS, "first", body.clone()).await;
    assert_eq!(status, 201, "{card}");
    let code = card["code"].as_str().expect("a code").to_owned();
    assert!(code.ends_with(card["last4"].as_str().unwrap()));
    let (status, again) = shop.post(CARDS, "first", body).await;
    assert_eq!((status, &again["id"], &again["code"]), (200, &card["id"], &Value::Null));
    let other = json!({"amount": amount("60.00")});
    assert_eq!(shop.post(CARDS, "first", other).await.1["code"], "idempotency_key_reused");
    assert_eq!(shop.get(Role::Staff, CARDS).await.1["items"].as_array().unwrap().len(), 1);
    let (status, told) = balance(&shop, &code.to_lowercase()).await;
    assert_eq!((status, &told["balance"]), (200, &amount("50.00")));

    let bare = code.replace('-', "");
    for sql in KEPT {
        let rows: Vec<(String,)> = db.query(sql).all().await.unwrap();
        assert!(!rows.is_empty());
        for (row,) in rows {
            let row = row.to_uppercase();
            assert!(!row.contains(&code) && !row.contains(&bare), "{row}");
        }
    }
    assert_eq!(format!("{:?}", GiftCode::new(code)), "GiftCode(..)");
}

pub async fn a_blocked_card_is_as_unknown_as_a_wrong_code(db: Db) {
    let shop = Shop::new(&db);
    let (_, card) = shop.post(CARDS, "one", json!({"amount": amount("50.00")})).await;
    let (code, id) = (card["code"].as_str().unwrap(), card["id"].as_str().unwrap());
    let path = |what: &str| format!("{CARDS}/{id}/{what}");
    let (status, blocked) = shop.post(&path("block"), "block", json!({})).await;
    assert_eq!((status, &blocked["state"]), (200, &json!("blocked")));
    let told = balance(&shop, code).await;
    assert_eq!(told.0, 404);
    for wrong in ["", "nonsense", "00000-00000-00000-00000", &code.repeat(9)] {
        assert_eq!(balance(&shop, wrong).await, told, "{wrong}");
    }
    assert_eq!(shop.post(&path("unblock"), "unblock", json!({})).await.1["state"], "active");
    assert_eq!(balance(&shop, code).await.0, 200);
    let strange = format!("{CARDS}/{}/block", kernel::id::CreditAccountId::new());
    assert_eq!(shop.post(&strange, "strange", json!({})).await.0, 404);
}

pub async fn the_staff_corrects_what_is_left(db: Db) {
    let shop = Shop::new(&db);
    let (_, card) = shop.post(CARDS, "one", json!({"amount": amount("50.00")})).await;
    let id = card["id"].as_str().unwrap();
    let path = format!("{CARDS}/{id}/adjust");
    let by = |euros: &str| json!({"amount": amount(euros), "reason": "A mistake"});
    for _ in 0..2 {
        let (status, now) = shop.post(&path, "less", by("-20.00")).await;
        assert_eq!((status, &now["balance"]), (200, &amount("30.00")), "once for the key");
    }
    let (status, refused) = shop.post(&path, "more", by("-30.01")).await;
    assert_eq!((status, &refused["balance"]), (409, &amount("30.00")));
    for (key, wrong) in [
        ("zero", by("0.00")),
        ("currency", json!({"amount": {"amount": "1.00", "currency": "USD"}, "reason": "x"})),
        ("reason", json!({"amount": amount("1.00"), "reason": " "})),
    ] {
        assert_eq!(shop.post(&path, key, wrong).await.0, 422, "{key}");
    }
    let (_, moved) = shop.get(Role::Staff, &format!("{CARDS}/{id}/movements?limit=1")).await;
    assert_eq!(moved["items"][0]["kind"], "adjust");
    assert_eq!(moved["items"][0]["amount"], amount("-20.00"));
    let next = moved["next_cursor"].as_str().expect("an older one");
    let older = format!("{CARDS}/{id}/movements?cursor={next}");
    assert_eq!(shop.get(Role::Staff, &older).await.1["items"][0]["kind"], "issue");
    shop.books_are_right().await;
}

pub async fn what_somebody_has_is_told_to_them_whole(db: Db) {
    let shop = Shop::new(&db);
    let path = format!("/v1/admin/customers/{}/store-credit", ada());
    let give = |euros, currency| json!({"amount": {"amount": euros, "currency": currency}, "reason": "For the trouble"});
    for (key, body) in [("one", give("15.00", "EUR")), ("two", give("7.00", "USD"))] {
        assert_eq!(shop.post(&path, key, body).await.0, 200);
    }
    shop.post(CARDS, "card", json!({"amount": amount("5.00")})).await;
    let wish = CreditWish { codes: vec![], store_credit: true };
    let parts = shop.credits.cover(ada(), &wish, euros(1_500)).await.unwrap();
    shop.credits.spend(OrderId::new(), ada(), &parts).await.unwrap();

    let left = shop.credits.left_of(ada()).await.unwrap();
    assert_eq!(left, [Money::from_minor(700, Currency::USD)], "all euros are spent");
    let stranger = CustomerId::new();
    assert_eq!(shop.credits.left_of(stranger).await.unwrap(), []);
    let told = shop.credits.records(ada()).await.unwrap();
    let moved = &told[0]["movements"];
    assert_eq!((&moved[0]["kind"], &moved[1]["kind"]), (&json!("issue"), &json!("spend")));
    assert_eq!((&moved[1]["amount"], &told[0]["balance"]), (&amount("-15.00"), &amount("0.00")));
    assert_eq!(told[0]["movements"][0]["reason"], "For the trouble");
    assert_eq!(told[1]["movements"].as_array().unwrap().len(), 1, "each has its own");
    assert_eq!(told.as_array().unwrap().len(), 2, "a gift card is nobody's");
    assert_eq!(shop.credits.records(stranger).await.unwrap(), json!([]));
}

pub async fn store_credit_is_granted_to_accounts_and_read_by_their_owners(db: Db) {
    let shop = Shop::new(&db);
    let path = format!("/v1/admin/customers/{}/store-credit", ada());
    let grant = json!({"amount": amount("15.00"), "reason": "For the trouble"});
    for key in ["one", "one", "two"] {
        assert_eq!(shop.post(&path, key, grant.clone()).await.0, 200);
    }
    let stranger = kernel::id::CustomerId::new();
    let strange = format!("/v1/admin/customers/{stranger}/store-credit");
    assert_eq!(shop.post(&strange, "three", grant).await.0, 404, "who has no account");
    let (_, own) = shop.get(Role::Customer, "/v1/me/store-credit").await;
    assert_eq!(own[0]["balance"], amount("30.00"));
    assert_eq!(shop.get(Role::Staff, &path).await.1, own);
    let statement = |id: &str| format!("/v1/me/store-credit/{id}/movements");
    let (_, moved) = shop.get(Role::Customer, &statement(own[0]["id"].as_str().unwrap())).await;
    assert_eq!(moved["items"].as_array().unwrap().len(), 2);
    assert_eq!(moved["items"][0]["reason"], "For the trouble");
    let (_, card) = shop.post(CARDS, "card", json!({"amount": amount("5.00")})).await;
    let foreign = statement(card["id"].as_str().unwrap());
    assert_eq!(shop.get(Role::Customer, &foreign).await.0, 404, "a gift card is nobody's");
    shop.books_are_right().await;
}

pub async fn store_credit_can_be_brought_to_nothing(db: Db) {
    let shop = Shop::new(&db);
    let path = format!("/v1/admin/customers/{}/store-credit", ada());
    let adjust = format!("{path}/adjust");
    let by = |euros: &str| json!({"amount": amount(euros), "reason": "Nobody will spend it"});
    assert_eq!(shop.post(&adjust, "early", by("-0.01")).await.0, 404, "there is none");
    shop.post(&path, "one", by("15.00")).await;
    let wish = CreditWish { codes: vec![], store_credit: true };
    let parts = shop.credits.cover(ada(), &wish, euros(1_499)).await.unwrap();
    shop.credits.spend(OrderId::new(), ada(), &parts).await.unwrap();

    let (status, refused) = shop.post(&adjust, "more", by("-0.02")).await;
    assert_eq!((status, &refused["balance"]), (409, &amount("0.01")));
    for _ in 0..2 {
        let (status, now) = shop.post(&adjust, "rest", by("-0.01")).await;
        assert_eq!((status, &now["balance"]), (200, &amount("0.00")), "once for the key");
    }
    assert_eq!(shop.credits.left_of(ada()).await.unwrap(), []);
    assert_eq!(shop.post(&adjust, "zero", by("0.00")).await.0, 422);
    let (status, now) = shop.post(&adjust, "back", by("0.05")).await;
    assert_eq!((status, &now["balance"]), (200, &amount("0.05")));
    shop.books_are_right().await;
}
