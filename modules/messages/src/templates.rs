//! What letters say: a text and an HTML template for each kind and language, the shop's own before
//! those that come with the program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kernel::ports::ToldOrder;
use kernel::{Money, Timestamp};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value};
use serde::Serialize;

use crate::domain::kind::Kind;
use crate::domain::locale::{self, chain};
use crate::embedded::EMBEDDED;
use crate::sample::sample;

/// The language that every kind of letter is there in.
const LAST_RESORT: &str = "en";

/// Why templates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The folder of the shop's own cannot be read.
    #[error("the templates in {} cannot be read", folder.display())]
    Unread {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file stands for no letter, so that nobody would ever see it.
    #[error("{name} is no template: see templates/ of the module for the names")]
    Unknown {
        /// Its path in the folder.
        name: String,
    },
    /// A template cannot be read or says something that is not there.
    #[error("the template {name} cannot be used: {source:#}")]
    Broken {
        /// Its path.
        name: String,
        /// Why.
        source: Error,
    },
}

/// What a shop is called in letters, and where it is.
#[derive(Debug, Clone, Serialize)]
pub struct ShopFacts {
    /// Its name.
    pub name: String,
    /// The site that its customers see, without a slash at the end.
    pub url: String,
}

/// What a letter is written from.
pub(crate) struct Facts<'a> {
    pub shop: &'a ShopFacts,
    pub order: &'a ToldOrder,
    /// What the event says.
    pub event: &'a serde_json::Value,
}

/// A letter that is written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// What templates see.
#[derive(Serialize)]
struct Seen<'a> {
    locale: &'a str,
    shop: &'a ShopFacts,
    order: SeenOrder<'a>,
    event: &'a serde_json::Value,
}

/// An order as templates see it; an amount of nothing is none.
#[derive(Serialize)]
struct SeenOrder<'a> {
    number: &'a str,
    name: &'a str,
    url: String,
    placed_at: Timestamp,
    lines: Vec<SeenLine<'a>>,
    items: Money,
    discount: Option<Money>,
    shipping: Money,
    tax: Option<Money>,
    included_tax: Option<Money>,
    total: Money,
}

#[derive(Serialize)]
struct SeenLine<'a> {
    sku: &'a str,
    name: &'a str,
    quantity: i64,
    total: Money,
}

/// The templates of a shop.
pub(crate) struct Templates {
    environment: Environment<'static>,
    /// The languages that have a text of a kind, by its file.
    languages: BTreeMap<String, BTreeSet<String>>,
    /// The shop's own language.
    own: String,
}

impl Templates {
    /// The templates that come with the program, and before them those of a folder. Each is tried on a
    /// sample: what does not work does not wait for a customer.
    pub(crate) fn open(folder: Option<&Path>, own: &str) -> Result<Self, TemplateError> {
        let mut sources: BTreeMap<String, String> =
            EMBEDDED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        if let Some(folder) = folder {
            sources.extend(read(folder)?);
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let tidy = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build();
        environment.set_syntax(tidy.map_err(|source| broken("", source))?);
        environment.add_filter("money", money);
        environment.add_filter("date", date);
        let mut languages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, text) in sources {
            check_name(&name)?;
            if let Some((language, file)) = name.split_once('/') {
                languages.entry(file.to_owned()).or_default().insert(language.to_owned());
            }
            let added = environment.add_template_owned(name.clone(), text);
            added.map_err(|source| broken(&name, source))?;
        }
        let templates = Self { environment, languages, own: own.to_owned() };
        templates.try_all()?;
        Ok(templates)
    }

    fn try_all(&self) -> Result<(), TemplateError> {
        for kind in Kind::ALL {
            for (order, event) in sample(kind) {
                let shop = ShopFacts { name: String::new(), url: String::new() };
                for language in self.languages(kind) {
                    let facts = Facts { shop: &shop, order: &order, event: &event };
                    self.write(kind, language, &facts)?;
                }
            }
        }
        Ok(())
    }

    /// The languages that a kind is there in, as a text and as HTML.
    pub(crate) fn languages(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let of = |ending: &str| self.languages.get(&format!("{}.{ending}", kind.file()));
        let (texts, pages) = (of("txt"), of("html"));
        let has_page = move |language: &&String| pages.is_some_and(|all| all.contains(*language));
        texts.into_iter().flatten().filter(has_page).map(String::as_str)
    }

    /// A letter in the best language there is.
    pub(crate) fn letter(
        &self,
        kind: Kind,
        wanted: Option<&str>,
        facts: &Facts<'_>,
    ) -> Result<Letter, TemplateError> {
        let best = chain(wanted, &self.own).find(|one| self.languages(kind).any(|it| it == *one));
        self.write(kind, best.unwrap_or(LAST_RESORT), facts)
    }

    fn write(
        &self,
        kind: Kind,
        language: &str,
        facts: &Facts<'_>,
    ) -> Result<Letter, TemplateError> {
        let seen = see(language, facts);
        let (text, html) = (
            self.render(&format!("{language}/{}.txt", kind.file()), &seen)?,
            self.render(&format!("{language}/{}.html", kind.file()), &seen)?,
        );
        let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
        let text = format!("{}\n", text.trim());
        Ok(Letter { subject: subject.trim().to_owned(), text, html })
    }

    fn render(&self, name: &str, seen: &Seen<'_>) -> Result<String, TemplateError> {
        let template = self.environment.get_template(name);
        template
            .and_then(|template| template.render(Value::from(Serde(seen))))
            .map_err(|source| broken(name, source))
    }
}

fn broken(name: &str, source: Error) -> TemplateError {
    TemplateError::Broken { name: name.to_owned(), source }
}

fn see<'a>(locale: &'a str, facts: &Facts<'a>) -> Seen<'a> {
    let Facts { shop, order, event } = facts;
    let some = |money: Money| (money.minor() != 0).then_some(money);
    let lines = order.lines.iter().map(|line| SeenLine {
        sku: &line.sku,
        name: &line.name,
        quantity: line.quantity,
        total: line.total,
    });
    let order = SeenOrder {
        number: &order.number,
        name: &order.name,
        url: format!("{}/account/orders/{}", shop.url, order.id),
        placed_at: order.placed_at,
        lines: lines.collect(),
        items: order.items,
        discount: some(order.discount),
        shipping: order.shipping,
        tax: some(order.tax),
        included_tax: some(order.included_tax),
        total: order.total,
    };
    Seen { locale, shop, order, event }
}

/// The files of a folder and of those in it, by their paths.
fn read(folder: &Path) -> Result<BTreeMap<String, String>, TemplateError> {
    let unread = |source| TemplateError::Unread { folder: folder.to_owned(), source };
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let name =
            |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            let language = name(&path);
            for entry in std::fs::read_dir(&path).map_err(unread)? {
                let path = entry.map_err(unread)?.path();
                let text = std::fs::read_to_string(&path).map_err(unread)?;
                found.insert(format!("{language}/{}", name(&path)), text);
            }
        } else {
            found.insert(name(&path), std::fs::read_to_string(&path).map_err(unread)?);
        }
    }
    Ok(found)
}

/// Refuses a name that stands for nothing: what others include begins with `_`.
fn check_name(name: &str) -> Result<(), TemplateError> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let (stem, ending) = file.rsplit_once('.').unwrap_or((file, ""));
    let is_letter = name.contains('/') && Kind::ALL.iter().any(|kind| kind.file() == stem);
    if (is_letter || stem.starts_with('_')) && ["txt", "html"].contains(&ending) {
        return Ok(());
    }
    Err(TemplateError::Unknown { name: name.to_owned() })
}

/// `{{ order.total | money }}`: as the language of the letter writes it.
fn money(state: &State, value: &Value) -> Result<String, Error> {
    let (amount, currency) = (value.get_attr("amount")?, value.get_attr("currency")?);
    match (amount.as_str(), currency.as_str()) {
        (Some(amount), Some(currency)) => Ok(locale::money(&language(state), amount, currency)),
        _ => Err(Error::new(ErrorKind::InvalidOperation, "it is no amount of money")),
    }
}

/// `{{ order.placed_at | date }}`: as the language of the letter writes it.
fn date(state: &State, value: &Value) -> Result<String, Error> {
    let no_date = || Error::new(ErrorKind::InvalidOperation, "it is no instant");
    Ok(locale::date(&language(state), value.as_str().ok_or_else(no_date)?))
}

fn language(state: &State) -> String {
    state.lookup("locale").and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> ShopFacts {
        ShopFacts { name: "Lamps & More".to_owned(), url: "https://shop.example".to_owned() }
    }

    fn embedded() -> Templates {
        Templates::open(None, "en").unwrap()
    }

    #[test]
    fn every_letter_reads_well_in_every_language() {
        let (templates, shop) = (embedded(), shop());
        for kind in Kind::ALL {
            for language in ["en", "de", "fr"] {
                let mut all = Vec::new();
                for (order, event) in sample(kind) {
                    let facts = Facts { shop: &shop, order: &order, event: &event };
                    let Letter { subject, text, html } =
                        templates.letter(kind, Some(language), &facts).unwrap();
                    assert!(!subject.is_empty() && subject.len() < 80, "{subject}");
                    assert!(html.contains("Tom &amp; &lt;b&gt;Ada&lt;"), "{html}");
                    assert!(text.contains("Tom & <b>Ada</b>"), "{text}");
                    all.push(format!("Subject: {subject}\n\n{text}\n{html}\n\n"));
                }
                insta::assert_snapshot!(format!("{language}_{}", kind.file()), all.concat());
            }
        }
    }

    #[test]
    fn a_language_that_is_not_there_is_the_nearest_one_that_is() {
        let (own, shop) = (Templates::open(None, "fr-CA").unwrap(), shop());
        let subject = |wanted: Option<&str>| {
            let (order, event) = sample(Kind::OrderConfirmed).swap_remove(0);
            let facts = Facts { shop: &shop, order: &order, event: &event };
            own.letter(Kind::OrderConfirmed, wanted, &facts).unwrap().subject
        };
        assert_eq!(subject(Some("de-AT")), subject(Some("de")));
        assert_ne!(subject(Some("de")), subject(None));
        assert_eq!(subject(Some("ja")), subject(Some("fr")));
        assert_eq!(subject(None), subject(Some("fr")));
    }

    #[test]
    fn the_shops_own_templates_come_first_and_work_before_they_are_needed() {
        let folder = platform::testing::folder();
        for language in ["it", "en"] {
            std::fs::create_dir(folder.join(language)).unwrap();
        }
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("en/order_shipped.txt", "Off it goes: {{ order.number }}\n\nBye.\n");
        write("it/order_shipped.txt", "Spedito\n\n{{ order.total | money }}\n");
        write("it/order_shipped.html", "<p>{{ order.name }}</p>");
        let (order, event) = sample(Kind::OrderShipped).swap_remove(0);
        let shop = shop();
        let facts = Facts { shop: &shop, order: &order, event: &event };
        let letter = |locale| {
            let templates = Templates::open(Some(&folder), "en").unwrap();
            templates.letter(Kind::OrderShipped, Some(locale), &facts).unwrap()
        };
        assert_eq!(letter("en").subject, format!("Off it goes: {}", order.number));
        assert_eq!(letter("it").html, "<p>Tom &amp; &lt;b&gt;Ada&lt;&#x2f;b&gt;</p>");

        let refused = || Templates::open(Some(&folder), "en").err().unwrap().to_string();
        write("it/order_shipped.html", "{{ order.colour }}");
        assert!(refused().contains("it/order_shipped.html"), "{}", refused());
        write("it/order_shipped.html", "{% if %}");
        assert!(refused().contains("it/order_shipped.html"), "{}", refused());
        write("it/order_shipped.html", "");
        write("it/order_lost.txt", "?");
        assert!(refused().contains("it/order_lost.txt"), "{}", refused());
        let nowhere = Templates::open(Some(Path::new("/nowhere")), "en");
        assert!(matches!(nowhere, Err(TemplateError::Unread { .. })));
    }
}
