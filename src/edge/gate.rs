//! One middleware: a request id, where a request comes from, whether it may come in, a deadline, and
//! the headers of every answer.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use actix_web::HttpMessage;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderMap, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use firewall::FirewallError;
use kernel::Clock;
use kernel::ports::{Identity, Principal, Proof};
use kernel::problem::{Problem, code};
use platform::http::{
    BodyGuard, BodyMax, ClientAddress, Failure, PUBLIC, TrustedOrigin, demand,
    demand_second_factor, demand_step_up, identify,
};
use platform::redis::Redis;
use platform::{fault, trace};
use uuid::Uuid;

use super::Edge;
use super::client::Proxies;
use super::connection::Exchange;
use super::cors::{Cors, NoOrigin};
use super::figures::measure;
use super::firewall::Guard;
use super::headers::{About, protect};
use super::host::check_host;
use super::pages::{PAGES, endpoints, no_endpoint, refuse_method};
use super::refusals;
use super::request_id::{self, REQUEST_ID};
use super::route::{Access, Route, Table, TableError};
use super::shedding::{Place, Shedding};
use super::throttle::{KeyRates, Throttle, Told};

/// Why there is no gate.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The table of routes cannot be used.
    #[error(transparent)]
    Table(#[from] TableError),
    /// An origin is none.
    #[error(transparent)]
    Cors(#[from] NoOrigin),
    /// The firewall cannot be made.
    #[error("edge.firewall: {0}")]
    Firewall(#[from] FirewallError),
}

/// What the gate knows.
pub struct Gate {
    /// Tells who a token belongs to.
    identity: Arc<dyn Identity>,
    table: Table,
    pub(super) staff_second_factor: bool,
    clock: Clock,
    /// None where something else limits how often clients come.
    throttle: Option<Throttle>,
    key_rates: KeyRates,
    /// Where limits count over all nodes, if they do.
    shared: Option<Redis>,
    guard: Arc<Guard>,
    cors: Cors,
    proxies: Proxies,
    shedding: Arc<Shedding>,
}

impl Gate {
    /// The gate of these settings. Refused if an endpoint would be shut, or a route makes no sense.
    pub fn new(
        identity: Arc<dyn Identity>,
        clock: Clock,
        shedding: Arc<Shedding>,
        settings: &Edge,
    ) -> Result<Self, GateError> {
        let table = Table::new(settings.effective_routes(), &endpoints())?;
        let proxies =
            Proxies { networks: settings.trusted_proxies.clone(), header: settings.proxy_header };
        Ok(Self {
            identity,
            clock,
            staff_second_factor: settings.staff_second_factor,
            throttle: settings.throttle.then(|| Throttle::new(table.routes())),
            key_rates: KeyRates::default(),
            shared: None,
            cors: Cors::new(&settings.cors)?,
            guard: Arc::new(Guard::new(settings.firewall.clone())?),
            table,
            proxies,
            shedding,
        })
    }

    /// The same, with limits that count over all nodes for as long as Redis answers.
    #[must_use]
    pub fn counting_with(self, redis: Redis) -> Self {
        Self { shared: Some(redis), ..self }
    }

    /// What looks into the bodies that handlers read.
    pub fn body_guard(&self) -> Arc<dyn BodyGuard> {
        self.guard.clone()
    }

    /// The routes as they count.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Forgets clients that have not come for a while; to be called every second or so.
    pub fn forget_clients(&self) {
        if let Some(throttle) = &self.throttle {
            throttle.forget();
        }
        self.key_rates.forget();
    }

    fn place(&self, essential: bool) -> Result<Place<'_>, Failure> {
        let detail = "Too many requests are being answered; nothing was begun. Try again soon.";
        let overloaded = || Problem::new(code::OVERLOADED, detail).into();
        self.shedding.place(essential).ok_or_else(overloaded)
    }

    async fn limit(&self, route: usize, client: IpAddr) -> Option<Told> {
        let throttle = self.throttle.as_ref()?;
        let told = throttle.count(route, client)?;
        Some(told.over_all_nodes(self.shared.as_ref(), || throttle.name(route, client)).await)
    }

    /// What a caller is told who is a key with a rate of its own.
    async fn limit_of_key(&self, request: &ServiceRequest) -> Option<Told> {
        let (key, rate) = key_with_rate(request)?;
        let told = self.key_rates.count(key, rate);
        Some(told.over_all_nodes(self.shared.as_ref(), || format!("rate:key:{key}")).await)
    }

    /// Whether somebody may come in on a route.
    async fn admit(&self, route: &Route, request: &ServiceRequest) -> Result<(), Failure> {
        let length = request.headers().get(CONTENT_LENGTH).and_then(|it| it.to_str().ok());
        let length = length.and_then(|length| length.parse::<u64>().ok());
        if length.is_some_and(|length| length > route.body_max) {
            let detail = format!("A body has at most {} bytes here.", route.body_max);
            return Err(Problem::new(code::BODY_TOO_LARGE, detail).into());
        }
        if length.is_none() && request.method() != Method::GET {
            request.extensions_mut().insert(BodyMax(route.body_max));
        }
        let caller = identify(self.identity.as_ref(), request.request()).await?;
        let may = match (route.access, &caller) {
            (Access::Optional, _) | (Access::Required, Some(_)) => Ok(()),
            (Access::Mfa, Some(caller)) => demand_second_factor(caller),
            (Access::Staff, Some(caller)) => self.admit_staff(route, caller),
            (_, None) => {
                let detail = "Send Authorization: Bearer and an access token.";
                Err(Problem::new(code::UNAUTHENTICATED, detail))
            }
        };
        if let Some(caller) = caller {
            request.extensions_mut().insert(caller);
        }
        may.map_err(Failure::from)
    }

    /// Whether a caller has what the staff needs on a route. The table has no route for the staff
    /// that names nothing.
    fn admit_staff(&self, route: &Route, caller: &Principal) -> Result<(), Problem> {
        let shut = || Problem::new(code::FORBIDDEN, "This route names no permission.");
        demand(caller, route.permission.ok_or_else(shut)?)?;
        if self.staff_second_factor {
            demand_second_factor(caller)?;
        }
        if route.step_up { demand_step_up(caller, self.clock.now()) } else { Ok(()) }
    }
}

/// The key that a caller is, and how often it may come.
fn key_with_rate(request: &ServiceRequest) -> Option<(Uuid, NonZeroU32)> {
    let extensions = request.extensions();
    let caller = extensions.get::<Principal>()?;
    let Proof::Key { rate_per_s: Some(rate), .. } = caller.proof else { return None };
    Some((caller.id.uuid(), NonZeroU32::new(rate)?))
}

/// Lets a request through.
pub async fn gate(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let began = Instant::now();
    let Some(gate) = request.app_data::<Data<Gate>>().cloned() else {
        return Ok(request.error_response(Failure::internal("the gate is not set")));
    };
    if request.method() == Method::HEAD {
        // HEAD is GET without the body (RFC 9110, section 9.3.2), which the server leaves out.
        request.head_mut().method = Method::GET;
    }
    let exchange = Exchange::begin(&request);
    gate.proxies.strip(&mut request);
    let id = request_id::of(request.headers());
    let origin = gate.cors.origin(request.headers()).cloned();
    if gate.cors.trusts(origin.as_ref()) {
        request.extensions_mut().insert(TrustedOrigin);
    }
    let about =
        About { is_page: request.path().starts_with(PAGES), is_tls: gate.proxies.is_tls(&request) };
    let complete = |headers: &mut HeaderMap| {
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert(REQUEST_ID, id);
        }
        protect(headers, about);
        gate.cors.tell(origin.as_ref(), headers);
    };
    let endpoint = gate.table.endpoint(request.method().as_str(), request.path());
    let passed = match gate.cors.preflight(&request) {
        Some(answer) => Ok(request.into_response(answer)),
        None => trace::within(id.clone(), pass(&gate, endpoint, request, next)).await,
    };
    match passed {
        Ok(mut response) => {
            complete(response.headers_mut());
            measure(&gate.table, endpoint, response.status(), began.elapsed());
            refusals::tell(&response, &id);
            Ok(exchange.until_written(response))
        }
        // The request is gone with its handler, so that only the answer can be made complete.
        Err(error) => {
            let mut response = error.error_response();
            complete(response.headers_mut());
            measure(&gate.table, endpoint, response.status(), began.elapsed());
            Err(InternalError::from_response(error, response).into())
        }
    }
}

async fn pass(
    gate: &Gate,
    endpoint: Option<usize>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let found = endpoint
        .and_then(|number| gate.table.of_endpoint(number))
        .or_else(|| gate.table.find(request.method().as_str(), request.path()));
    let place = match gate.place(found.is_some_and(|(_, route)| route.essential)) {
        Ok(place) => place,
        Err(failure) => return Ok(request.error_response(failure)),
    };
    fault::slow("request");
    let peer = request.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    let client = gate.proxies.client(peer, request.headers());
    request.extensions_mut().insert(ClientAddress(client));
    let mut told = match found {
        Some((number, _)) => gate.limit(number, client).await,
        None => None,
    };
    let checked = match told {
        Some(Told { wait: Some(_), .. }) => Err(too_often()),
        _ => check_host(request.head())
            .and_then(|()| gate.guard.check_head(&request, client))
            .map_err(Failure::from),
    };
    if checked.is_ok()
        && let Some(refusal) = refuse_method(request.method(), request.path(), found.is_some())
    {
        return Ok(request.into_response(refusal));
    }
    let Some((number, route)) = found else {
        // Whatever answers there: it is shut until the table says who may come in.
        let failure = checked.err().unwrap_or_else(|| no_endpoint().into());
        return Ok(request.error_response(failure));
    };
    let mut admitted = match checked {
        Ok(()) => gate.admit(route, &request).await,
        refused => refused,
    };
    // A key that has a rate of its own is told of that.
    if admitted.is_ok()
        && let Some(of_key) = gate.limit_of_key(&request).await
    {
        told = Some(of_key);
        admitted = if of_key.wait.is_some() { Err(too_often()) } else { Ok(()) };
    }
    let mut response = match admitted {
        Err(failure) => request.error_response(failure),
        Ok(()) => match tokio::time::timeout(route.timeout(), next.call(request)).await {
            Ok(response) => response?.map_into_boxed_body(),
            Err(_) => return Err(late().into()),
        },
    };
    drop(place);
    if response.headers().get(CACHE_CONTROL) == Some(&PUBLIC) {
        response.headers_mut().insert(CACHE_CONTROL, gate.table.public_cache(number));
    }
    if let Some(told) = told {
        told.tell(response.headers_mut());
    }
    Ok(response)
}

fn too_often() -> Failure {
    let detail = "You come too often; Retry-After says when to come again, in seconds.";
    Problem::new(code::TOO_MANY_REQUESTS, detail).into()
}

fn late() -> Failure {
    let detail = "What it began is finished or undone; ask for its outcome.";
    let mut problem = Problem::new(code::TIMEOUT, detail);
    problem.request_id = Some(trace::current());
    problem.into()
}
