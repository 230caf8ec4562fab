use std::fmt;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType};

use crate::random;

/// What a page's own scripts and styles carry, in the attribute `nonce`, and nobody else's can: it is
/// made for one answer (Content Security Policy Level 3, section 7.1).
#[derive(Debug)]
pub struct Nonce([u8; 16]);

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A page for a person. It runs and shows only what carries its nonce, loads pictures of the shop,
/// sends its forms only back to the shop, is framed by nobody and kept by nobody.
pub fn page(write: impl FnOnce(&Nonce) -> String) -> HttpResponse {
    let nonce = Nonce(random::bytes());
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'nonce-{nonce}'; \
         img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'; object-src 'none'"
    );
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .body(write(&nonce))
}

#[cfg(test)]
mod tests {
    use actix_web::body::{MessageBody, to_bytes};

    use super::*;

    #[actix_web::test]
    async fn what_a_page_runs_carries_the_nonce_of_this_answer_alone() {
        let mut nonces = Vec::new();
        for _ in 0..2 {
            let response = page(|nonce| format!("{nonce}"));
            let policy = response.headers().get(CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap();
            let policy = policy.to_owned();
            let body = to_bytes(response.into_body().boxed()).await.unwrap();
            let nonce = String::from_utf8(body.to_vec()).unwrap();
            assert!(policy.contains(&format!("script-src 'nonce-{nonce}'")), "{policy}");
            assert!(policy.contains(&format!("style-src 'nonce-{nonce}'")), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
            nonces.push(nonce);
        }
        assert_ne!(nonces[0], nonces[1]);
    }
}
