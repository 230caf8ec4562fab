use actix_web::http::Method;
use auth::SCHEMA;
use futures_util::future::join_all;
use kernel::Permission;
use kernel::ports::{Identity, Role};
use platform::sql::Db;
use serde_json::{Value, json};

use crate::shop::{Browser, assert_books, cheap, key_file, open};

platform::on_both_engines!(super::SCHEMA =>
    a_role_is_made_given_changed_and_deleted,
    nobody_gives_away_what_they_may_not_do,
    bad_roles_name_the_field,
    of_many_edits_of_a_version_one_wins,
    a_role_and_its_holder_do_not_part,
);

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

async fn a_role_is_made_given_changed_and_deleted(db: Db) {
    let folder = key_file();
    let here = auth::Accounts::open(db.clone(), cheap(), &folder).await.unwrap();
    let there = auth::Accounts::open(db.clone(), cheap(), &folder).await.unwrap();
    let browser = Browser::new(&here).await;
    let (_, admin) = browser.enter_as(&here, "root@example.com", Role::Admin).await;
    let (sam, before) = browser.enter_as(&here, "sam@example.com", Role::Customer).await;

    let new = json!({"name": "photographer", "permissions": ["products.read", "products.write"]});
    let made = browser.ask(POST, "/v1/admin/roles", &admin, new.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("location"), "/v1/admin/roles/photographer");
    assert_eq!(made.header("etag"), "\"1\"");
    let again = browser.ask(POST, "/v1/admin/roles", &admin, new).await;
    assert_eq!((again.status, again.code()), (409, "code_taken"));

    let path = format!("/v1/admin/staff/{sam}/role");
    let given = browser.ask(PUT, &path, &admin, json!({"role": "photographer"})).await;
    assert_eq!((given.status, &given.json["role"]), (200, &json!("photographer")));
    assert_eq!(browser.me(&before).await.status, 401, "the sessions of the old role have ended");
    let login = json!({"email": "sam@example.com", "password": crate::shop::PASSWORD});
    let token = browser.post("/v1/auth/login", login).await.access_token();
    let who = here.authenticate(&token).await.unwrap();
    assert!(who.may(Permission::ProductsWrite) && !who.may(Permission::StockRead));
    assert!(there.authenticate(&token).await.unwrap().may(Permission::ProductsWrite));
    let staff = browser.ask(GET, "/v1/admin/staff", &admin, Value::Null).await;
    let roles: Vec<&str> = staff.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["admin", "photographer"]);

    let one = "/v1/admin/roles/photographer";
    let less = json!({"permissions": ["stock.read"]});
    let stale = browser.edit(PUT, one, &admin, "\"7\"", less.clone()).await;
    assert_eq!((stale.status, stale.code()), (412, "version_conflict"));
    assert_eq!(stale.json["current_version"], 1);
    let unnamed = browser.ask(PUT, one, &admin, less.clone()).await;
    assert_eq!((unnamed.status, unnamed.code()), (400, "invalid_request"));
    let changed = browser.edit(PUT, one, &admin, "\"1\"", less).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
    assert!(here.authenticate(&token).await.unwrap().may(Permission::StockRead), "at once here");
    there.poll_revocations().await.unwrap();
    let who = there.authenticate(&token).await.unwrap();
    assert!(who.may(Permission::StockRead) && !who.may(Permission::ProductsWrite));

    let held = browser.edit(DELETE, one, &admin, "\"2\"", Value::Null).await;
    assert_eq!((held.status, held.code()), (409, "conflict"));
    let given = browser.ask(PUT, &path, &admin, json!({"role": "customer"})).await;
    assert_eq!(given.status, 200);
    assert_eq!(browser.edit(DELETE, one, &admin, "\"2\"", Value::Null).await.status, 204);
    let gone = browser.ask(GET, one, &admin, Value::Null).await;
    assert_eq!((gone.status, gone.code()), (404, "not_found"));

    let id = made.json["id"].as_str().unwrap().parse().unwrap();
    let log = platform::audit::history(&db, id, None, 10).await.unwrap();
    let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["role.delete", "role.update", "role.create"]);
    let log = platform::audit::history(&db, sam.parse().unwrap(), None, 10).await.unwrap();
    assert_eq!(log[1].after, Some(json!({"role": "photographer"})));
    assert_books(&here).await;
}

async fn nobody_gives_away_what_they_may_not_do(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let (root, admin) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
    let (lead, _) = browser.enter_as(&accounts, "lead@example.com", Role::Customer).await;
    let (sam, customer) = browser.enter_as(&accounts, "sam@example.com", Role::Customer).await;
    let new = json!({"name": "lead", "permissions": ["roles.write", "stock.read"]});
    assert_eq!(browser.ask(POST, "/v1/admin/roles", &admin, new).await.status, 201);
    let give = |id: &str| format!("/v1/admin/staff/{id}/role");
    let given = browser.ask(PUT, &give(&lead), &admin, json!({"role": "lead"})).await;
    assert_eq!(given.status, 200);
    let login = json!({"email": "lead@example.com", "password": crate::shop::PASSWORD});
    let token = browser.post("/v1/auth/login", login).await.access_token();

    let more = json!({"name": "more", "permissions": ["stock.read", "orders.refund"]});
    let refused = browser.ask(POST, "/v1/admin/roles", &token, more).await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    assert_eq!(refused.json["permissions"], json!(["orders.refund"]));
    let all = json!({"permissions": ["orders.refund"]});
    let refused = browser.edit(PUT, "/v1/admin/roles/lead", &token, "\"1\"", all).await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
    for (who, role) in [(&sam, "support"), (&root, "customer"), (&lead, "customer")] {
        let refused = browser.ask(PUT, &give(who), &token, json!({"role": role})).await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{role}");
    }
    let given = browser.ask(PUT, &give(&sam), &token, json!({"role": "lead"})).await;
    assert_eq!(given.status, 200, "what one may do one may give");

    let (_, staff) = browser.enter_as(&accounts, "staff@example.com", Role::Staff).await;
    for token in [&customer, &staff] {
        for (method, path) in [
            (GET, "/v1/admin/roles"),
            (GET, "/v1/admin/roles/lead"),
            (GET, "/v1/admin/staff"),
            (GET, "/v1/admin/api-keys"),
        ] {
            let refused = browser.ask(method, path, token, Value::Null).await;
            let expected = if token == &customer { 401 } else { 403 };
            assert_eq!(refused.status, expected, "{path}: a customer's session has ended");
        }
    }
    let nobody = browser.post("/v1/admin/roles", json!({})).await;
    assert_eq!((nobody.status, nobody.code()), (401, "unauthenticated"));
}

async fn bad_roles_name_the_field(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let (_, admin) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
    let (sam, _) = browser.enter_as(&accounts, "sam@example.com", Role::Customer).await;
    for (body, field) in [
        (json!({"name": "A", "permissions": []}), "name"),
        (json!({"name": "admin", "permissions": []}), "name"),
        (json!({"name": "night", "permissions": ["everything"]}), "permissions"),
        (json!({"name": "night", "permissions": "stock.read"}), "permissions"),
        (json!({"name": "night"}), "permissions"),
        (json!({"name": "night", "permissions": [], "is_admin": true}), "is_admin"),
    ] {
        let refused = browser.ask(POST, "/v1/admin/roles", &admin, body).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_value"), "{field}");
        assert_eq!(refused.json["errors"][0]["field"], field);
    }
    let path = format!("/v1/admin/staff/{sam}/role");
    for role in ["nobody", "guest", "own", ""] {
        let refused = browser.ask(PUT, &path, &admin, json!({"role": role})).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_value"), "{role}");
        assert_eq!(refused.json["errors"][0]["field"], "role");
    }
    let strange = uuid::Uuid::now_v7();
    for id in ["x", &strange.to_string()] {
        let path = format!("/v1/admin/staff/{id}/role");
        let refused = browser.ask(PUT, &path, &admin, json!({"role": "support"})).await;
        assert_eq!((refused.status, refused.code()), (404, "not_found"));
    }
}

async fn of_many_edits_of_a_version_one_wins(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let (_, admin) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
    let new = json!({"name": "night", "permissions": []});
    assert_eq!(browser.ask(POST, "/v1/admin/roles", &admin, new).await.status, 201);
    let body = json!({"permissions": ["stock.read"]});
    let edit = || browser.edit(PUT, "/v1/admin/roles/night", &admin, "\"1\"", body.clone());
    let replies = join_all((0..20).map(|_| edit())).await;
    let count = |status| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(200), count(412)), (1, 19), "{replies:?}");
}

/// Deleting a role and giving it to somebody at the same time: never a holder without the role.
async fn a_role_and_its_holder_do_not_part(db: Db) {
    let accounts = open(&db, cheap()).await;
    let browser = Browser::new(&accounts).await;
    let (_, admin) = browser.enter_as(&accounts, "root@example.com", Role::Admin).await;
    let (sam, _) = browser.enter_as(&accounts, "sam@example.com", Role::Customer).await;
    for n in 0..10 {
        let name = format!("role{n}");
        let new = json!({"name": name, "permissions": []});
        assert_eq!(browser.ask(POST, "/v1/admin/roles", &admin, new).await.status, 201);
        let (path, give) =
            (format!("/v1/admin/roles/{name}"), format!("/v1/admin/staff/{sam}/role"));
        let (deleted, given) = futures_util::join!(
            browser.edit(DELETE, &path, &admin, "\"1\"", Value::Null),
            browser.ask(PUT, &give, &admin, json!({"role": name})),
        );
        assert!(
            matches!((deleted.status, given.status), (204, 422) | (409, 200)),
            "{deleted:?} {given:?}"
        );
    }
}
