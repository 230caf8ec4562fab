use tantivy::schema::{
    FAST, Field, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RawTokenizer, RemoveLongFilter, SimpleTokenizer,
    Stemmer, TextAnalyzer, TokenizerManager,
};

/// The longest word that is indexed, in bytes.
const WORD_MAX: usize = 60;
/// Words as they are, but for case and accents.
pub(super) const WORDS: &str = "shop_words";
/// The whole text, but for case.
pub(super) const WHOLE: &str = "shop_whole";

/// Columns: what a product is filtered, counted and ordered by.
pub(super) mod column {
    pub const ID_HIGH: &str = "id_high";
    pub const ID_LOW: &str = "id_low";
    pub const SHOWN: &str = "shown";
    pub const STATUS: &str = "status";
    pub const CATEGORY: &str = "category";
    pub const BRAND: &str = "brand_name";
    /// Attributes and options, as `kind.name\0value`.
    pub const VALUES: &str = "values";
    pub const PRICE: &str = "price";
    pub const CURRENCY: &str = "currency";
    pub const IN_STOCK: &str = "in_stock";
    /// Microseconds since 1970.
    pub const CREATED: &str = "created";
    pub const POPULARITY: &str = "popularity";
    /// The name without regard to case.
    pub const NAME_ORDER: &str = "name_order";
}

/// The fields of a language.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    /// Its BCP 47 tag, e.g. `de`.
    pub tag: String,
    /// The name of the analyzer of its fields.
    pub analyzer: String,
    pub name: Field,
    pub description: Field,
}

/// The fields of the index.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub id: Field,
    pub id_high: Field,
    pub id_low: Field,
    /// The languages of the shop, its own one first.
    pub spoken: Vec<Spoken>,
    pub brand: Field,
    pub categories: Field,
    pub attributes: Field,
    /// SKUs and barcodes.
    pub code: Field,
    /// The words of name, brand and categories as they are written.
    pub words: Field,
    /// The first letters of the words of the names.
    pub starts: Field,
    pub shown: Field,
    pub status: Field,
    pub category: Field,
    pub brand_name: Field,
    pub values: Field,
    pub price: Field,
    pub currency: Field,
    pub in_stock: Field,
    pub created: Field,
    pub popularity: Field,
    pub name_order: Field,
}

impl Fields {
    /// The fields whose words are counted and whose length matters.
    pub fn texts(&self) -> impl Iterator<Item = Field> + '_ {
        let spoken = self.spoken.iter().flat_map(|spoken| [spoken.name, spoken.description]);
        spoken.chain([self.brand, self.categories, self.attributes, self.code])
    }
}

fn text(tokenizer: &str, option: IndexRecordOption) -> TextOptions {
    let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option);
    TextOptions::default().set_indexing_options(indexing)
}

/// A text that is only looked up, so that its length does not matter.
fn listed(tokenizer: &str) -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(tokenizer)
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false);
    TextOptions::default().set_indexing_options(indexing)
}

fn analyzer(tag: &str) -> String {
    format!("shop_stems_{tag}")
}

/// The fields for a shop of these languages, of which there is at least one.
pub(super) fn schema(languages: &[String]) -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let own = languages.first().map_or_else(|| analyzer("en"), |tag| analyzer(tag));
    let stems = |name: &str| text(name, IndexRecordOption::WithFreqsAndPositions);
    let word_column = || TextOptions::default().set_fast("raw");
    let spoken = languages
        .iter()
        .map(|tag| {
            let analyzer = analyzer(tag);
            let name = schema.add_text_field(&format!("name_{tag}"), stems(&analyzer));
            let description = format!("description_{tag}");
            let description = schema.add_text_field(&description, stems(&analyzer));
            Spoken { tag: tag.clone(), analyzer, name, description }
        })
        .collect();
    let fields = Fields {
        id: schema.add_text_field("id", STRING),
        id_high: schema.add_u64_field(column::ID_HIGH, FAST),
        id_low: schema.add_u64_field(column::ID_LOW, FAST),
        spoken,
        brand: schema.add_text_field("brand", stems(&own)),
        categories: schema.add_text_field("categories", stems(&own)),
        attributes: schema.add_text_field("attributes", text(&own, IndexRecordOption::WithFreqs)),
        code: schema.add_text_field("code", listed(WHOLE)),
        words: schema.add_text_field("words", listed(WORDS)),
        starts: schema.add_text_field("starts", listed(WORDS)),
        shown: schema.add_bool_field(column::SHOWN, FAST),
        status: schema.add_text_field(column::STATUS, word_column()),
        category: schema.add_text_field(column::CATEGORY, word_column()),
        brand_name: schema.add_text_field(column::BRAND, word_column()),
        values: schema.add_text_field(column::VALUES, word_column()),
        price: schema.add_i64_field(column::PRICE, FAST),
        currency: schema.add_text_field(column::CURRENCY, word_column()),
        in_stock: schema.add_bool_field(column::IN_STOCK, FAST),
        created: schema.add_i64_field(column::CREATED, FAST),
        popularity: schema.add_u64_field(column::POPULARITY, FAST),
        name_order: schema.add_text_field(column::NAME_ORDER, word_column()),
    };
    (schema.build(), fields)
}

/// Registers how texts are taken apart.
pub(super) fn register(tokenizers: &TokenizerManager, languages: &[String]) {
    let words = || {
        TextAnalyzer::builder(SimpleTokenizer::default())
            .filter(RemoveLongFilter::limit(WORD_MAX))
            .filter(LowerCaser)
            .filter(AsciiFoldingFilter)
    };
    tokenizers.register(WORDS, words().build());
    let whole = TextAnalyzer::builder(RawTokenizer::default()).filter(LowerCaser).build();
    tokenizers.register(WHOLE, whole);
    for tag in languages {
        let stems = match stemmer(tag) {
            Some(language) => words().filter(Stemmer::new(language)).build(),
            None => words().build(),
        };
        tokenizers.register(&analyzer(tag), stems);
    }
}

/// The stemmer for a language tag; languages without one are searched by whole words.
fn stemmer(tag: &str) -> Option<Language> {
    Some(match tag.split('-').next()? {
        "ar" => Language::Arabic,
        "da" => Language::Danish,
        "nl" => Language::Dutch,
        "en" => Language::English,
        "fi" => Language::Finnish,
        "fr" => Language::French,
        "de" => Language::German,
        "el" => Language::Greek,
        "hu" => Language::Hungarian,
        "it" => Language::Italian,
        "nb" | "nn" | "no" => Language::Norwegian,
        "pt" => Language::Portuguese,
        "ro" => Language::Romanian,
        "ru" => Language::Russian,
        "es" => Language::Spanish,
        "sv" => Language::Swedish,
        "ta" => Language::Tamil,
        "tr" => Language::Turkish,
        _ => return None,
    })
}
