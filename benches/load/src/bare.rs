//! The bare handler: what actix-web alone does on this machine, the unit of all ratios.

use std::io::Write;
use std::net::SocketAddr;

use actix_web::{App, HttpResponse, HttpServer, web};

/// Where the handler answers.
pub const PATH: &str = "/bare";

/// About as large as a product.
const BODY: &str = r#"{"id":"01980000-0000-7000-8000-000000000000","name":"A product of the usual size","description":"Two lines of text that say what it is, what it is made of, and for whom; about as long as the answer to a question for one product.","price":{"amount":"19.95","currency":"USD"},"categories":["Electronics","Cables"],"attributes":{"colour":"Black","length":2}}"#;

async fn answer() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(BODY)
}

/// The handler's route.
pub fn routes(config: &mut web::ServiceConfig) {
    config.route(PATH, web::get().to(answer));
}

/// Serves until the process is told to end.
#[expect(clippy::print_stdout, reason = "the harness waits for the line")]
pub async fn serve(address: SocketAddr) -> std::io::Result<()> {
    let server = HttpServer::new(|| App::new().configure(routes)).bind(address)?;
    println!("ready on {address}");
    std::io::stdout().flush()?;
    server.run().await
}
