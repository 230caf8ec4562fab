use std::io::{Cursor, Error, Read, Seek, SeekFrom};

use catalog::{Catalog, Format, ImportError, Report, SCHEMA};
use kernel::events::ProductCreated;
use platform::audit::Actor;
use platform::sql::Db;
use serde_json::json;

use crate::world::{catalog, counted, events, input, kinds};

platform::on_both_engines!(super::SCHEMA =>
    lines_become_products,
    rows_become_products,
    a_broken_line_stops_no_other,
    an_import_changes_only_what_differs,
    a_repeated_sku_is_changed_in_a_later_commit,
    a_killed_import_goes_on_where_it_stopped,
    a_killed_import_goes_on_with_the_relations,
    two_imports_of_one_file_do_not_mix,
);

async fn import(catalog: &Catalog, text: &str, format: Format) -> Report {
    let mut file = Cursor::new(text.as_bytes().to_vec());
    catalog.import(&mut file, format, &mut |_| {}).await.unwrap()
}

fn lines(count: usize) -> String {
    let line = |n| json!({"sku": format!("S{n}"), "name": format!("N{n}"), "price": n}).to_string();
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

async fn lines_become_products(db: Db) {
    let catalog = catalog(&db);
    let text = r#"{"sku":"P","name":"Shirt","price":19.90,"currency":"EUR","categories":["Men","Tops"],"attributes":{"material":["Wool"],"weight":6.0},"brand":"B","image_url":"a.jpg","source":"x"}
{"sku":"P-M","parent_sku":"P","options":{"size":"M"},"price":"21.5","stock":7,"images":["m.jpg","n.jpg"]}
"#;
    let report = import(&catalog, text, Format::Jsonl).await;
    assert_eq!((report.created, report.failed), (2, 0), "{report:?}");
    assert_eq!(report.ignored_fields.into_iter().collect::<Vec<_>>(), ["source"]);
    let (parent, variants) = catalog.shown("P").await.unwrap();
    assert_eq!(parent.content.price.to_string(), "19.90 EUR");
    assert_eq!(parent.content.categories, ["Men", "Tops"]);
    assert_eq!(parent.content.attributes["weight"], json!(6));
    assert_eq!(parent.content.images, ["a.jpg"]);
    let variant = &variants[0];
    assert_eq!((variant.content.name.as_str(), variant.content.brand.as_str()), ("Shirt", "B"));
    assert_eq!(variant.content.price.to_string(), "21.50 EUR");
    assert_eq!(variant.content.images, ["m.jpg", "n.jpg"]);
    let events = events(&db).await;
    let stock = |n: usize| events[n].open::<ProductCreated>().unwrap().unwrap().opening_stock;
    assert_eq!((stock(0), stock(1)), (None, Some(7)));
}

async fn rows_become_products(db: Db) {
    let catalog = catalog(&db);
    let text = "sku,parent_sku,name,price,categories,attributes.colour,options.size,stock\n\
                P,,\"Shirt, long\",0.1,Men|Tops,red,,\n\
                P-M,P,,0.30,,,M,5\n";
    let report = import(&catalog, text, Format::Csv).await;
    assert_eq!((report.created, report.failed), (2, 0), "{report:?}");
    let (parent, variants) = catalog.shown("P").await.unwrap();
    assert_eq!(parent.content.name, "Shirt, long");
    assert_eq!(parent.content.price.to_string(), "0.10 USD");
    assert_eq!(parent.content.attributes["colour"], "red");
    assert_eq!(variants[0].content.options["size"], "M");
    assert_eq!(import(&catalog, text, Format::Csv).await.unchanged, 2);
}

async fn a_broken_line_stops_no_other(db: Db) {
    let catalog = catalog(&db);
    let text = r#"{"sku":"A","name":"A","price":1}
{"sku":"B","name":"B","price":1.005}
not json
{"sku":"C","name":"","price":1,"brand":"\u0000"}
{"sku":"D","parent_sku":"nobody","price":1}
{"sku":"E","name":"E","price":-1}
{"sku":"F","name":"F"}
{"sku":"G","name":"G","price":1,"currency":"XXX"}

{"sku":"H\u0000","name":"H","price":1}
{"sku":"I","name":"I","price":2}
"#;
    let report = import(&catalog, text, Format::Jsonl).await;
    assert_eq!((report.created, report.failed), (2, 8), "{report:?}");
    let mut told: Vec<_> =
        report.errors.iter().map(|error| (error.line, error.field.as_str())).collect();
    told.sort_unstable();
    let expected = [
        (2, "price"),
        (3, ""),
        (4, "brand"),
        (4, "name"),
        (5, "parent_sku"),
        (6, "price"),
        (7, "price"),
        (8, "currency"),
        (10, "sku"),
    ];
    assert_eq!(told, expected);
    assert_eq!(kinds(&db).await, ["product.created", "product.created"]);
}

async fn an_import_changes_only_what_differs(db: Db) {
    let catalog = catalog(&db);
    let text = lines(1_200);
    assert_eq!(import(&catalog, &text, Format::Jsonl).await.created, 1_200);
    let again = import(&catalog, &text, Format::Jsonl).await;
    assert_eq!((again.created, again.updated, again.unchanged), (0, 0, 1_200));
    assert_eq!(kinds(&db).await.len(), 1_200);

    let changed = "{\"sku\":\"S7\",\"price\":8}\n{\"sku\":\"S8\",\"categories\":[\"X\"]}\n\
                   {\"sku\":\"S9\",\"status\":\"archived\"}\n{\"sku\":\"S10\",\"name\":\"N10\"}\n";
    let report = import(&catalog, changed, Format::Jsonl).await;
    assert_eq!((report.updated, report.unchanged), (3, 1), "{report:?}");
    let kinds = kinds(&db).await;
    assert_eq!(kinds[1_200..], ["product.price_changed", "product.updated", "product.archived"]);
    assert_eq!(counted(&catalog).await, [("X".to_owned(), 1)]);
    assert_eq!(catalog.shown("S7").await.unwrap().0.content.name, "N7");
    assert!(catalog.verify().await.unwrap().iter().all(platform::verify::Check::holds));
}

async fn a_repeated_sku_is_changed_in_a_later_commit(db: Db) {
    let catalog = catalog(&db);
    let text = "{\"sku\":\"A\",\"name\":\"A\",\"price\":1}\n{\"sku\":\"A\",\"price\":2}\n\
                {\"sku\":\"A\",\"price\":3}\n";
    let report = import(&catalog, text, Format::Jsonl).await;
    assert_eq!((report.created, report.updated), (1, 2));
    assert_eq!(catalog.shown("A").await.unwrap().0.version, 3);
    assert_eq!(import(&catalog, text, Format::Jsonl).await.updated, 3);
}

/// A file whose disk goes away after some bytes of the second reading.
pub struct Failing {
    file: Cursor<Vec<u8>>,
    rewound: bool,
    left: usize,
}

impl Failing {
    pub fn new(text: &str, left: usize) -> Self {
        Self { file: Cursor::new(text.as_bytes().to_vec()), rewound: false, left }
    }
}

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !self.rewound {
            return self.file.read(buffer);
        }
        let most = buffer.len().min(self.left);
        if most == 0 {
            return Err(Error::other("the disk is gone"));
        }
        let read = self.file.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.rewound = true;
        self.file.seek(to)
    }
}

async fn a_killed_import_goes_on_where_it_stopped(db: Db) {
    let catalog = catalog(&db);
    let text = lines(1_700);
    let left = text.len() * 3 / 4;
    let mut failing = Failing::new(&text, left);
    let mut reached = 0;
    let died = catalog
        .import(&mut failing, Format::Jsonl, &mut |progress| reached = progress.records)
        .await;
    assert!(matches!(died, Err(ImportError::File(_))));
    assert_eq!(reached, 1_000);
    assert_eq!(kinds(&db).await.len(), 1_000);
    // What others did meanwhile is not undone: the lines before the mark are not read again.
    let first = catalog.shown("S0").await.unwrap().0;
    catalog
        .update(first.id, 1, input("S0", json!({"name": "Edited"})), &Actor::SYSTEM)
        .await
        .unwrap();

    let report = import(&catalog, &text, Format::Jsonl).await;
    assert_eq!((report.resumed_after, report.created, report.updated), (1_000, 1_700, 0));
    assert_eq!(kinds(&db).await.len(), 1_701);
    assert_eq!(catalog.shown("S0").await.unwrap().0.content.name, "Edited");
    assert_eq!(catalog.product_count().await.unwrap(), 1_700);
    assert_eq!(import(&catalog, &text, Format::Jsonl).await.resumed_after, 0);
}

/// It dies where the relations are read, after all products were.
async fn a_killed_import_goes_on_with_the_relations(db: Db) {
    let catalog = catalog(&db);
    let line = |n: i32| {
        let related = json!({"upsell": [format!("S{}", (n + 1) % 1_200)]});
        json!({"sku": format!("S{n}"), "name": "N", "price": n, "related": related}).to_string()
    };
    let text: Vec<String> = (0..1_200).map(line).collect();
    let text = text.join("\n");
    let mut failing = Failing::new(&text, text.len() * 7 / 4);
    let died = catalog.import(&mut failing, Format::Jsonl, &mut |_| {}).await;
    assert!(matches!(died, Err(ImportError::File(_))));
    let report = import(&catalog, &text, Format::Jsonl).await;
    assert_eq!((report.resumed_after, report.created, report.updated), (1_700, 1_200, 1_200));
    assert_eq!(kinds(&db).await.len(), 2_400, "nothing is done twice");
    assert_eq!(catalog.related("S1199").await.unwrap()[0].1.sku, "S0");
    let again = import(&catalog, &text, Format::Jsonl).await;
    assert_eq!((again.unchanged, again.updated), (1_200, 0));
}

async fn two_imports_of_one_file_do_not_mix(db: Db) {
    let catalog = catalog(&db);
    let text = lines(3_000);
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let (catalog, text) = (catalog.clone(), text.clone());
            tokio::spawn(async move {
                let mut file = Cursor::new(text.into_bytes());
                catalog.import(&mut file, Format::Jsonl, &mut |_| {}).await
            })
        })
        .collect();
    for run in runs {
        match run.await.unwrap() {
            Ok(_) | Err(ImportError::AlreadyRunning) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    import(&catalog, &text, Format::Jsonl).await;
    assert_eq!(kinds(&db).await.len(), 3_000);
}
