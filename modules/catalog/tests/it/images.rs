use std::io::Cursor;
use std::path::PathBuf;

use actix_web::dev::ServiceResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use actix_web::test::{TestRequest, call_service, init_service, read_body, read_body_json};
use actix_web::{App, HttpMessage};
use catalog::{Catalog, ImageSettings, SCHEMA, Settings};
use image::{DynamicImage, GenericImageView, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use kernel::id::ProductId;
use kernel::ports::Role;
use platform::audit::{self, Actor};
use platform::sql::{Db, Sql};
use platform::testing::folder;
use serde_json::{Value, json};

use crate::world::input;

platform::on_both_engines!(super::SCHEMA =>
    an_image_is_kept_in_every_size,
    a_form_brings_its_file,
    a_picture_stands_as_the_camera_was_held,
    what_shines_through_stays_so,
    what_is_no_image_is_refused,
    the_same_image_at_once_is_one,
    an_image_that_a_product_names_is_not_deleted,
    what_is_on_an_image_is_changed_by_version,
);

struct Shop {
    catalog: Catalog,
    db: Db,
    files: PathBuf,
}

fn shop(db: Db) -> Shop {
    let images =
        ImageSettings { bytes_max: 200_000, pixels_max: 1_000_000, widths: vec![40, 10, 500, 0] };
    let files = folder();
    let settings = Settings { images, ..Settings::default() };
    Shop { catalog: Catalog::new(db.clone(), settings).with_files(&files), db, files }
}

impl Shop {
    async fn send(&self, request: TestRequest) -> ServiceResponse {
        let app = init_service(App::new().configure(|config| self.catalog.routes(config))).await;
        let request = request.to_request();
        request.extensions_mut().insert(platform::testing::principal(Role::Staff));
        call_service(&app, request).await.map_into_boxed_body()
    }

    async fn upload(&self, bytes: Vec<u8>) -> (u16, Value) {
        let post = TestRequest::post().uri("/v1/admin/images").set_payload(bytes);
        let response = self.send(post.insert_header((CONTENT_TYPE, "text/html"))).await;
        (response.status().as_u16(), read_body_json(response).await)
    }

    async fn get(&self, uri: &str) -> ServiceResponse {
        self.send(TestRequest::get().uri(uri)).await
    }

    async fn picture(&self, uri: &str) -> DynamicImage {
        let response = self.get(uri).await;
        assert_eq!(response.status(), 200, "{uri}");
        image::load_from_memory(&read_body(response).await).unwrap()
    }

    async fn delete(&self, image: &Value) -> u16 {
        let uri = format!("/v1/admin/images/{}", image["id"].as_str().unwrap());
        self.send(TestRequest::delete().uri(&uri)).await.status().as_u16()
    }

    async fn kept(&self) -> (i64, usize) {
        let (rows,): (i64,) =
            self.db.query(Sql::new("select count(*) from image")).one().await.unwrap();
        let folders = std::fs::read_dir(self.files.join("media")).map_or(0, Iterator::count);
        (rows, folders)
    }
}

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Red on the left, blue on the right.
fn two_colours(width: u32, height: u32) -> RgbImage {
    let colour = |x| if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) };
    RgbImage::from_fn(width, height, |x, _| colour(x))
}

async fn an_image_is_kept_in_every_size(db: Db) {
    let shop = shop(db);
    let bytes = encoded(two_colours(200, 100), ImageFormat::Png);
    let (status, image) = shop.upload(bytes.clone()).await;
    assert_eq!((status, &image["type"]), (201, &json!("image/png")), "{image}");
    assert_eq!((&image["width"], &image["height"]), (&json!(200), &json!(100)));
    let sizes: Vec<_> = image["variants"].as_array().unwrap().iter().collect();
    assert_eq!(sizes.len(), 2, "never larger: {image}");
    for (variant, (width, height)) in sizes.iter().zip([(10, 5), (40, 20)]) {
        let picture = shop.picture(variant["url"].as_str().unwrap()).await;
        assert_eq!(picture.dimensions(), (width, height));
        let (left, right) = (picture.get_pixel(1, 1).0, picture.get_pixel(width - 2, 1).0);
        assert!(left[0] > 200 && right[2] > 200, "{left:?} {right:?}");
    }

    let url = image["url"].as_str().unwrap();
    let response = shop.get(url).await;
    let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header(CACHE_CONTROL.as_str()), "public, max-age=31536000, immutable");
    assert_eq!(header(CONTENT_TYPE.as_str()), "image/png");
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let etag = header(ETAG.as_str());
    assert_eq!(read_body(response).await, bytes);
    let again = TestRequest::get().uri(url).insert_header((IF_NONE_MATCH, etag));
    assert_eq!(shop.send(again).await.status(), 304);

    let (status, same) = shop.upload(bytes).await;
    assert_eq!((status, &same), (200, &image));
    assert_eq!(shop.kept().await, (1, 1));
    let id: ProductId = image["id"].as_str().unwrap().parse().unwrap();
    let history = audit::history(&shop.db, id.uuid(), None, 10).await.unwrap();
    assert_eq!(history.len(), 1);
    assert!(history[0].actor.is_some() && history[0].action == "image.create");

    let sha256 = url.split('/').nth(2).unwrap();
    for other in [
        format!("/media/{sha256}/41.jpg"),
        format!("/media/{sha256}/original.jpg"),
        format!("/media/{sha256}/..%2F..%2Fcatalog.db"),
        format!("/media/{}/original.png", "0".repeat(64)),
        "/media/..%2F../original.png".to_owned(),
        "/media/x%00/original.png".to_owned(),
    ] {
        assert_eq!(shop.get(&other).await.status(), 404, "{other}");
    }
}

async fn a_form_brings_its_file(db: Db) {
    let shop = shop(db);
    let picture = encoded(two_colours(20, 20), ImageFormat::WebP);
    let form = |field: &str| {
        let mut body = format!(
            "--frontier\r\ncontent-disposition: form-data; name=\"alt\"\r\n\r\nx\r\n--frontier\r\n\
             content-disposition: form-data; name=\"{field}\"; filename=\"../a.svg\"\r\n\
             content-type: image/svg+xml\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(&picture);
        body.extend_from_slice(b"\r\n--frontier--\r\n");
        let kind = "multipart/form-data; boundary=frontier";
        let post = TestRequest::post().uri("/v1/admin/images");
        post.insert_header((CONTENT_TYPE, kind)).set_payload(body)
    };
    let response = shop.send(form("file")).await;
    assert_eq!(response.status(), 201);
    let image: Value = read_body_json(response).await;
    assert_eq!(image["type"], "image/webp");
    let response = shop.send(form("picture")).await;
    assert_eq!(response.status(), 422);
    let problem: Value = read_body_json(response).await;
    assert_eq!(problem["errors"][0]["field"], "file");
    let list: Value = read_body_json(shop.get("/v1/admin/images?limit=1").await).await;
    assert_eq!((&list["items"], &list["next_cursor"]), (&json!([image]), &Value::Null));
}

/// A JPEG that says with EXIF that the camera was turned, and where it was.
fn turned(picture: RgbImage) -> Vec<u8> {
    let jpeg = encoded(picture, ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    exif.extend_from_slice(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0");
    exif.extend_from_slice(b"SECRET PLACE");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

async fn a_picture_stands_as_the_camera_was_held(db: Db) {
    let shop = shop(db);
    let (status, image) = shop.upload(turned(two_colours(80, 40))).await;
    assert_eq!(status, 201, "{image}");
    assert_eq!((&image["width"], &image["height"]), (&json!(40), &json!(80)));
    let url = image["variants"][0]["url"].as_str().unwrap();
    let small = shop.picture(url).await;
    assert_eq!(small.dimensions(), (10, 20));
    let (top, bottom) = (small.get_pixel(5, 2).0, small.get_pixel(5, 17).0);
    assert!(top[0] > 200 && bottom[2] > 200, "{top:?} {bottom:?}");
    let original = image["url"].as_str().unwrap();
    for url in [url, original] {
        let bytes = read_body(shop.get(url).await).await;
        assert!(!bytes.windows(6).any(|window| window == b"SECRET"), "{url}");
    }
    let bytes = read_body(shop.get(original).await).await;
    assert_eq!(image["bytes"], json!(bytes.len()));
    let (status, again) = shop.upload(bytes.to_vec()).await;
    assert_eq!((status, &again["width"]), (201, &json!(40)), "it is still seen as it was held");
}

async fn what_shines_through_stays_so(db: Db) {
    let shop = shop(db);
    let see_through = RgbaImage::from_pixel(60, 60, Rgba([0, 255, 0, 128]));
    let (_, image) = shop.upload(encoded(see_through, ImageFormat::Png)).await;
    let url = image["variants"][0]["url"].as_str().unwrap();
    assert!(url.ends_with("/10.png"));
    assert_eq!(shop.picture(url).await.get_pixel(5, 5).0[3], 128);
    let opaque = RgbaImage::from_pixel(60, 60, Rgba([0, 255, 0, 255]));
    let (_, image) = shop.upload(encoded(opaque, ImageFormat::Gif)).await;
    assert!(image["variants"][0]["url"].as_str().unwrap().ends_with("/10.jpg"));
}

async fn what_is_no_image_is_refused(db: Db) {
    let shop = shop(db);
    let png = encoded(two_colours(100, 100), ImageFormat::Png);
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let wide = encoded(RgbImage::new(1_001, 1_000), ImageFormat::Png);
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>".to_vec();
    let cases = [
        (svg, 422),
        (Vec::new(), 422),
        (b"\xff\xd8\xff\xe0nothing".to_vec(), 422),
        (png[..png.len() / 2].to_vec(), 422),
        (bomb, 422),
        (wide, 422),
        (vec![0; 200_001], 413),
    ];
    for (n, (bytes, expected)) in cases.into_iter().enumerate() {
        let (status, problem) = shop.upload(bytes).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (expected, &json!("file")), "{n}");
    }
    assert_eq!(shop.kept().await, (0, 0), "nothing is half written");
    let nobody = TestRequest::post().uri("/v1/admin/images").set_payload(png);
    let app = init_service(App::new().configure(|config| shop.catalog.routes(config))).await;
    assert_eq!(call_service(&app, nobody.to_request()).await.status(), 401);
}

async fn the_same_image_at_once_is_one(db: Db) {
    let shop = shop(db);
    let bytes = encoded(two_colours(30, 30), ImageFormat::Png);
    let uploads: Vec<_> = (0..6)
        .map(|_| {
            let (catalog, bytes) = (shop.catalog.clone(), bytes.clone());
            tokio::spawn(async move { catalog.add_image(&Actor::SYSTEM, bytes).await.unwrap() })
        })
        .collect();
    let mut ids = Vec::new();
    let mut new = 0;
    for upload in uploads {
        let (image, is_new) = upload.await.unwrap();
        ids.push(image.id);
        new += usize::from(is_new);
    }
    ids.dedup();
    assert_eq!((ids.len(), new), (1, 1));
    assert_eq!(shop.kept().await, (1, 1), "the files of those that came late are gone");
}

async fn an_image_that_a_product_names_is_not_deleted(db: Db) {
    let shop = shop(db);
    let (_, image) = shop.upload(encoded(two_colours(50, 50), ImageFormat::Png)).await;
    let small = image["variants"][0]["url"].as_str().unwrap();
    let named = |images: Value| input("LAMP", json!({"images": images}));
    let product = shop.catalog.create(named(json!([small])), &Actor::SYSTEM).await.unwrap();
    assert_eq!(shop.delete(&image).await, 409);
    let changed = named(json!(["a.jpg", format!("https://cdn.example{small}")]));
    shop.catalog.update(product.id, 1, changed, &Actor::SYSTEM).await.unwrap();
    assert_eq!(shop.delete(&image).await, 409);
    let without = named(json!(["a.jpg"]));
    shop.catalog.update(product.id, 2, without, &Actor::SYSTEM).await.unwrap();
    assert_eq!(shop.delete(&image).await, 204);
    assert_eq!(shop.delete(&image).await, 404);
    assert_eq!(shop.get(small).await.status(), 404);
    assert_eq!(shop.kept().await, (0, 0));
    let line = format!("{{\"sku\":\"B\",\"name\":\"B\",\"price\":1,\"images\":[{small:?}]}}");
    let (_, image) = shop.upload(encoded(two_colours(50, 50), ImageFormat::Png)).await;
    let mut file = Cursor::new(line.into_bytes());
    let format = catalog::Format::Jsonl;
    shop.catalog.import(&mut file, format, &mut |_| {}).await.unwrap();
    assert_eq!(shop.delete(&image).await, 409);
}

async fn what_is_on_an_image_is_changed_by_version(db: Db) {
    let shop = shop(db);
    let (_, image) = shop.upload(encoded(two_colours(5, 5), ImageFormat::Png)).await;
    assert_eq!(image["variants"], json!([]));
    let uri = format!("/v1/admin/images/{}", image["id"].as_str().unwrap());
    let patch = |alt: &str, tag: &'static str| {
        let patch = TestRequest::patch().uri(&uri).set_json(json!({"alt": alt}));
        patch.insert_header((IF_MATCH, tag))
    };
    assert_eq!(shop.send(patch(&"x".repeat(501), "\"1\"")).await.status(), 422);
    let changed = shop.send(patch("A lamp", "\"1\"")).await;
    assert_eq!(changed.headers().get(ETAG).unwrap(), "\"2\"");
    assert_eq!(shop.send(patch("A lamp", "\"2\"")).await.headers().get(ETAG).unwrap(), "\"2\"");
    assert_eq!(shop.send(patch("Late", "\"1\"")).await.status(), 412);
    let read: Value = read_body_json(shop.get(&uri).await).await;
    assert_eq!((&read["alt"], &read["version"]), (&json!("A lamp"), &json!(2)));
}
