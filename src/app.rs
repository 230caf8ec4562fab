//! The composition root: settings become adapters, adapters become modules, modules become a
//! running shop. Only this file knows what stands behind a port.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use analytics::Analytics;
use auth::Accounts;
use carrier::Carrier;
use catalog::Catalog;
use chrono::TimeDelta;
use inventory::Inventory;
use kernel::Clock;
use kernel::id::EventId;
use kernel::ports::Logistics;
use messages::Messages;
use order::{CarrierFulfilment, CarrierName, ManualFulfilment, Orders, TaxTable};
use payment::{Payments, Sandbox};
use platform::bus::Bus;
use platform::http::BodyGuard;
use platform::module::Schema;
use platform::saga::Policy;
use platform::sql::{Db, Error, Postgres, Result, Sqlite};
use platform::tasks::Tasks;

use crate::audit::AuditLog;
use crate::command::Failure;
use crate::edge::{self, Certificates, Connections, Edge, Gate, GateError, Shedding, Web};
use crate::mailer::mailer;
use crate::settings::{Database, EngineName, Role, Settings};

/// The schemas of the house, each with a database of its own.
pub const SCHEMAS: [Schema; 9] = [
    auth::SCHEMA,
    catalog::SCHEMA,
    inventory::SCHEMA,
    order::SCHEMA,
    payment::SCHEMA,
    payment::SANDBOX_SCHEMA,
    analytics::SCHEMA,
    messages::SCHEMA,
    carrier::SCHEMA,
];

/// A shop that is put together.
#[derive(Clone)]
pub struct Shop {
    /// What it was put together from.
    pub settings: Arc<Settings>,
    /// Its background work.
    pub tasks: Tasks,
    /// Its events.
    pub bus: Bus,
    /// Who its people are.
    pub accounts: Accounts,
    /// What it sells.
    pub catalog: Catalog,
    /// What lies in its stores.
    pub inventory: Inventory,
    /// What was ordered.
    pub orders: Orders,
    /// What was paid.
    pub payments: Payments,
    /// What it all adds up to.
    pub analytics: Analytics,
    /// What its customers are told.
    pub messages: Messages,
    /// Who carries its parcels, if it is the sandbox.
    pub carrier: Carrier,
    databases: Arc<Vec<Db>>,
    clock: Clock,
}

/// Opens the database of one schema, without touching what is in it.
pub async fn open_database(settings: &Settings, schema: &Schema, clock: &Clock) -> Result<Db> {
    let Database { engine, url, schema_prefix, connections, readers } = &settings.database;
    match engine {
        EngineName::Sqlite => {
            let file = settings.server.data_dir.join(format!("{}.db", schema.module));
            let at = Sqlite { file, readers: *readers };
            Db::sqlite(schema.module, &at, clock.clone()).await
        }
        EngineName::Postgres => {
            let schema_name = format!("{schema_prefix}{}", schema.module);
            let at = Postgres { url: url.clone(), schema: schema_name, connections: *connections };
            Db::postgres(schema.module, &at, clock.clone()).await
        }
    }
}

/// Opens the database of one schema and brings it up to date.
pub async fn open_migrated(settings: &Settings, schema: &Schema, clock: &Clock) -> Result<Db> {
    make_folder(&settings.server.data_dir)?;
    let db = open_database(settings, schema, clock).await?;
    for name in schema.migrate(&db).await? {
        tracing::debug!(module = schema.module, name, "migrated");
    }
    Ok(db)
}

/// Opens the databases of all schemas, in the order of [`SCHEMAS`], and brings them up to date.
pub async fn open_databases(settings: &Settings, clock: &Clock) -> Result<Vec<Db>> {
    let mut databases = Vec::with_capacity(SCHEMAS.len());
    for schema in &SCHEMAS {
        databases.push(open_migrated(settings, schema, clock).await?);
    }
    Ok(databases)
}

fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Error::Unusable(format!("{}: {error}", folder.display())))
}

impl Shop {
    /// Puts a shop together that will serve, with its databases up to date and nothing running yet.
    pub async fn open(settings: Settings) -> std::result::Result<Self, Failure> {
        Self::put_together(settings, true).await
    }

    /// Puts a shop together for a command, beside a server that may be running and has the search
    /// index.
    pub async fn beside(settings: Settings) -> std::result::Result<Self, Failure> {
        Self::put_together(settings, false).await
    }

    async fn put_together(settings: Settings, serving: bool) -> std::result::Result<Self, Failure> {
        let (settings, clock, tasks) = (Arc::new(settings), Clock::system(), Tasks::default());
        let databases = open_databases(&settings, &clock).await?;
        let [auth, catalog, inventory, order, payment, sandbox, analytics, messages, carrier] =
            databases
                .as_slice()
                .to_owned()
                .try_into()
                .map_err(|_| Error::Unusable("a schema has no database".to_owned()))?;

        let folder = &settings.server.data_dir;
        let mailer = mailer(&settings.mail, &folder.join("mail"), &clock)?;
        let accounts =
            Accounts::open(auth, settings.auth.clone(), &settings.keys_folder(), mailer.clone())
                .await?;
        let catalog = if serving {
            Catalog::open(catalog, settings.catalog.clone(), &folder.join("search")).await?
        } else {
            Catalog::new(catalog, settings.catalog.clone())
        };
        let catalog = catalog.with_files(folder);
        let inventory = Inventory::new(inventory, settings.inventory.clone());
        let sandbox = Arc::new(Sandbox::new(sandbox, &settings.payment.sandbox));
        let payments = Payments::new(payment, sandbox, settings.payment.clone());
        let carrier = Carrier::open(carrier, settings.carrier.clone()).await?;
        let taxes = TaxTable::new(order.clone(), settings.order.tax_percent.clone());
        let ports = order::Ports {
            catalog: Arc::new(catalog.clone()),
            stock: Arc::new(inventory.clone()),
            payments: Arc::new(payments.clone()),
            logistics: logistics(&settings, &order, &carrier),
            history: vec![
                Arc::new(payments.clone()),
                Arc::new(messages::History::new(messages.clone())),
            ],
            people: Arc::new(accounts.clone()),
            carrier_secret: has_carrier(&settings).then(|| carrier.secret().to_vec()),
            tax: Arc::new(taxes.clone()),
            taxes,
        };
        let node = format!("node-{}", EventId::new());
        let sagas = saga_settings(&settings, &node);
        let orders = Orders::new(order, settings.order.clone(), ports, sagas, tasks.clone());
        let analytics = Analytics::new(analytics);
        let ports = messages::Ports {
            mailer,
            orders: Arc::new(orders.clone()),
            people: Arc::new(accounts.clone()),
            vault: Arc::new(accounts.clone()),
        };
        let site = &settings.auth.site_url;
        let messages = Messages::open(messages, &settings.messages, site, ports)?;

        let subscriptions = [
            accounts.subscriptions(),
            catalog.subscriptions(),
            inventory.subscriptions(),
            orders.subscriptions(),
            payments.subscriptions(),
            analytics.subscriptions(),
            messages.subscriptions(),
        ];
        let bus =
            Bus::new(databases.clone(), subscriptions.concat(), bus_settings(&settings, &node));
        bus.register().await?;
        let databases = Arc::new(databases);
        Ok(Self {
            settings,
            tasks,
            bus,
            accounts,
            catalog,
            inventory,
            orders,
            payments,
            analytics,
            messages,
            carrier,
            databases,
            clock,
        })
    }

    /// The databases, in the order of [`SCHEMAS`].
    pub fn databases(&self) -> &[Db] {
        &self.databases
    }

    /// The database of a module.
    pub fn database(&self, module: &str) -> Result<&Db> {
        let missing = || Error::Unusable(format!("there is no module {module}"));
        self.databases.iter().find(|db| db.module() == module).ok_or_else(missing)
    }

    /// Starts what runs beside requests.
    pub async fn start(&self) -> Result<()> {
        self.inventory.prepare().await?;
        self.catalog.start(&self.tasks);
        self.accounts.start(&self.tasks);
        self.orders.watch(&self.tasks);
        if self.settings.has(Role::Worker) {
            self.orders.start().await?;
            self.orders.sweep(&self.tasks);
            self.inventory.start(&self.tasks);
            self.payments.start(&self.tasks);
            self.analytics.start(&self.tasks);
            self.messages.start(&self.tasks);
            if has_carrier(&self.settings) {
                self.carrier.start(&self.tasks);
                self.orders.listen(&self.tasks);
            }
            self.bus.start(&self.tasks)?;
            for db in self.databases.iter() {
                let db = db.clone();
                self.tasks.every("idempotency.forget", HOUR, None, move || {
                    let db = db.clone();
                    async move {
                        let now = db.clock().now();
                        platform::idempotency::forget_old(&db, now).await.map(|_| false)
                    }
                });
            }
        }
        Ok(())
    }

    /// What every request passes, by these settings.
    pub fn gate(
        &self,
        edge: &Edge,
        shedding: Arc<Shedding>,
    ) -> std::result::Result<Gate, GateError> {
        Gate::new(Arc::new(self.accounts.clone()), self.clock.clone(), shedding, edge)
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
                // Routes are tried one by one: those that are asked for most come first.
                .configure(|config| shop.catalog.routes(config))
                .configure(|config| shop.accounts.routes(config))
                .configure(|config| shop.inventory.routes(config))
                .configure(|config| shop.orders.routes(config))
                .configure(|config| shop.payments.routes(config))
                .configure(|config| shop.analytics.routes(config))
                .configure(|config| shop.messages.routes(config))
                .configure(|config| shop.carrier.routes(config))
                .configure(|config| edge::audit_routes(audit.clone(), config))
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
        }
        let mut servers = vec![http.run()];
        if let Some(listen) = tls.redirect_listen {
            let (server, addresses) = edge::serve_redirect(listen, &tls.redirect_to)?;
            servers.push(server);
            origins.extend(addresses.iter().map(|at| format!("redirect http://{at}")));
        }
        Ok(Web::start(servers, origins, connections))
    }

    /// Ends background work and closes the databases.
    pub async fn stop(&self) {
        self.tasks.stop(Duration::from_secs(self.settings.server.stop_wait_s)).await;
        for db in self.databases.iter() {
            db.close().await;
        }
    }
}

/// How often the gate forgets clients that have not come for a while.
const FORGET_CLIENTS_EVERY: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// Whether a carrier carries parcels, and not the shop's own staff.
fn has_carrier(settings: &Settings) -> bool {
    settings.order.carrier == CarrierName::Sandbox
}

/// Who carries parcels.
fn logistics(settings: &Settings, order: &Db, carrier: &Carrier) -> Arc<dyn Logistics> {
    let wait = Duration::from_millis(settings.order.carrier_wait_ms);
    match settings.order.carrier {
        CarrierName::Manual => Arc::new(ManualFulfilment::new(order.clone())),
        CarrierName::Sandbox => {
            Arc::new(CarrierFulfilment::new(order.clone(), Arc::new(carrier.clone()), wait))
        }
    }
}

fn saga_settings(settings: &Settings, node: &str) -> platform::saga::Settings {
    let saga = &settings.saga;
    platform::saga::Settings {
        node: node.to_owned(),
        lease: Duration::from_millis(saga.lease_ms),
        poll: Duration::from_millis(saga.poll_ms),
        policy: Policy {
            attempts_max: saga.attempts_max,
            undo_attempts_max: saga.undo_attempts_max,
            pause: TimeDelta::milliseconds(saga.pause_ms),
            pause_max: TimeDelta::milliseconds(saga.pause_max_ms),
        },
    }
}

fn bus_settings(settings: &Settings, node: &str) -> platform::bus::Settings {
    let bus = &settings.bus;
    platform::bus::Settings {
        node: node.to_owned(),
        poll: Duration::from_millis(bus.poll_ms),
        linger: Duration::from_millis(bus.linger_ms),
        batch: bus.batch,
        lease: Duration::from_millis(bus.lease_ms),
        effect_wait: Duration::from_millis(bus.effect_wait_ms),
        attempts_max: bus.attempts_max,
        retry_max: Duration::from_millis(bus.retry_max_ms),
    }
}
