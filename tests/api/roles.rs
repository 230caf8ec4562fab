//! Each module as a role of its own, which has rights on its own schema alone.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use kernel::id::EventId;

use crate::support::{APPROVED, Customer, Engine, Shop, id_of, product};

fn psql(url: &str, script: &str) -> Output {
    let mut psql = Command::new("psql")
        .args(["-XAtq", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    psql.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    psql.wait_with_output().unwrap()
}

/// A shop over PostgreSQL, its address, and what its roles are to be called: they belong to the whole server.
fn shop() -> Option<(Shop, String, String)> {
    let shop = Shop::new(Engine::Postgres, &[product("LAMP-1", "20.00", 5)])?;
    let prefix = format!("r{}_", &EventId::new().uuid().simple().to_string()[20..]);
    let url = shop.url().unwrap();
    Some((shop, url, prefix))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_that_is_taken_over_reads_nothing_of_the_others() {
    let Some((mut shop, url, prefix)) = shop() else { return };
    let refused = shop.run(&["grants", "--login", "shop"]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("database.role_prefix"));
    shop.set("STOA__DATABASE__ROLE_PREFIX", &prefix);
    let refused = shop.run(&["grants", "--login", "shop\"; drop"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let grants = shop.run(&["grants", "--login", "shop"]);
    assert!(grants.status.success(), "{grants:?}");
    let grants = String::from_utf8(grants.stdout).unwrap();
    // Twice, as after a restore.
    for _ in 0..2 {
        let done = psql(&url, &grants);
        assert!(done.status.success(), "{done:?}");
    }

    shop.start(&[]);
    let ada = Customer::guest(&shop).await;
    ada.fill_cart(&id_of(&ada, "LAMP-1").await, 1).await;
    let order = ada.order("key", &ada.card(APPROVED).await).await;
    assert_eq!(order.body["status"], "CONFIRMED", "{order:?}");
    shop.settle();
    shop.stop();
    shop.assert_books();

    for (role, statement, may) in [
        ("analytics", "select count(*) from stoa_analytics.sales_day", true),
        ("analytics", "select count(*) from stoa_order.orders", false),
        ("analytics", "delete from stoa_vault.card", false),
        ("catalog", "create schema mine", false),
        ("catalog", "alter table stoa_auth.customer owner to current_user", false),
    ] {
        let done = psql(
            &url,
            &format!("\\set ON_ERROR_STOP on\nset role {prefix}{role};\n{statement};\n"),
        );
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.success(), may, "{role}: {statement}: {told}");
        assert!(
            may || told.contains("permission denied") || told.contains("must be owner"),
            "{told}"
        );
    }
    let gone = psql(
        &url,
        &format!(
            "select 'drop owned by ' || rolname || ' cascade; drop role ' || rolname from pg_roles where rolname like '{prefix}%' \\gexec"
        ),
    );
    assert!(gone.status.success(), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_of_several_roles_moves_and_every_role_knows_it() {
    let Some((mut shop, url, prefix)) = shop() else { return };
    shop.set("STOA__DATABASE__ROLE_PREFIX", &prefix);
    // Whoever logs in owns nothing and administers nothing.
    let login = format!("{prefix}login");
    let grants = shop.run(&["grants", "--login", &login]).stdout;
    let grants = String::from_utf8(grants).unwrap();
    let done = psql(&url, &format!("create role {login} login;\n{grants}"));
    assert!(done.status.success(), "{done:?}");
    shop.set("STOA__DATABASE__URL", &url.replace("//shop@", &format!("//{login}@")));
    let said = |arguments: &[&str]| {
        let output = shop.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    let folder = format!("sqlite:{}", shop.folder.display());
    said(&["move", "--to", &folder, "--grace-s", "3600"]);
    let refused = String::from_utf8(shop.run(&["verify"]).stderr).unwrap();
    assert!(refused.contains("has moved to sqlite:"), "{refused}");
    said(&["move", "--from", &folder, "--replace", "--grace-s", "3600"]);
    said(&["verify", "--grace-s", "3600"]);
}
