//! The sandbox over HTTP: the part of Stripe's API that a shop needs, over the same books and the same
//! state machine as in process.
//!
//! A key is answered as Stripe documents it (docs.stripe.com/api/idempotent_requests): once a command was
//! done or refused for good the same key gives the same status and body, with other parameters 400, and
//! while the first is under way 409. What differs: keys are kept for ever, and an answer of 5xx is not
//! kept, so that its repetition finds out what came of it.

mod balance;
mod events;
mod form;
mod intents;
mod money;
mod page;
mod refusal;
mod shapes;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use actix_web::web::{Bytes, Data, Path, ServiceConfig, get, post};
use actix_web::{HttpRequest, HttpResponse, http};
use kernel::id::EventId;
use platform::random;
use serde_json::Value;

use super::{Command, NoAnswer, Sandbox, store};
use crate::processor::Outcome;
use form::Form;
use refusal::Refusal;
use shapes::Expand;
use store::intents::{DisputeRow, IntentRow, RequestRow};

/// The longest idempotency key.
const KEY_MAX: usize = 255;

/// What a merchant is answered.
type Said = Result<Value, Refusal>;

/// How the sandbox answers over HTTP.
pub struct FaceSettings {
    /// The secret key of its merchant.
    pub api_key: String,
    /// How many of 100 commands fail before anything is done.
    pub errors_percent: u64,
    /// How many of 100 commands are done, and their answer comes too late.
    pub timeouts_percent: u64,
}

/// The sandbox as who comes over HTTP sees it.
pub struct Face {
    sandbox: Sandbox,
    settings: FaceSettings,
    /// Where shoppers find it.
    origin: OnceLock<String>,
    /// The keys of commands that are under way.
    under_way: Mutex<HashSet<String>>,
    /// Those of them that are done and whose answer is to be lost.
    late: Mutex<HashSet<String>>,
}

/// A key that is under way, until this is dropped.
struct UnderWay<'a> {
    face: &'a Face,
    key: &'a str,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.face.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(self.key);
    }
}

/// Registers what the sandbox answers.
pub fn routes(face: &Arc<Face>, config: &mut ServiceConfig) {
    config
        .app_data(Data::from(face.clone()))
        .route("/challenge/{intent}", get().to(page::show))
        .route("/challenge/{intent}", post().to(page::answer))
        .route("/v1/{path:.*}", get().to(read))
        .route("/v1/{path:.*}", post().to(write));
}

async fn read(face: Data<Face>, request: HttpRequest, path: Path<String>) -> HttpResponse {
    let said = match face.admit(&request) {
        Ok(()) => face.look_up(&path, Form::parse(request.query_string().as_bytes())).await,
        Err(refusal) => Err(refusal),
    };
    match said {
        Ok(body) => HttpResponse::Ok().json(body),
        Err(refusal) => refusal.response(),
    }
}

async fn write(
    face: Data<Face>,
    request: HttpRequest,
    path: Path<String>,
    body: Bytes,
) -> HttpResponse {
    if let Err(refusal) = face.admit(&request) {
        return refusal.response();
    }
    let told = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok());
    let key = told.map_or_else(|| format!("none:{}", EventId::new()), str::to_owned);
    match face.command(&key, &path, Form::parse(&body)).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.response(),
    }
}

impl Face {
    /// The sandbox behind these settings.
    pub fn new(sandbox: Sandbox, settings: FaceSettings) -> Self {
        let (under_way, late) = (Mutex::default(), Mutex::default());
        Self { sandbox, settings, origin: OnceLock::new(), under_way, late }
    }

    /// Shoppers find it at `origin` from now on.
    pub fn serve(&self, origin: &str) {
        self.origin.get_or_init(|| origin.to_owned());
    }

    /// Only its merchant comes in, with the key as a bearer token or as the name of basic credentials.
    fn admit(&self, request: &HttpRequest) -> Result<(), Refusal> {
        use base64::Engine;
        let header = request.headers().get(http::header::AUTHORIZATION);
        let header = header.and_then(|header| header.to_str().ok()).unwrap_or_default();
        let key = &self.settings.api_key;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{key}:"));
        let is_known =
            [format!("Bearer {key}"), format!("Basic {basic}")].iter().any(|it| it == header);
        if is_known { Ok(()) } else { Err(Refusal::unauthenticated()) }
    }

    fn enter<'a>(&'a self, key: &'a str) -> Option<UnderWay<'a>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.insert(key.to_owned()).then(|| UnderWay { face: self, key })
    }

    /// Does what a key asks for, or tells what came of it.
    async fn command(&self, key: &str, path: &str, form: Form) -> Result<HttpResponse, Refusal> {
        if !(1..=KEY_MAX).contains(&key.len()) {
            let message = format!("must have 1 to {KEY_MAX} characters");
            return Err(Refusal::parameter("Idempotency-Key", &message));
        }
        let _mine = self.enter(key).ok_or_else(Refusal::key_in_use)?;
        // What a card is told by is kept nowhere, not even as a hash.
        if path == "payment_methods" {
            return Ok(HttpResponse::Ok().json(money::keep_card(self, form).await?));
        }
        let fingerprint = form.fingerprint(path);
        let db = &self.sandbox.db;
        if let Some(known) = store::intents::request(db, key).await? {
            if known.fingerprint != fingerprint {
                return Err(Refusal::key_reused());
            }
            return Ok(answer(&known, true));
        }
        if strikes(self.settings.errors_percent) {
            return Err(Refusal::broken());
        }
        let (status, body) = match self.perform(key, path, form).await {
            Ok(body) => (200, body),
            Err(refusal) if refusal.is_final => (refusal.status, refusal.body()),
            Err(refusal) => return Err(refusal),
        };
        let kept = RequestRow { fingerprint, status: status.into(), body: body.to_string() };
        let mut tx = db.begin("sandbox.answered").await?;
        store::intents::keep_request(&mut tx, key, &kept).await?;
        tx.commit().await?;
        let is_late = self.late.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        if is_late || strikes(self.settings.timeouts_percent) {
            return Err(Refusal::timed_out());
        }
        Ok(answer(&kept, false))
    }

    /// Runs a command of the sandbox. One whose answer is lost is still seen to its end here: it is the
    /// merchant who is not told.
    async fn run(&self, key: &str, command: &Command<'_>) -> Result<Outcome, Refusal> {
        match self.sandbox.run(key, command).await {
            Err(NoAnswer::TimedOut) => {
                self.late.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
                Ok(self.sandbox.commit(key, command).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    async fn perform(&self, key: &str, path: &str, form: Form) -> Said {
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["payment_intents"] => intents::create(self, key, form).await,
            ["payment_intents", id, "confirm"] => intents::confirm(self, key, id, form).await,
            ["payment_intents", id, "capture"] => intents::capture(self, key, id, form).await,
            ["payment_intents", id, "cancel"] => intents::cancel(self, key, id, form).await,
            ["refunds"] => money::refund(self, key, form).await,
            ["disputes", id] => money::say_evidence(self, key, id, form).await,
            ["disputes", id, "close"] => money::close(self, key, id, form).await,
            _ => Err(Refusal::no_such_path()),
        }
    }

    async fn look_up(&self, path: &str, form: Form) -> Said {
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["payment_intents"] => intents::list(self, form).await,
            ["payment_intents", "search"] => intents::search(self, form).await,
            ["payment_intents", id] => {
                form.end()?;
                self.shown(&self.intent(id).await?, Expand::of(&form))
            }
            ["refunds"] => money::refunds(self, form).await,
            ["disputes"] => money::disputes(self, form).await,
            ["disputes", id] => {
                form.end()?;
                money::dispute(self, id).await
            }
            ["payment_methods", id] => {
                form.end()?;
                money::card(self, id).await
            }
            ["balance_transactions"] => balance::transactions(self, form).await,
            _ => Err(Refusal::no_such_path()),
        }
    }

    /// A PaymentIntent that must be there.
    async fn intent(&self, id: &str) -> Result<IntentRow, Refusal> {
        let found = store::intents::intent(&self.sandbox.db, id).await?;
        found.ok_or_else(|| Refusal::no_such("payment_intent", "id"))
    }

    /// A dispute as its merchant sees it.
    fn dispute(&self, row: &DisputeRow) -> Value {
        shapes::dispute(
            row,
            self.sandbox.db.clock().now(),
            &balance::of_dispute(&self.sandbox, row),
        )
    }

    fn shown(&self, row: &IntentRow, expand: Expand) -> Said {
        let origin = self.origin.get().map_or("", String::as_str);
        Ok(shapes::intent(row, self.sandbox.db.clock().now(), origin, expand)?)
    }
}

/// Whether what happens to so many of 100 happens now.
fn strikes(percent: u64) -> bool {
    percent > 0 && random::between(1, 100) <= percent
}

fn answer(kept: &RequestRow, is_replayed: bool) -> HttpResponse {
    let status = u16::try_from(kept.status).ok();
    let status = status.and_then(|status| http::StatusCode::from_u16(status).ok());
    let mut answer = HttpResponse::build(status.unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR));
    if is_replayed {
        answer.insert_header(("idempotent-replayed", "true"));
    }
    answer.content_type("application/json").body(kept.body.clone())
}
