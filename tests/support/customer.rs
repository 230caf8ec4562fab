//! Somebody who talks to the shop.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::{Answer, Shop, WAIT_MAX, order_body};

/// The server closes connections that stood idle; a command is not sent into one.
fn client() -> reqwest::ClientBuilder {
    platform::http::outbound().pool_idle_timeout(Duration::from_secs(1))
}

/// Somebody who talks to the shop.
#[derive(Clone)]
pub struct Customer {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Customer {
    /// Somebody without a token.
    pub fn anyone(shop: &Shop) -> Self {
        let client = client().timeout(WAIT_MAX).build().unwrap();
        Self { client, base: shop.base.clone(), token: String::new() }
    }

    /// A guest.
    pub async fn guest(shop: &Shop) -> Self {
        Self::try_guest(shop).await.unwrap()
    }

    /// A guest, or what was said instead.
    pub async fn try_guest(shop: &Shop) -> Result<Self, Answer> {
        let anyone = Self::anyone(shop);
        let answer = anyone.post("/v1/auth/guest", &json!({})).await;
        match answer.body["access_token"].as_str() {
            Some(token) => Ok(Self { token: token.to_owned(), ..anyone }),
            None => Err(answer),
        }
    }

    /// The same somebody logged in, or what was said instead.
    pub async fn log_in(&self, credentials: &Value) -> Result<Self, Answer> {
        let answer = self.post("/v1/auth/login", credentials).await;
        match answer.body["access_token"].as_str() {
            Some(token) => Ok(Self { token: token.to_owned(), ..self.clone() }),
            None => Err(answer),
        }
    }

    /// The same somebody after the shop was started again at another address.
    pub fn at(&self, shop: &Shop) -> Self {
        Self { base: shop.base.clone(), ..self.clone() }
    }

    /// The same somebody at an address of the shop.
    pub fn at_base(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The same somebody, who waits for an answer no longer than that.
    pub fn hurried(&self, wait: Duration) -> Self {
        let client = client().timeout(wait).build().unwrap();
        Self { client, ..self.clone() }
    }

    /// The same somebody at the port for operators.
    pub fn on_ops(&self, shop: &Shop) -> Self {
        Self { base: shop.ops.clone(), ..self.clone() }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let request =
            if self.token.is_empty() { request } else { request.bearer_auth(&self.token) };
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, body, text, headers })
    }

    /// Their token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The same somebody with another token.
    pub fn with(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// The same somebody with a device, and with a token that says so. `recovery` keeps the codes of
    /// an account that comes several times.
    pub async fn with_second_factor(&self, recovery: &Path) -> Self {
        let mut codes: Vec<String> = match std::fs::read(recovery) {
            Ok(codes) => serde_json::from_slice(&codes).unwrap(),
            Err(_) => self.set_up_device().await,
        };
        let code = codes.pop().expect("a recovery code is left");
        std::fs::write(recovery, json!(codes).to_string()).unwrap();
        let answer = self.post("/v1/auth/mfa/verify", &json!({"code": code})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.with(answer.body["access_token"].as_str().unwrap())
    }

    /// Confirms a device; its recovery codes.
    async fn set_up_device(&self) -> Vec<String> {
        let setup = self.post("/v1/auth/mfa/totp", &json!({})).await;
        assert_eq!(setup.status, 201, "{setup:?}");
        let secret = Secret::try_from_base32(setup.body["secret"].as_str().unwrap()).unwrap();
        let device = Builder::new().with_secret(secret).with_account_name("test").build().unwrap();
        let code = json!({"code": device.generate_current().to_string()});
        let confirmed = self.post("/v1/auth/mfa/totp/confirm", &code).await;
        assert_eq!(confirmed.status, 200, "{confirmed:?}");
        serde_json::from_value(confirmed.body["recovery_codes"].clone()).unwrap()
    }

    /// A request without a body.
    pub async fn call(&self, method: &str, path: &str) -> Answer {
        let method = method.parse().unwrap();
        self.send(self.client.request(method, format!("{}{path}", self.base))).await.unwrap()
    }

    /// A request with these headers and no body.
    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Answer {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.base));
        let add = |request: RequestBuilder, (name, value): &(&'static str, &str)| {
            request.header(*name, *value)
        };
        self.send(headers.iter().fold(request, add)).await.unwrap()
    }

    /// A request as it is given: header values of any bytes, the same header twice, any body.
    pub async fn send_as_is(
        &self,
        method: &str,
        path: &str,
        headers: &[(&'static str, &[u8])],
        body: &[u8],
    ) -> Answer {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.base));
        let add = |request: RequestBuilder, (name, value): &(&'static str, &[u8])| {
            request.header(*name, *value)
        };
        let request = headers.iter().fold(request, add);
        let request = if body.is_empty() { request } else { request.body(body.to_vec()) };
        self.send(request).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(format!("{}{path}", self.base))).await.unwrap()
    }

    /// A file: the status, its type and its bytes.
    pub async fn download(&self, path: &str) -> (u16, String, Vec<u8>) {
        let request = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let response = request.send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), kind, response.bytes().await.unwrap().to_vec())
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body).await.unwrap()
    }

    /// An error when the shop died before it answered.
    pub async fn try_post(&self, path: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        self.send(self.client.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// Patches what is at a path, as it is now.
    pub async fn edit(&self, path: &str, change: &Value) -> Answer {
        let now = self.get(path).await;
        let request = self.client.patch(format!("{}{path}", self.base)).json(change);
        self.send(request.header("if-match", &now.headers["etag"])).await.unwrap()
    }

    /// A body that is sent as it is.
    pub async fn post_raw(&self, path: &str, kind: &str, body: &str) -> Answer {
        let request = self.client.post(format!("{}{path}", self.base));
        let request = request.header("content-type", kind).body(body.to_owned());
        self.send(request.header("idempotency-key", "raw")).await.unwrap()
    }

    pub async fn command(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.try_command(path, key, body).await.unwrap()
    }

    pub async fn try_command(
        &self,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Result<Answer, reqwest::Error> {
        let request = self.client.post(format!("{}{path}", self.base)).json(body);
        self.send(request.header("idempotency-key", key)).await
    }

    /// Puts units of a product into the cart.
    pub async fn fill_cart(&self, product: &str, quantity: i64) {
        let line = json!({"product_id": product, "quantity": quantity});
        let answer = self.post("/v1/cart/lines", &line).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// A payment token of a card.
    pub async fn card(&self, number: &str) -> String {
        let card = json!({
            "number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123", "name": "Ada",
        });
        let answer = self.post("/v1/payment-tokens", &card).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["token"].as_str().unwrap().to_owned()
    }

    /// Orders what is in the cart.
    pub async fn order(&self, key: &str, token: &str) -> Answer {
        self.command("/v1/orders", key, &order_body(token)).await
    }

    /// Waits until an order has one of these states.
    pub async fn until(&self, order: &str, states: &[&str]) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.get(&format!("/v1/orders/{order}")).await;
            let status = answer.body["status"].as_str().unwrap_or_default();
            if states.contains(&status) {
                return answer;
            }
            assert!(began.elapsed() < WAIT_MAX, "still {answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
