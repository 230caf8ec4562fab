//! A shop that answers: its routes by its roles, behind the gate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpServer};
use platform::http::BodyGuard;

use super::Shop;
use crate::audit::AuditLog;
use crate::command::Failure;
use crate::edge::{self, Certificates, Connections, Edge, Gate, GateError, Shedding, Web};
use crate::settings::Role;

/// How often the gate forgets clients that have not come for a while.
const FORGET_CLIENTS_EVERY: Duration = Duration::from_secs(1);

impl Shop {
    /// What every request passes, by these settings.
    pub fn gate(
        &self,
        edge: &Edge,
        shedding: Arc<Shedding>,
    ) -> std::result::Result<Gate, GateError> {
        let gate = Gate::new(Arc::new(self.accounts.clone()), self.clock.clone(), shedding, edge)?;
        let redis = self.redis.as_ref().filter(|_| self.settings.redis.throttle);
        Ok(match redis {
            Some(redis) => gate.counting_with(redis.clone()),
            None => gate,
        })
    }

    /// Registers what this process answers, by its roles.
    fn routes(&self, audit: &AuditLog, config: &mut ServiceConfig) {
        if self.settings.has(Role::Web) {
            // Routes are tried one by one: those that are asked for most come first.
            self.catalog.routes(config);
            self.accounts.routes(config);
            self.inventory.routes(config);
            self.orders.routes(config);
            self.payments.routes(config);
            self.analytics.routes(config);
            self.fraud.routes(config);
            self.credits.routes(config);
            self.messages.routes(config);
            self.carrier.routes(config);
            self.ledger.routes(config);
            self.notary.routes(config);
            edge::audit_routes(audit.clone(), config);
        }
        if let Some(vault) = &self.vault {
            vault.routes(config);
        }
    }

    /// Answers requests from here on.
    pub fn serve(&self) -> std::result::Result<Web, Failure> {
        let shop = self.clone();
        let server = &self.settings.server;
        let certificates = Certificates::open(&server.tls, self.clock.clone())?;
        let Edge { in_flight_max, queue_target_ms, .. } = self.settings.edge;
        let queue_target = Duration::from_millis(queue_target_ms);
        let shedding = Shedding::new(in_flight_max, queue_target, &self.tasks, &self.databases);
        shedding.start();
        let gate = Data::new(self.gate(&self.settings.edge, shedding.clone())?);
        let guard: Data<dyn BodyGuard> = Data::from(gate.body_guard());
        let forgetting = gate.clone();
        self.tasks.every("edge.clients", FORGET_CLIENTS_EVERY, None, move || {
            forgetting.forget_clients();
            async { Ok::<bool, std::convert::Infallible>(false) }
        });
        let audit = AuditLog::new(&self.databases, self.clock.clone());
        let mut http = HttpServer::new(move || {
            shedding.watch_thread();
            App::new()
                .app_data(gate.clone())
                .app_data(guard.clone())
                .wrap(from_fn(edge::gate))
                .configure(|config| shop.routes(&audit, config))
                .configure(edge::routes)
        });
        if server.workers > 0 {
            http = http.workers(server.workers);
        }
        let tls = &server.tls;
        let patience = Duration::from_millis(server.keep_alive_ms + server.head_timeout_ms);
        let connections = Connections::watched(&self.tasks, patience, server.streams_max);
        let entered = connections.clone();
        let http = http
            .disable_signals()
            .on_connect(move |stream, data| entered.enter(stream, data))
            .shutdown_timeout(server.stop_wait_s)
            .max_connections(server.connections_max)
            .client_request_timeout(Duration::from_millis(server.head_timeout_ms))
            .client_disconnect_timeout(Duration::from_millis(server.disconnect_timeout_ms))
            .keep_alive(Duration::from_millis(server.keep_alive_ms))
            .tls_handshake_timeout(Duration::from_millis(tls.handshake_timeout_ms));
        let http = match &certificates {
            Some(certificates) => {
                certificates.watch(&self.tasks, Duration::from_millis(tls.poll_ms));
                http.bind_rustls_0_23(server.listen, certificates.server_config()?)?
            }
            None => http.bind(server.listen)?,
        };
        let origin = |(at, scheme): (SocketAddr, &str)| format!("{scheme}://{at}");
        let mut origins: Vec<String> = http.addrs_with_scheme().into_iter().map(origin).collect();
        if let Some(origin) = origins.first() {
            self.carrier.serve(origin);
            self.payments.serve(origin);
        }
        let mut servers = vec![http.run()];
        if let Some(listen) = tls.redirect_listen {
            let (server, addresses) = edge::serve_redirect(listen, &tls.redirect_to)?;
            servers.push(server);
            origins.extend(addresses.iter().map(|at| format!("redirect http://{at}")));
        }
        Ok(Web::start(servers, origins, connections))
    }
}
