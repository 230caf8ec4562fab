//! Plain HTTP beside TLS: whoever comes there is led to the encrypted side.

use std::net::SocketAddr;

use actix_web::dev::Server;
use actix_web::http::header::{ALLOW, HeaderValue, LOCATION};
use actix_web::http::{KeepAlive, Method, StatusCode};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};

use super::cors::is_origin;

/// How long an answer may still take when the shop stops, in seconds.
const STOP_WAIT_S: u64 = 1;

/// The origin that is told to whoever comes.
struct Target(String);

/// The server that leads to an origin, such as `https://shop.example`, and its addresses. The origin
/// is the settings' and not what the request calls the host, so that nobody is led elsewhere.
pub fn serve(listen: SocketAddr, origin: &str) -> std::io::Result<(Server, Vec<SocketAddr>)> {
    if !(is_origin(origin) && origin.starts_with("https://")) {
        let message = format!(
            "server.tls.redirect_to: {origin:?} must be the shop's origin, such as \"https://shop.example\""
        );
        return Err(std::io::Error::other(message));
    }
    let target = Data::new(Target(origin.to_owned()));
    let app = move || App::new().app_data(target.clone()).default_service(web::to(lead));
    let server = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .shutdown_timeout(STOP_WAIT_S)
        // Whoever was led away does not come back.
        .keep_alive(KeepAlive::Disabled)
        .bind(listen)?;
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

/// 308 for what changes nothing. What else was sent went over the wire in the clear: it is refused,
/// so that its sender mends the address.
async fn lead(request: HttpRequest, target: Data<Target>) -> HttpResponse {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = HttpResponse::build(StatusCode::METHOD_NOT_ALLOWED);
        return refused.insert_header((ALLOW, "GET, HEAD")).finish();
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match HeaderValue::from_str(&format!("{}{path}", target.0)) {
        Ok(location) if path.starts_with('/') => {
            HttpResponse::PermanentRedirect().insert_header((LOCATION, location)).finish()
        }
        _ => HttpResponse::BadRequest().finish(),
    }
}
