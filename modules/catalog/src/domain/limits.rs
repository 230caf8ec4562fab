/// The longest SKU, in characters.
pub const SKU_MAX: usize = 32;
/// The longest name, in characters.
pub const NAME_MAX: usize = 300;
/// The longest description, in characters.
pub const DESCRIPTION_MAX: usize = 20_000;
/// The longest brand, in characters.
pub const BRAND_MAX: usize = 100;
/// The highest price, in minor units.
pub const PRICE_MAX: i64 = 100_000_000_000;
/// The most categories of a product.
pub const CATEGORIES_MAX: usize = 20;
/// The most categories of the shop.
pub const CATEGORY_COUNT_MAX: i64 = 10_000;
/// The longest category, in characters.
pub const CATEGORY_MAX: usize = 100;
/// The longest path of a category, in characters.
pub const PATH_MAX: usize = 2_100;
/// The most attributes of a product.
pub const ATTRIBUTES_MAX: usize = 300;
/// The longest name of an attribute or option, in characters.
pub const KEY_MAX: usize = 100;
/// The longest text of an attribute, in characters.
pub const ATTRIBUTE_TEXT_MAX: usize = 8_000;
/// The most values of one attribute.
pub const ATTRIBUTE_VALUES_MAX: usize = 50;
/// The largest number of an attribute: what every reader of JSON keeps exactly.
pub const ATTRIBUTE_NUMBER_MAX: f64 = 9_007_199_254_740_991.0;
/// The most options of a variant.
pub const OPTIONS_MAX: usize = 10;
/// The longest value of an option, in characters.
pub const OPTION_VALUE_MAX: usize = 100;
/// The most images of a product.
pub const IMAGES_MAX: usize = 30;
/// The longest alternative text of an uploaded image, in characters.
pub const ALT_MAX: usize = 500;
/// The longest address of an image, in characters.
pub const IMAGE_MAX: usize = 2_048;
/// The most units a product can start with.
pub const STOCK_MAX: i64 = 1_000_000_000;
/// The longest search text, in characters.
pub const QUERY_MAX: usize = 200;
/// The longest slug, in characters.
pub const SLUG_MAX: usize = 200;
/// The longest tax category, in characters.
pub const TAX_CATEGORY_MAX: usize = 50;
/// The heaviest product, in grams.
pub const WEIGHT_MAX: i64 = 100_000_000;
/// The longest barcode, in characters.
pub const BARCODE_MAX: usize = 64;
/// The most languages a product is translated to.
pub const TRANSLATIONS_MAX: usize = 50;
/// The most attributes the shop can define.
pub const DEFINITIONS_MAX: i64 = 500;
/// The longest unit of an attribute, in characters.
pub const UNIT_MAX: usize = 20;
/// The most values an attribute can be limited to.
pub const DEFINITION_OPTIONS_MAX: usize = 500;
/// The most products related to one.
pub const RELATED_MAX: usize = 100;
/// The most parts of a bundle.
pub const PARTS_MAX: usize = 50;
/// The most units of one part in a bundle.
pub const PART_QUANTITY_MAX: i64 = 1_000;
/// The longest code of a market, price list or customer group, in characters.
pub const CODE_MAX: usize = 50;
/// The most markets of the shop.
pub const MARKETS_MAX: i64 = 50;
/// The most price lists of the shop.
pub const PRICE_LISTS_MAX: i64 = 1_000;
/// The highest and, negated, the lowest priority of a price list.
pub const PRIORITY_MAX: i64 = 1_000;
/// The most prices one product has in one list, each from another quantity on.
pub const TIERS_MAX: i64 = 20;
/// The largest quantity a price can begin at.
pub const TIER_QUANTITY_MAX: i64 = 1_000_000;
/// The most prices that are written to a list at once.
pub const LISTED_MAX: usize = 500;
/// The most lines of a file of prices.
pub const PRICE_LINES_MAX: usize = 10_000;
/// The longest file of prices, in bytes.
pub const PRICE_FILE_MAX: usize = 2 << 20;
/// The most products whose prices are derived at once.
pub const DERIVED_MAX: i64 = 500;
/// The most collections of the shop.
pub const COLLECTION_COUNT_MAX: i64 = 1_000;
/// The most products that are chosen for a collection.
pub const COLLECTED_MAX: usize = 1_000;
/// The most brands, attributes or values of one in the rule of a collection.
pub const RULE_VALUES_MAX: usize = 50;
/// The most products that are changed in one request.
pub const BULK_MAX: usize = 500;
/// The most groups of synonyms.
pub const SYNONYMS_MAX: i64 = 5_000;
/// The most terms that are synonyms of each other.
pub const SYNONYM_TERMS_MAX: usize = 20;
/// The longest of them, in characters.
pub const SYNONYM_TERM_MAX: usize = 100;
