//! What a request costs in each stage of the edge, in process and without a socket: the page of a
//! product that is kept ready, from its handler alone to the complete edge (`make bench-edge`).
#![expect(clippy::expect_used, reason = "a bench that cannot be set up must end")]

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use actix_web::App;
use actix_web::middleware::from_fn;
use actix_web::rt::{System, SystemRunner};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use criterion::async_executor::AsyncExecutor;
use criterion::{Criterion, criterion_group, criterion_main};
use stoa::app::Shop;
use stoa::command::Failure;
use stoa::edge::{Edge, Gate, Shedding, gate};
use stoa::settings::Settings;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PRODUCT: &str = r#"{"sku":"LAMP-1","name":"Desk lamp","description":"Bright.","price":"20.00","currency":"EUR","categories":["Lamps"],"attributes":{},"brand":"Stoa","stock":5,"status":"active"}"#;
const PAGE: &str = "/v1/products/LAMP-1";
/// What a browser sends.
const HEADERS: [(&str, &str); 6] = [
    ("host", "shop.example"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "application/json, text/plain, */*"),
    ("accept-language", "en-US,en;q=0.5"),
    ("referer", "https://shop.example/lamps?page=2"),
    ("sec-fetch-site", "same-origin"),
];

/// Criterion's futures on actix's runtime.
struct OnActix<'s>(&'s SystemRunner);

impl AsyncExecutor for OnActix<'_> {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }
}

/// A shop with one product in a folder of its own.
async fn shop(folder: &Path) -> Result<Shop, Failure> {
    let file = folder.join("products.jsonl");
    std::fs::write(&file, PRODUCT)?;
    let imported = Command::new(env!("CARGO_BIN_EXE_stoa"))
        .args(["import", "products"])
        .arg(file)
        .env("STOA__SERVER__DATA_DIR", folder)
        .status()?;
    assert!(imported.success());
    let mut settings = Settings::read(None)?;
    folder.clone_into(&mut settings.server.data_dir);
    Shop::open(settings).await
}

/// A request of a client that has not come for a while.
fn request(client: &Cell<u32>, token: Option<&str>) -> TestRequest {
    client.set(client.get().wrapping_add(1));
    let address = Ipv4Addr::from(0x0a00_0000 | (client.get() & 0x000f_ffff));
    let mut request = TestRequest::get().uri(PAGE).peer_addr(SocketAddr::from((address, 4_000)));
    for header in HEADERS {
        request = request.insert_header(header);
    }
    if let Some(token) = token {
        request = request.insert_header(("authorization", token));
    }
    request
}

/// Measures a service.
macro_rules! stage {
    ($criterion:expr, $system:expr, $name:expr, $app:expr, $token:expr) => {{
        let (service, client) = ($system.block_on(init_service($app)), Cell::new(0));
        let token: Option<&str> = $token;
        $criterion.bench_function($name, |bencher| {
            bencher.to_async(OnActix($system)).iter(|| async {
                let response = call_service(&service, request(&client, token).to_request()).await;
                assert!(response.status().is_success(), "{}", response.status());
            });
        });
    }};
}

fn edge(criterion: &mut Criterion) {
    let system = &System::new();
    let folder = tempfile::tempdir().expect("there is room");
    let shop = system.block_on(shop(folder.path())).expect("the shop opens");
    let gate_of = |change: &dyn Fn(&mut Edge)| {
        let mut edge = shop.settings.edge.clone();
        change(&mut edge);
        let shedding =
            Shedding::new(edge.in_flight_max, Duration::ZERO, &shop.tasks, shop.databases());
        Data::new(shop.gate(&edge, shedding).expect("the table is whole"))
    };
    let app = |gates: Data<Gate>| {
        let shop = shop.clone();
        App::new().app_data(gates).wrap(from_fn(gate)).configure(move |config| {
            shop.catalog.routes(config);
            shop.accounts.routes(config);
        })
    };
    let bare = || {
        let shop = shop.clone();
        App::new().configure(move |config| {
            shop.catalog.routes(config);
            shop.accounts.routes(config);
        })
    };
    let without_firewall = |edge: &mut Edge| edge.firewall.mode = firewall::Mode::Off;
    let open = |edge: &mut Edge| {
        without_firewall(edge);
        edge.throttle = false;
    };
    let token = system.block_on(async {
        let service = init_service(bare()).await;
        let guest = TestRequest::post().uri("/v1/auth/guest").set_json(serde_json::json!({}));
        let body = read_body(call_service(&service, guest.to_request()).await).await;
        let body: serde_json::Value = serde_json::from_slice(&body).expect("it is JSON");
        format!("Bearer {}", body["access_token"].as_str().expect("a guest gets a token"))
    });

    stage!(criterion, system, "1 handler alone, page kept ready", bare(), None);
    stage!(
        criterion,
        system,
        "2 with the gate: id, table, headers, figures",
        app(gate_of(&open)),
        None
    );
    stage!(criterion, system, "3 and the throttle", app(gate_of(&without_firewall)), None);
    stage!(criterion, system, "4 and the firewall", app(gate_of(&|_| ())), None);
    stage!(criterion, system, "5 and an access token", app(gate_of(&|_| ())), Some(&token));
    system.block_on(shop.stop());
}

criterion_group! {
    name = benches;
    config = Criterion::default().configure_from_args();
    targets = edge
}
criterion_main!(benches);
