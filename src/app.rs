//! The composition root: settings become adapters, adapters become modules, modules become a
//! running shop. Only this file and those of `app/` know what
//! stands behind a port.

mod background;
mod databases;
mod payments;
mod people;
mod web;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use analytics::Analytics;
use auth::Accounts;
use carrier::Carrier;
use catalog::Catalog;
use credit::Credits;
use fraud::Fraud;
use inventory::Inventory;
use kernel::Clock;
use kernel::id::EventId;
use kernel::ports::{Logistics, Mailer};
use ledger::Ledger;
use messages::Messages;
use notary::Notary;
use order::{CarrierFulfilment, CarrierName, ManualFulfilment, Orders, TaxTable};
use payment::{Payments, Sandbox};
use platform::bus::Bus;
use platform::chaos;
use platform::module::Schema;
use platform::personal::People;
use platform::redis::Redis;
use platform::replica::Replica;
use platform::sql::{Db, Error, Result};
use platform::tasks::Tasks;
use privacy::Privacy;
use vault::{KeyFiles, LocalKeys, Vault};

pub use crate::app::background::bus_settings;
use crate::app::background::saga_settings;
use crate::app::databases::{make_folder, replica};
pub use crate::app::databases::{open_database, open_databases, open_migrated};
pub use crate::app::payments::sandbox_terms;
use crate::app::payments::{keeper, processed};
use crate::command::Failure;
use crate::mailer::mailer;
use crate::settings::{Role, Settings};

/// The schemas of the house, each with a database of its own.
pub const SCHEMAS: [Schema; 15] = [
    auth::SCHEMA,
    catalog::SCHEMA,
    inventory::SCHEMA,
    order::SCHEMA,
    payment::SCHEMA,
    payment::SANDBOX_SCHEMA,
    analytics::SCHEMA,
    messages::SCHEMA,
    carrier::SCHEMA,
    ledger::SCHEMA,
    fraud::SCHEMA,
    notary::SCHEMA,
    vault::SCHEMA,
    credit::SCHEMA,
    privacy::SCHEMA,
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
    /// Gift cards and store credit.
    pub credits: Credits,
    /// The keys of people.
    pub privacy: Privacy,
    /// How likely what is paid is fraud.
    pub fraud: Fraud,
    /// What it all adds up to.
    pub analytics: Analytics,
    /// What its customers are told.
    pub messages: Messages,
    /// Who carries its parcels, if it is the sandbox.
    pub carrier: Carrier,
    /// What its money did.
    pub ledger: Ledger,
    /// What nobody changes unnoticed.
    pub notary: Notary,
    /// Where cards are kept, in a process that has this role.
    pub vault: Option<Vault>,
    /// What nodes share beside the databases.
    redis: Option<Redis>,
    /// Where pages are read, if it has come far enough.
    replica: Option<Replica>,
    /// Who this process is among the nodes.
    node: String,
    databases: Arc<Vec<Db>>,
    clock: Clock,
    /// Whether it was asked to stop.
    leaving: Arc<AtomicBool>,
}

impl Shop {
    /// Puts a shop together that will serve, with its databases up to date and nothing running yet.
    pub async fn open(settings: Settings) -> std::result::Result<Self, Failure> {
        let serving = !settings.is_vault_alone();
        let databases = Box::pin(open_databases(&settings, &chaos::clock())).await?;
        Box::pin(Self::put_together(settings, databases, serving)).await
    }

    /// Puts a shop together for a command, beside a server that may be running and has the search
    /// index.
    pub async fn beside(settings: Settings) -> std::result::Result<Self, Failure> {
        let databases = Box::pin(open_databases(&settings, &Clock::system())).await?;
        Box::pin(Self::over(settings, databases)).await
    }

    /// The same over databases that are open, in the order of [`SCHEMAS`], and up to date.
    pub async fn over(
        mut settings: Settings,
        databases: Vec<Db>,
    ) -> std::result::Result<Self, Failure> {
        // A command where the vault's keys are not opens no card, and makes no keys of its own.
        if !KeyFiles::vault(&settings.vault_keys_folder()).exist() {
            settings.server.roles.retain(|role| *role != Role::Vault);
        }
        Box::pin(Self::put_together(settings, databases, false)).await
    }

    async fn put_together(
        settings: Settings,
        databases: Vec<Db>,
        serving: bool,
    ) -> std::result::Result<Self, Failure> {
        let (settings, clock, tasks) = (Arc::new(settings), chaos::clock(), Tasks::default());
        let redis = if serving { Redis::open(&settings.redis)? } else { None };
        let replica = if serving { replica(&settings, &clock)? } else { None };
        let [auth, catalog, inventory, order, payment, sandbox, analytics, rest @ ..] =
            every(&databases)?;
        let [messages, carrier, ledger, fraud, notary, vault, credit, privacy] = rest;
        let privacy = kept_private(privacy, &settings, [&auth, &order, &payment, &fraud]).await?;

        let folder = &settings.server.data_dir;
        let mailer = mailer(&settings.mail, &folder.join("mail"), &clock)?;
        let accounts =
            Accounts::open(auth, settings.auth.clone(), &settings.keys_folder(), mailer.clone())
                .await?;
        let catalog = stocked(catalog, &settings, serving, (&redis, &replica)).await?;
        let inventory = Inventory::new(inventory, settings.inventory.clone());
        let sandbox = Sandbox::new(sandbox, &settings.payment.sandbox)?;
        let sandbox = Arc::new(sandbox.settling(sandbox_terms(settings.ledger)));
        let vault = keeper(vault, &settings, sandbox.clone()).await?;
        let payments = Payments::new(payment, sandbox, settings.payment.clone());
        let payments = processed(payments, &settings, &clock)?;
        let fraud = Fraud::open(fraud, settings.fraud.clone(), Arc::new(accounts.clone()))?;
        let payments = scored(payments, &fraud, &settings);
        let credits = Credits::new(credit, settings.credit, Arc::new(accounts.clone()));
        let carrier = Carrier::open(carrier, settings.carrier.clone()).await?;
        let taxes = TaxTable::new(order.clone(), settings.order.tax_percent.clone());
        let ports = order::Ports {
            catalog: Arc::new(catalog.clone()),
            stock: Arc::new(inventory.clone()),
            payments: Arc::new(payments.clone()),
            credit: Arc::new(credits.clone()),
            logistics: logistics(&settings, &order, &carrier),
            history: vec![
                Arc::new(payments.clone()),
                Arc::new(credits.clone()),
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
        let ledger = Ledger::new(ledger, settings.ledger)
            .asking(Arc::new(payments.clone()), settings.settlements);
        let messages = telling(messages, &settings, mailer, (&orders, &accounts))?;
        let ports = notary::Ports {
            modules: databases.clone(),
            vault: Arc::new(accounts.clone()),
            node: node.clone(),
        };
        let notary = sealing(notary, &settings, ports)?;

        let subscriptions = [
            accounts.subscriptions(),
            catalog.subscriptions(),
            inventory.subscriptions(),
            orders.subscriptions(),
            payments.subscriptions(),
            credits.subscriptions(),
            privacy.subscriptions(),
            notary.subscriptions(),
            analytics.subscriptions(),
            fraud.subscriptions(),
            messages.subscriptions(),
            ledger.subscriptions(),
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
            credits,
            privacy,
            fraud,
            analytics,
            messages,
            carrier,
            ledger,
            notary,
            vault,
            redis,
            replica,
            node,
            databases,
            clock,
            leaving: Arc::default(),
        })
    }

    /// Says that this process is about to stop: whoever asks whether it is ready is told no.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::SeqCst);
    }

    /// Whether it is about to stop.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    /// Who this process is among the nodes.
    pub fn node(&self) -> &str {
        &self.node
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
}

/// Whether a carrier carries parcels, and not the shop's own staff.
fn has_carrier(settings: &Settings) -> bool {
    settings.order.carrier == CarrierName::Sandbox
}

/// Payments, decided about if the shop wants that.
fn scored(payments: Payments, fraud: &Fraud, settings: &Settings) -> Payments {
    if !settings.fraud.enabled {
        return payments;
    }
    if !fraud.knows_countries() {
        tracing::info!(
            "fraud.countries names no file: nobody asks which country an order comes from"
        );
    }
    payments.scored(Arc::new(fraud.clone()))
}

/// One database for each of [`SCHEMAS`].
fn every(databases: &[Db]) -> Result<[Db; SCHEMAS.len()]> {
    let missing = |_| Error::Unusable("a schema has no database".to_owned());
    databases.to_owned().try_into().map_err(missing)
}

/// What is sold, with the search index of this node if it serves.
async fn stocked(
    db: Db,
    settings: &Settings,
    serving: bool,
    (redis, replica): (&Option<Redis>, &Option<Replica>),
) -> std::result::Result<Catalog, Failure> {
    let catalog = if serving {
        let index = settings.server.data_dir.join("search");
        Catalog::open(db, settings.catalog.clone(), &index).await?
    } else {
        Catalog::new(db, settings.catalog.clone())
    };
    let mut catalog = catalog.with_files(settings.shared_folder());
    if let Some(redis) = redis.as_ref().filter(|_| settings.redis.pages) {
        catalog = catalog.sharing_pages(redis.clone());
    }
    if let Some(replica) = replica {
        catalog = catalog.reading_from(replica.clone());
    }
    Ok(catalog)
}

/// What customers and their systems are told.
fn telling(
    db: Db,
    settings: &Settings,
    mailer: Arc<dyn Mailer>,
    (orders, accounts): (&Orders, &Accounts),
) -> std::result::Result<Messages, Failure> {
    let ports = messages::Ports {
        mailer,
        orders: Arc::new(orders.clone()),
        people: Arc::new(accounts.clone()),
        vault: Arc::new(accounts.clone()),
    };
    Ok(Messages::open(db, &settings.messages, &settings.auth.site_url, ports)?)
}

/// The log that nobody changes unnoticed.
fn sealing(
    db: Db,
    settings: &Settings,
    ports: notary::Ports,
) -> std::result::Result<Notary, Failure> {
    let (log, keys) = (settings.ledger_folder(), settings.keys_folder());
    Ok(Notary::open(db, &settings.notary, &log, &keys, ports)?)
}

/// The keys of people, under which these databases seal what is personal, or by which they know who was erased.
async fn kept_private(
    db: Db,
    settings: &Settings,
    people: [&Db; 4],
) -> std::result::Result<Privacy, Failure> {
    make_folder(&settings.keys_folder())?;
    let files = KeyFiles::people(&settings.keys_folder());
    let wrapping = if Privacy::has_keys(&db).await? {
        LocalKeys::open_again(files)?
    } else {
        LocalKeys::open(files)?
    };
    let privacy = Privacy::open(db, Arc::new(wrapping)).await?;
    for db in people {
        db.keep_people(People::new(Arc::new(privacy.clone())));
    }
    Ok(privacy)
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
