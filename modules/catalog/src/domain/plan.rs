use std::collections::{BTreeMap, HashMap};

use kernel::id::ProductId;
use kernel::problem::FieldError;
use kernel::{Currency, Money, Timestamp};

use super::{Change, Content, ImportRow, LineError, NewProduct, Product, Status, change, check};

/// What a batch of import rows comes to.
#[derive(Default)]
pub(crate) struct Plan {
    pub inserts: Vec<NewProduct>,
    pub updates: Vec<Update>,
    pub unchanged: u64,
    pub errors: Vec<LineError>,
}

/// A product that exists and is to be changed.
pub(crate) struct Update {
    /// The product as it shall be; its version is still the one that was read.
    pub product: Product,
    pub change: Change,
    pub categories_changed: bool,
}

/// Decides what to do with a batch in which no SKU comes twice. `known` are the stored products
/// that the batch names, as itself or as a parent.
pub(crate) fn plan(
    batch: Vec<(u64, ImportRow)>,
    mut known: HashMap<String, Product>,
    currency: Currency,
    now: Timestamp,
    mut new_id: impl FnMut() -> ProductId,
) -> Plan {
    let mut plan = Plan::default();
    for (line, row) in batch {
        let sku = row.sku.clone();
        let decided = match known.get(&sku) {
            Some(before) => existing(row, before, &known).map(Decision::from),
            None => created(row, &known, currency, now, &mut new_id).map(Decision::Insert),
        };
        match decided {
            Ok(Decision::Insert(new)) => {
                known.insert(sku, new.product.clone());
                plan.inserts.push(new);
            }
            Ok(Decision::Update(update)) => plan.updates.push(update),
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
    Insert(NewProduct),
    Update(Update),
    Nothing,
}

impl From<Option<Update>> for Decision {
    fn from(update: Option<Update>) -> Self {
        update.map_or(Self::Nothing, Self::Update)
    }
}

type Refused = Vec<FieldError>;

fn refuse(field: &str, message: &str) -> Refused {
    vec![FieldError { field: field.to_owned(), message: message.to_owned() }]
}

fn parent<'k>(
    row: &ImportRow,
    known: &'k HashMap<String, Product>,
) -> Result<Option<&'k Product>, Refused> {
    let Some(sku) = &row.parent_sku else { return Ok(None) };
    let missing = "must be the sku of a product that exists or comes earlier in the file";
    let parent = known.get(sku).ok_or_else(|| refuse("parent_sku", missing))?;
    if parent.parent_id.is_some() || *sku == row.sku {
        return Err(refuse("parent_sku", "must be a product that is no variant itself"));
    }
    Ok(Some(parent))
}

fn created(
    row: ImportRow,
    known: &HashMap<String, Product>,
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
    };
    if row.price.is_none() {
        return Err(refuse("price", "must be there for a new product"));
    }
    let (parent_id, opening_stock) = (parent.map(|parent| parent.id), row.stock);
    let content = merged(row, &blank)?;
    let product = Product {
        id: new_id(),
        parent_id,
        content,
        available: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    Ok(NewProduct { product, opening_stock })
}

fn existing(
    row: ImportRow,
    before: &Product,
    known: &HashMap<String, Product>,
) -> Result<Option<Update>, Refused> {
    if let Some(parent) = parent(&row, known)?
        && before.parent_id != Some(parent.id)
    {
        return Err(refuse("parent_sku", "a product keeps its parent"));
    }
    let content = merged(row, &before.content)?;
    let change = change(&before.content, &content);
    if change == Change::Nothing {
        return Ok(None);
    }
    let categories_changed = content.categories != before.content.categories;
    Ok(Some(Update { product: Product { content, ..before.clone() }, change, categories_changed }))
}

/// `base` with everything the row says, checked.
fn merged(row: ImportRow, base: &Content) -> Result<Content, Refused> {
    let currency = row.currency.unwrap_or(base.price.currency());
    let price = match row.price {
        Some(amount) => {
            Money::new(amount, currency).map_err(|error| refuse("price", &error.to_string()))?
        }
        None if currency == base.price.currency() => base.price,
        None => return Err(refuse("price", "must be there when the currency changes")),
    };
    let content = Content {
        sku: row.sku,
        name: row.name.unwrap_or_else(|| base.name.clone()),
        description: row.description.unwrap_or_else(|| base.description.clone()),
        price,
        brand: row.brand.unwrap_or_else(|| base.brand.clone()),
        categories: row.categories.unwrap_or_else(|| base.categories.clone()),
        attributes: row.attributes.unwrap_or_else(|| base.attributes.clone()),
        options: row.options.unwrap_or_else(|| base.options.clone()),
        images: row.images.unwrap_or_else(|| base.images.clone()),
        status: row.status.unwrap_or(base.status),
    };
    let errors = check(&content);
    if errors.is_empty() { Ok(content) } else { Err(errors) }
}
