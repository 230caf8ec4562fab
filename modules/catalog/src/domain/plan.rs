use std::collections::{BTreeMap, HashMap};

use chrono::SubsecRound;
use kernel::id::ProductId;
use kernel::problem::FieldError;
use kernel::{Currency, Money, Timestamp};

use super::{
    Change, Content, Definitions, ImportRow, LineError, NewProduct, Product, Status, TAX_CATEGORY,
    change, check, is_slug, slug_of,
};

/// What is stored already of what a batch names.
#[derive(Default)]
pub(crate) struct Known {
    /// Products by SKU: those of the rows and their parents.
    pub products: HashMap<String, Product>,
    /// Whose the slugs are, or were, that the batch would like to have.
    pub slugs: HashMap<String, ProductId>,
    pub definitions: Definitions,
}

/// What a batch of import rows comes to.
#[derive(Default)]
pub(crate) struct Plan {
    pub inserts: Vec<NewProduct>,
    pub updates: Vec<Update>,
    pub unchanged: u64,
    /// Former slugs that are new.
    pub former_slugs: Vec<(ProductId, Vec<String>)>,
    pub errors: Vec<LineError>,
}

/// A product that exists and is to be changed.
pub(crate) struct Update {
    pub before: Content,
    /// The product as it shall be; revision and version are still those that were read.
    pub product: Product,
    pub change: Change,
    pub slug_changed: bool,
}

/// The slugs that a row would like to have, former ones too.
pub(crate) fn wanted_slugs(row: &ImportRow) -> impl Iterator<Item = String> {
    let made = || row.name.as_ref().map(|name| slug_of(name, &row.sku));
    let own = row.slug.clone().or_else(made);
    own.into_iter().chain(row.former_slugs.iter().flatten().cloned())
}

/// Decides what to do with a batch in which no SKU comes twice.
pub(crate) fn plan(
    batch: Vec<(u64, ImportRow)>,
    mut known: Known,
    currency: Currency,
    now: Timestamp,
    mut new_id: impl FnMut() -> ProductId,
) -> Plan {
    let mut plan = Plan::default();
    for (line, row) in batch {
        let sku = row.sku.clone();
        let former = new_slugs(&row, &known);
        let decided = match known.products.get(&sku) {
            Some(before) => existing(row, before, &known, !former.is_empty()).map(Decision::from),
            None => created(row, &known, currency, now, &mut new_id)
                .map(|new| Decision::Insert(Box::new(new))),
        };
        let decided = decided.and_then(|decision| free_slugs(decision, &former, &mut known.slugs));
        if let Some(id) = decided.as_ref().ok().and_then(Decision::product).map(|one| one.id)
            && !former.is_empty()
        {
            plan.former_slugs.push((id, former));
        }
        match decided {
            Ok(Decision::Insert(new)) => {
                known.products.insert(sku, new.product.clone());
                plan.inserts.push(*new);
            }
            Ok(Decision::Update(update)) => plan.updates.push(*update),
            Ok(Decision::Nothing) => plan.unchanged += 1,
            Err(errors) => plan.errors.extend(errors.into_iter().map(|error| LineError {
                line,
                field: error.field,
                message: error.message,
            })),
        }
    }
    plan
}

enum Decision {
    Insert(Box<NewProduct>),
    Update(Box<Update>),
    Nothing,
}

impl Decision {
    fn product(&self) -> Option<&Product> {
        match self {
            Self::Insert(new) => Some(&new.product),
            Self::Update(update) => Some(&update.product),
            Self::Nothing => None,
        }
    }
}

impl From<Option<Update>> for Decision {
    fn from(update: Option<Update>) -> Self {
        update.map_or(Self::Nothing, |update| Self::Update(Box::new(update)))
    }
}

/// The former slugs of a row that do not lead to its product yet.
fn new_slugs(row: &ImportRow, known: &Known) -> Vec<String> {
    let id = known.products.get(&row.sku).map(|product| product.id);
    let is_new = |slug: &&String| id.is_none() || known.slugs.get(*slug).copied() != id;
    row.former_slugs.iter().flatten().filter(is_new).cloned().collect()
}

/// Refuses what wants the slug of another product, and notes whose the slugs are now.
fn free_slugs(
    decision: Decision,
    former: &[String],
    slugs: &mut HashMap<String, ProductId>,
) -> Result<Decision, Refused> {
    let Some(product) = decision.product() else { return Ok(decision) };
    let keeps_slug = matches!(&decision, Decision::Update(update) if !update.slug_changed);
    let own = product.content.slug.as_ref().filter(|_| !keeps_slug);
    if let Some(slug) = former.iter().find(|slug| !is_slug(slug)) {
        return Err(refuse("former_slugs", &format!("{slug:?} is no slug")));
    }
    let wanted = own.map(|slug| ("slug", slug));
    let wanted = wanted.into_iter().chain(former.iter().map(|slug| ("former_slugs", slug)));
    for (field, slug) in wanted.clone() {
        if slugs.get(slug).is_some_and(|owner| *owner != product.id) {
            return Err(refuse(field, &format!("{slug:?} belongs to another product, or did")));
        }
    }
    slugs.extend(wanted.map(|(_, slug)| (slug.clone(), product.id)));
    Ok(decision)
}

type Refused = Vec<FieldError>;

fn refuse(field: &str, message: &str) -> Refused {
    vec![FieldError { field: field.to_owned(), message: message.to_owned() }]
}

fn parent<'k>(row: &ImportRow, known: &'k Known) -> Result<Option<&'k Product>, Refused> {
    let Some(sku) = &row.parent_sku else { return Ok(None) };
    let missing = "must be the sku of a product that exists or comes earlier in the file";
    let parent = known.products.get(sku).ok_or_else(|| refuse("parent_sku", missing))?;
    if parent.parent_id.is_some() || *sku == row.sku {
        return Err(refuse("parent_sku", "must be a product that is no variant itself"));
    }
    if parent.is_bundled {
        return Err(refuse("parent_sku", "must be no bundle, and no part of one"));
    }
    Ok(Some(parent))
}

fn created(
    row: ImportRow,
    known: &Known,
    currency: Currency,
    now: Timestamp,
    new_id: &mut impl FnMut() -> ProductId,
) -> Result<NewProduct, Refused> {
    let parent = parent(&row, known)?;
    let currency = parent.map_or(currency, |parent| parent.content.price.currency());
    let blank = Content {
        sku: row.sku.clone(),
        name: parent.map(|parent| parent.content.name.clone()).unwrap_or_default(),
        description: String::new(),
        price: Money::zero(row.currency.unwrap_or(currency)),
        brand: parent.map(|parent| parent.content.brand.clone()).unwrap_or_default(),
        categories: Vec::new(),
        attributes: BTreeMap::new(),
        options: BTreeMap::new(),
        images: Vec::new(),
        status: Status::Active,
        publish_at: None,
        slug: None,
        tax_category: parent
            .map_or_else(|| TAX_CATEGORY.to_owned(), |parent| parent.content.tax_category.clone()),
        weight_g: parent.and_then(|parent| parent.content.weight_g),
        barcode: None,
        translations: BTreeMap::new(),
    };
    if row.price.is_none() {
        return Err(refuse("price", "must be there for a new product"));
    }
    let (parent_id, opening_stock) = (parent.map(|parent| parent.id), row.stock);
    let content = merged(row, &blank, parent_id.is_some(), &known.definitions)?;
    let product = Product {
        id: new_id(),
        parent_id,
        public: content.price.into(),
        content,
        available: 0,
        backorderable: 0,
        available_from: None,
        is_bundled: false,
        revision: 1,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    Ok(NewProduct { product, opening_stock })
}

fn existing(
    row: ImportRow,
    before: &Product,
    known: &Known,
    has_new_slugs: bool,
) -> Result<Option<Update>, Refused> {
    if let Some(parent) = parent(&row, known)?
        && before.parent_id != Some(parent.id)
    {
        return Err(refuse("parent_sku", "a product keeps its parent"));
    }
    let is_variant = before.parent_id.is_some();
    let content = merged(row, &before.content, is_variant, &known.definitions)?;
    let change = match change(&before.content, &content) {
        Change::Nothing if !has_new_slugs => return Ok(None),
        Change::Nothing => Change::Content,
        change => change,
    };
    let slug_changed = content.slug != before.content.slug;
    let product = Product { content, ..before.clone() };
    let before = before.content.clone();
    Ok(Some(Update { before, product, change, slug_changed }))
}

/// `base` with everything the row says, checked.
fn merged(
    row: ImportRow,
    base: &Content,
    is_variant: bool,
    definitions: &Definitions,
) -> Result<Content, Refused> {
    let currency = row.currency.unwrap_or(base.price.currency());
    let price = match row.price {
        Some(amount) => {
            Money::new(amount, currency).map_err(|error| refuse("price", &error.to_string()))?
        }
        None if currency == base.price.currency() => base.price,
        None => return Err(refuse("price", "must be there when the currency changes")),
    };
    let name = row.name.unwrap_or_else(|| base.name.clone());
    let own = row.slug.or_else(|| base.slug.clone());
    let made = || (!is_variant).then(|| slug_of(&name, &row.sku));
    let content = Content {
        slug: own.or_else(made),
        sku: row.sku,
        name,
        description: row.description.unwrap_or_else(|| base.description.clone()),
        price,
        brand: row.brand.unwrap_or_else(|| base.brand.clone()),
        categories: row.categories.unwrap_or_else(|| base.categories.clone()),
        attributes: row.attributes.unwrap_or_else(|| base.attributes.clone()),
        options: row.options.unwrap_or_else(|| base.options.clone()),
        images: row.images.unwrap_or_else(|| base.images.clone()),
        status: row.status.unwrap_or(base.status),
        publish_at: row.publish_at.map(|at| at.trunc_subsecs(6)).or(base.publish_at),
        tax_category: row.tax_category.unwrap_or_else(|| base.tax_category.clone()),
        weight_g: row.weight_g.or(base.weight_g),
        barcode: row.barcode.or_else(|| base.barcode.clone()),
        translations: row.translations.unwrap_or_else(|| base.translations.clone()),
    };
    let errors = check(&content, definitions);
    if errors.is_empty() { Ok(content) } else { Err(errors) }
}
