use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};

use serde_json::Value;
use tantivy::directory::error::LockError;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RawTokenizer, RemoveLongFilter, SimpleTokenizer,
    Stemmer, TextAnalyzer,
};
use tantivy::{Index, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError, Term};

use super::{Inner, Position, SearchError, SearchIndex};
use crate::domain::category;
use crate::store::searching::Source;

/// How much memory the writer may use, in bytes. One thread writes.
const WRITER_BYTES: usize = 16_000_000;
/// The longest word that is indexed, in bytes.
const WORD_MAX: usize = 60;
/// English words by their stems.
pub(super) const STEMS: &str = "shop_stems";
/// Words as they are, but for case and accents.
pub(super) const WORDS: &str = "shop_words";
/// The whole text, but for case.
pub(super) const WHOLE: &str = "shop_whole";

/// The fields of the index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub id: Field,
    pub id_high: Field,
    pub id_low: Field,
    pub sku: Field,
    pub name: Field,
    pub name_words: Field,
    pub description: Field,
    pub brand: Field,
    pub categories: Field,
    pub attributes: Field,
    pub category: Field,
    pub price: Field,
    pub currency: Field,
}

fn text(tokenizer: &str, option: IndexRecordOption) -> TextOptions {
    let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option);
    TextOptions::default().set_indexing_options(indexing)
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let stems = || text(STEMS, IndexRecordOption::WithFreqs);
    let fields = Fields {
        id: schema.add_text_field("id", STRING),
        id_high: schema.add_u64_field("id_high", FAST),
        id_low: schema.add_u64_field("id_low", FAST),
        sku: schema.add_text_field("sku", text(WHOLE, IndexRecordOption::Basic)),
        name: schema.add_text_field("name", stems()),
        name_words: schema.add_text_field("name_words", text(WORDS, IndexRecordOption::Basic)),
        description: schema.add_text_field("description", stems()),
        brand: schema.add_text_field("brand", stems()),
        categories: schema.add_text_field("categories", stems()),
        attributes: schema.add_text_field("attributes", stems()),
        category: schema.add_text_field("category", STRING),
        price: schema.add_i64_field("price", FAST | INDEXED),
        currency: schema.add_text_field("currency", STRING),
    };
    (schema.build(), fields)
}

fn register_tokenizers(index: &Index) {
    let words = || {
        TextAnalyzer::builder(SimpleTokenizer::default())
            .filter(RemoveLongFilter::limit(WORD_MAX))
            .filter(LowerCaser)
            .filter(AsciiFoldingFilter)
    };
    let whole = TextAnalyzer::builder(RawTokenizer::default()).filter(LowerCaser).build();
    index.tokenizers().register(WORDS, words().build());
    index.tokenizers().register(STEMS, words().filter(Stemmer::new(Language::English)).build());
    index.tokenizers().register(WHOLE, whole);
}

/// Opens the index in a folder, or makes an empty one in its place.
pub(super) fn open(folder: &Path) -> Result<SearchIndex, SearchError> {
    match open_sound(folder) {
        Ok(index) => Ok(index),
        Err(SearchError::Engine(error)) => {
            if folder.exists() {
                let folder = folder.display().to_string();
                tracing::warn!(folder, %error, "the search index is unusable and is built again");
            }
            create(folder)
        }
        Err(error) => Err(error),
    }
}

fn open_sound(folder: &Path) -> Result<SearchIndex, SearchError> {
    let index = Index::open_in_dir(folder)?;
    let (schema, _) = schema();
    let damaged = index.validate_checksum()?;
    if index.schema() != schema || !damaged.is_empty() {
        let what = format!("another schema, or {} damaged files", damaged.len());
        return Err(TantivyError::InvalidArgument(what).into());
    }
    with_writer(&index, folder)
}

fn create(folder: &Path) -> Result<SearchIndex, SearchError> {
    let failed = |source| SearchError::Folder { folder: folder.to_owned(), source };
    let removed = match std::fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(folder),
        Ok(_) => std::fs::remove_file(folder),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.and_then(|()| std::fs::create_dir_all(folder)).map_err(failed)?;
    let index = Index::create_in_dir(folder, schema().0)?;
    with_writer(&index, folder)
}

fn with_writer(index: &Index, folder: &Path) -> Result<SearchIndex, SearchError> {
    register_tokenizers(index);
    let writer: IndexWriter<TantivyDocument> =
        index.writer_with_num_threads(1, WRITER_BYTES).map_err(|error| match error {
            TantivyError::LockFailure(LockError::LockBusy, _) => {
                SearchError::InUse(folder.to_owned())
            }
            error => error.into(),
        })?;
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    let position = index.load_metas()?.payload.as_deref().and_then(Position::parse);
    Ok(SearchIndex(Arc::new(Inner {
        reader,
        fields: schema().1,
        writer: Mutex::new(writer),
        position: RwLock::new(position),
        following: tokio::sync::Mutex::new(()),
    })))
}

/// What finds the document of a product.
pub(super) fn key(fields: &Fields, id: uuid::Uuid) -> Term {
    Term::from_field_text(fields.id, &id.simple().to_string())
}

/// The document of a product.
pub(super) fn document(fields: &Fields, source: &Source) -> TantivyDocument {
    let mut document = TantivyDocument::default();
    let (high, low) = source.id.as_u64_pair();
    document.add_text(fields.id, source.id.simple().to_string());
    document.add_u64(fields.id_high, high);
    document.add_u64(fields.id_low, low);
    document.add_text(fields.sku, &source.sku);
    for sku in &source.variant_skus {
        document.add_text(fields.sku, sku);
    }
    document.add_text(fields.name, &source.name);
    document.add_text(fields.name_words, &source.name);
    document.add_text(fields.description, &source.description);
    document.add_text(fields.brand, &source.brand);
    for path in source.category.iter().flat_map(|path| category::prefixes(path)) {
        document.add_text(fields.categories, category::split(path).1);
        document.add_text(fields.category, path);
    }
    for (name, value) in &source.attributes.0 {
        let value = attribute(value);
        if !value.is_empty() {
            document.add_text(fields.attributes, format!("{name} {value}"));
        }
    }
    document.add_i64(fields.price, source.price);
    document.add_text(fields.currency, &source.currency);
    document
}

/// The words of an attribute. What a product does not have is not among them.
fn attribute(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Array(values) => values.iter().map(attribute).collect::<Vec<_>>().join(" "),
        Value::Bool(false) | Value::Null | Value::Object(_) => String::new(),
    }
}
