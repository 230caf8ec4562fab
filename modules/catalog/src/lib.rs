//! The catalogue: products, their variants, import and search.
//!
//! What it promises: a product, its event and its version change in one commit; of two editors who
//! read the same version one wins and the other is told; a refused product leaves nothing behind;
//! an import that was killed goes on where it stopped and creates nothing twice; the search index
//! can be lost at any time, because it is made from the products and the events.

pub mod domain;
pub mod error;
mod export;
mod http;
mod import;
mod media;
mod pages;
mod reach;
mod react;
mod search;
mod settings;
mod shared;
mod store;
mod tasks;
mod usecase;
mod verify;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use actix_web::web;
use kernel::Event;
use kernel::events::StockAdjusted;
use kernel::id::ProductId;
use platform::audit::{self, Actor, Entry, Place, Recorded};
use platform::bus::Subscription;
use platform::module::Schema;
use platform::outbox;
use platform::redis::Redis;
use platform::replica::Replica;
use platform::sql::{self, Db};
use platform::verify::Check;
use uuid::Uuid;

pub use domain::Kind as AttributeKind;
pub use domain::{
    Applied, Attribute, AttributeInput, Candidate, Card, Category, CategoryInput, CategoryNode,
    Collection, CollectionInput, FieldWeight, Listed, ListedInput, Market, MarketInput, Part,
    PartInput, PriceList, PriceListInput, Product, ProductInput, Ranking, Relation, RelationKind,
    Synonym, SynonymInput, SynonymKind, Verdict,
};
pub use error::{Error, Result};
pub use export::Export;
pub use http::openapi;
pub use import::{ERRORS_MAX, Format, Import, ImportError, Progress, Report, Source};
pub use media::Settings as ImageSettings;
pub use pages::Settings as CacheSettings;
pub use search::{
    Audience, Explanation, FacetValue, Facets, PriceBucket, PriceFacet, SearchError, StockFacet,
};
pub use settings::{SearchSettings, Settings};
pub use usecase::list::{After, Item, List, ListQuery, Sort};
pub use usecase::pricing::{Price, PriceQuery};
pub use usecase::{BulkItem, BulkStatus, Derivation, PricesImported, Put};

use import::ImportFolder;
use media::Media;
use pages::Pages;
use search::SearchIndex;
use shared::Shared;
use usecase::searches::Searches;

platform::migrations! {
    "catalog": "0001_catalog", "0002_products", "0003_categories", "0004_prices",
    "0005_media_and_jobs", "0006_search", "0007_collections", "0009_synonyms",
    "0010_sold", "0011_price_history_ended", "0012_attribute_kinds",
    "0013_lists_by_search", "0014_import_key", "0015_tax_rounding", "0016_stock",
    "0017_safety_stock", "0018_backorder", "0019_bundles"
}

/// The catalogue's tables and statements.
pub const SCHEMA: Schema = Schema {
    module: "catalog",
    migrations: MIGRATIONS,
    statements: &[
        store::products::STATEMENTS,
        store::stock::STATEMENTS,
        store::attributes::STATEMENTS,
        store::bundles::STATEMENTS,
        store::popularity::STATEMENTS,
        store::categories::STATEMENTS,
        store::collections::STATEMENTS,
        store::related::STATEMENTS,
        store::slugs::STATEMENTS,
        store::synonyms::STATEMENTS,
        store::listing::STATEMENTS,
        store::markets::STATEMENTS,
        store::price_history::STATEMENTS,
        store::price_lists::STATEMENTS,
        store::pricing::STATEMENTS,
        store::searching::STATEMENTS,
        store::imports::STATEMENTS,
        store::images::STATEMENTS,
        store::jobs::STATEMENTS,
        store::exports::STATEMENTS,
        verify::STATEMENTS,
    ],
    guards: &[],
};

/// The subscription that tells the catalogue of stock, and whose events it hears.
pub const STOCK: (&str, &str) = ("catalog.stock", StockAdjusted::SOURCE);
/// The most names a suggestion has.
pub const SUGGESTIONS_MAX: usize = 10;
/// The most products whose offers can be asked for at once.
pub const OFFERS_MAX: usize = 1_000;

/// How many products are shown at a time.
const PUBLISH_BATCH: i64 = 500;

/// What a text may become.
#[derive(Debug, Clone, Default)]
pub struct Suggestions {
    /// Products, the best first: id, SKU, name.
    pub products: Vec<(ProductId, String, String)>,
    /// Texts that find something, the most usual first.
    pub texts: Vec<String>,
}

/// The catalogue. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    db: Db,
    settings: Settings,
    search: Option<SearchIndex>,
    media: Option<Media>,
    imports: Option<ImportFolder>,
    pages: Pages,
    replica: Option<Replica>,
    searches: Searches,
}

impl Catalog {
    /// The catalogue over its database, without a search index: for commands beside a running
    /// server, which has the index.
    pub fn new(db: Db, settings: Settings) -> Self {
        let pages = Pages::new(settings.cache);
        let searches = Searches::default();
        let (search, media, imports, replica) = (None, None, None, None);
        Self { db, settings, search, media, imports, pages, replica, searches }
    }

    /// The catalogue with the search index of this node, which is in a folder of its own. A folder
    /// that is missing or broken is replaced; [`Catalog::start`] fills it.
    pub async fn open(
        db: Db,
        settings: Settings,
        index_folder: &Path,
    ) -> std::result::Result<Self, SearchError> {
        let SearchSettings { languages, ranking } = settings.search.clone();
        let search = Some(SearchIndex::open(index_folder, languages, ranking).await?);
        Ok(Self { search, ..Self::new(db, settings) })
    }

    /// The same catalogue with the files that are in a data folder: uploaded images, and what
    /// is to be imported. Nodes that serve one shop share its folder `media`.
    #[must_use]
    pub fn with_files(mut self, data_folder: &Path) -> Self {
        self.media = Some(Media::new(data_folder.join("media")));
        self.imports = Some(ImportFolder::new(data_folder.join("imports")));
        self
    }

    /// The same catalogue with pages of products that nodes share. To be said before anything is subscribed or answered.
    #[must_use]
    pub fn sharing_pages(mut self, redis: Redis) -> Self {
        self.pages = self.pages.sharing(Shared::new(redis, self.db.clock().clone()));
        self
    }

    /// The same catalogue with a replica of its database, of which pages are made if it has come far enough.
    #[must_use]
    pub fn reading_from(self, replica: Replica) -> Self {
        Self { replica: Some(replica), ..self }
    }

    /// The same catalogue with another ranking, over the same search index.
    #[must_use]
    pub fn ranked(&self, ranking: Ranking) -> Self {
        let search = self.search.as_ref().map(|search| search.ranked(ranking));
        Self { search, ..self.clone() }
    }

    /// Its endpoints.
    pub fn routes(&self, config: &mut web::ServiceConfig) {
        http::routes(self, config);
    }

    /// Paths and schemas of its endpoints.
    pub fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    /// What it wants to hear of.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let stock = react::stock::Stock { pages: self.pages.clone() };
        vec![
            Subscription::reaction(STOCK.0, &self.db, react::stock::TOPICS, stock),
            Subscription::reaction(
                "catalog.sales",
                &self.db,
                react::sales::TOPICS,
                react::sales::Sales,
            ),
        ]
    }

    /// Shows products whose time has come, a batch of them: how many it were.
    pub async fn publish(&self) -> sql::Result<i64> {
        usecase::publish::publish(&self.db).await
    }

    /// Checks its books.
    pub async fn verify(&self) -> sql::Result<Vec<Check>> {
        verify::verify(&self.db, self.search.as_ref()).await
    }

    /// Creates a product.
    pub async fn create(&self, input: ProductInput, actor: &Actor) -> Result<Product> {
        let mut tx = self.db.begin("catalog.create").await?;
        let product = usecase::create::create(&mut tx, input, actor).await?;
        tx.commit().await?;
        Ok(product)
    }

    /// Replaces a product that no editor has changed since `revision`; [`Error::Stale`] tells the
    /// revision it is in.
    pub async fn update(
        &self,
        id: ProductId,
        revision: i64,
        input: ProductInput,
        actor: &Actor,
    ) -> Result<Product> {
        usecase::update::update(&self.db, id, revision, actor, |_| Ok(input)).await
    }

    /// Changes what a JSON merge patch (RFC 7396) says of a product that no editor has changed
    /// since `revision`.
    pub async fn patch(
        &self,
        id: ProductId,
        revision: i64,
        patch: serde_json::Value,
        actor: &Actor,
    ) -> Result<Product> {
        let patched = |before: &Product| usecase::patch::patched(before, &patch);
        usecase::update::update(&self.db, id, revision, actor, patched).await
    }

    /// Takes a product out of the shop, if no revision is given or it still is in it; nothing
    /// happens when it is out already.
    pub async fn archive(&self, id: ProductId, revision: Option<i64>, actor: &Actor) -> Result<()> {
        usecase::archive::archive(&self.db, id, revision, actor).await
    }

    /// What was done to anything of the catalogue, the newest first, from before the entry `seq`.
    pub async fn history(
        &self,
        subject: Uuid,
        before: Option<Place>,
        limit: u32,
    ) -> Result<Vec<Recorded>> {
        Ok(audit::history(&self.db, subject, before, i64::from(limit)).await?)
    }

    /// How far the catalogue's events have come: whoever wrote before this is in them. A search that
    /// has to see a change waits until its index has come as far.
    pub async fn position(&self) -> sql::Result<i64> {
        while outbox::sequence(&self.db).await? > 0 {}
        outbox::last(&self.db).await
    }

    /// The edition of the search index that lists are made of.
    fn latest_edition(&self) -> Option<Uuid> {
        self.search.as_ref().map(SearchIndex::latest_edition)
    }

    /// Whether this node follows the changes, so that pages are kept ready.
    pub fn follows(&self) -> bool {
        self.pages.follows()
    }

    /// Waits until what this node answers is as new as a position of the events, but no longer than
    /// `at_most`.
    pub async fn wait_for(&self, position: i64, at_most: Duration) {
        self.pages.wait_for(position, at_most).await;
    }

    /// Where a present or former slug leads: the product, and its slug now.
    pub async fn leads_to(&self, slug: &str) -> Result<(ProductId, Option<String>)> {
        let found = store::slugs::leads_to(&self.db, slug).await?.ok_or(Error::NotFound)?;
        Ok((found.0.into(), found.1))
    }

    /// A product in any status, for the staff.
    pub async fn find(&self, id: ProductId) -> Result<Product> {
        store::products::read(&self.db, id).await?.ok_or(Error::NotFound)
    }

    /// A page of the products that shoppers see.
    pub async fn list(&self, query: ListQuery) -> Result<List> {
        usecase::list::list(self, query).await
    }

    /// What a text that is still being written may become: products by id, SKU and name, and
    /// texts.
    pub async fn suggest(&self, text: String) -> Result<Suggestions> {
        let search = self.search.as_ref().ok_or(SearchError::NotBuilt)?;
        let suggested = search.suggest(text, SUGGESTIONS_MAX).await?;
        let names = store::searching::names(&self.db, suggested.ids.clone()).await?;
        let mut names: HashMap<Uuid, (String, String)> =
            names.into_iter().map(|(id, sku, name)| (id, (sku, name))).collect();
        let products = suggested.ids.into_iter().filter_map(|id| {
            let (sku, name) = names.remove(&id)?;
            Some((id.into(), sku, name))
        });
        Ok(Suggestions { products: products.collect(), texts: suggested.texts })
    }

    /// Creates and changes products as a file says, and tells how far it has come. Killed and run
    /// again with the same file it goes on where it stopped; run again after its end it changes
    /// only what differs.
    pub async fn import(
        &self,
        file: &mut dyn Source,
        how: impl Into<Import>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> std::result::Result<Report, ImportError> {
        usecase::import::import(&self.db, self.settings.currency, file, how.into(), progress).await
    }

    /// All products in every status, as a file that [`Catalog::import`] reads: imported into the
    /// same shop it changes nothing.
    pub fn export(&self, format: Format) -> Export {
        Export::products(self.db.clone(), format)
    }

    /// Everything that is defined besides products and prices, as JSON lines of `kind` and
    /// `definition`, which is what its endpoint takes.
    pub fn export_definitions(&self) -> Export {
        Export::definitions(self.db.clone())
    }

    /// Asks every node to build its search index again; any process may.
    pub async fn request_search_rebuild(db: &Db, actor: &Actor) -> sql::Result<()> {
        let mut tx = db.begin("catalog.search_rebuild").await?;
        store::searching::next_generation(&mut tx).await?;
        let told = serde_json::json!({"index": "search"});
        let entry = Entry::done("search.rebuild", audit::named("index", "search"), &told)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        tx.commit().await
    }

    /// Brings the search index of this node up to date, if it has one.
    pub async fn refresh_search(&self) -> Result<()> {
        if let Some(search) = &self.search {
            while search.follow(&self.db).await? {}
        }
        Ok(())
    }

    /// Whether this node can list and search products: its index was built.
    pub fn can_search(&self) -> bool {
        self.search.as_ref().is_some_and(|search| search.position().is_some())
    }

    /// Whether the search index of this node has all that is committed.
    pub async fn search_caught_up(&self) -> Result<bool> {
        match &self.search {
            Some(search) => Ok(search.caught_up(&self.db).await?),
            None => Ok(false),
        }
    }

    /// How many products shoppers see, variants not counted.
    pub async fn product_count(&self) -> sql::Result<u64> {
        Ok(store::products::count_shown(&self.db).await?.unsigned_abs())
    }
}
