//! The bare handler: what actix-web alone does on this machine with the same bytes, the unit of all
//! ratios.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use actix_web::{App, HttpResponse, HttpServer, web};
use bytes::Bytes;

use crate::error::Result;

/// Where the body with a number is answered.
pub fn path(number: usize) -> String {
    format!("/bare/{number}")
}

/// Keeps the bodies for the process that serves them.
pub fn write(file: &Path, bodies: &[Bytes]) -> Result<()> {
    let texts: Vec<_> = bodies.iter().map(|body| String::from_utf8_lossy(body)).collect();
    Ok(std::fs::write(file, serde_json::to_vec(&texts)?)?)
}

/// A route for each body.
pub fn routes(config: &mut web::ServiceConfig, bodies: &[Bytes]) {
    for (number, body) in bodies.iter().enumerate() {
        let body = body.clone();
        let answer = move || {
            let body = body.clone();
            async { HttpResponse::Ok().content_type("application/json").body(body) }
        };
        config.route(&path(number), web::get().to(answer));
    }
}

/// Serves the bodies of a file until the process is told to end.
#[expect(clippy::print_stdout, reason = "the harness waits for the line")]
pub async fn serve(address: SocketAddr, file: &Path) -> Result<()> {
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(file)?)?;
    let bodies: Vec<Bytes> = texts.into_iter().map(Bytes::from).collect();
    let app = move || App::new().configure(|config| routes(config, &bodies));
    let server = HttpServer::new(app).bind(address)?;
    println!("ready on {address}");
    std::io::stdout().flush()?;
    Ok(server.run().await?)
}
