use actix_multipart::Multipart;
use actix_web::body::SizedStream;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LOCATION,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::{Stream, StreamExt};
use kernel::Problem;
use kernel::Timestamp;
use kernel::id::ImageId;
use kernel::page::{Page, PageQuery};
use kernel::problem::code;
use platform::http::{Answer, Body, Editor, Failure, IfMatch, Params, Staff, knows, no_content};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use super::files;
use crate::Catalog;
use crate::domain::{Image, Variant};

#[derive(OpenApi)]
#[openapi(
    paths(create, list, show, describe, delete, file),
    components(schemas(ImageView, VariantView, Description))
)]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/admin/images", web::post().to(create))
        .route("/v1/admin/images", web::get().to(list))
        .route("/v1/admin/images/{id}", web::get().to(show))
        .route("/v1/admin/images/{id}", web::patch().to(describe))
        .route("/v1/admin/images/{id}", web::delete().to(delete))
        .route("/media/{sha256}/{file}", web::get().to(file));
}

/// What is at an address of an upload never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// An image that is opened by itself may load and run nothing.
const NOTHING_ALLOWED: &str =
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox";

/// An image as a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
struct ImageFile(#[expect(dead_code, reason = "it describes a body")] Vec<u8>);

/// An uploaded image.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImageView {
    /// The image.
    id: ImageId,
    /// Where it is; what is there never changes. Products name it in `images`.
    url: String,
    /// In pixels, as it is to be seen.
    width: u32,
    /// In pixels, as it is to be seen.
    height: u32,
    /// Its media type, which its bytes tell.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its length.
    bytes: i64,
    /// What is said where it cannot be seen.
    alt: String,
    /// Smaller ones, the smallest first.
    variants: Vec<VariantView>,
    /// 1 when uploaded, one more with each change; the ETag.
    version: i64,
    /// When it was uploaded.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// An image in a smaller size.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VariantView {
    /// In pixels.
    width: u32,
    /// In pixels.
    height: u32,
    /// Where it is.
    url: String,
}

impl From<Image> for ImageView {
    fn from(image: Image) -> Self {
        let variant = |variant: &Variant| VariantView {
            width: variant.width,
            height: variant.height,
            url: image.address(&variant.file()),
        };
        Self {
            id: image.id,
            url: image.address(&image.file()),
            width: image.width,
            height: image.height,
            kind: image.kind.media_type(),
            bytes: image.bytes,
            variants: image.variants.iter().map(variant).collect(),
            version: image.version,
            created_at: image.created_at,
            alt: image.alt,
        }
    }
}

/// Uploads an image: the body itself, or the field `file` of a form. What it is its bytes tell, not
/// its Content-Type. The same image again is answered with the one that is there.
#[utoipa::path(
    post, path = "/v1/admin/images", tag = "catalog admin",
    request_body(content = inline(ImageFile), content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "The image", body = ImageView,
            headers(("ETag"), ("Location"))),
        (status = 200, description = "The image, which was there already", body = ImageView,
            headers(("ETag"), ("Location"))),
        (status = 413, description = "It is too long; nothing was kept", body = Problem),
        (status = 422, description = "It is no image that can be shown; nothing was kept", body = Problem),
    )
)]
pub(crate) async fn create(
    editor: Editor,
    request: HttpRequest,
    catalog: web::Data<Catalog>,
    payload: web::Payload,
) -> Answer {
    let bytes = upload(&request, payload, catalog.settings.images.bytes_max).await?;
    let (image, is_new) = catalog.add_image(&editor.actor(), bytes).await?;
    let mut response = if is_new { HttpResponse::Created() } else { HttpResponse::Ok() };
    response.insert_header((LOCATION, format!("/v1/admin/images/{}", image.id)));
    Ok(response.insert_header((ETAG, etag(&image))).json(ImageView::from(image)))
}

async fn upload(
    request: &HttpRequest,
    payload: web::Payload,
    bytes_max: usize,
) -> Result<Vec<u8>, Failure> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_form =
        kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"));
    if !is_form {
        return Ok(gather(payload, bytes_max).await?);
    }
    let mut form = Multipart::new(request.headers(), payload);
    while let Some(field) = form.next().await {
        let broken = |error| {
            let detail = format!("The form cannot be read: {error}.");
            Problem::new(code::INVALID_REQUEST, detail)
        };
        let field = field.map_err(broken)?;
        if field.name() == Some("file") {
            return Ok(gather(field, bytes_max).await?);
        }
    }
    Err(Problem::invalid("file", "must be a field of the form that holds the image").into())
}

async fn gather<E>(
    mut stream: impl Stream<Item = Result<Bytes, E>> + Unpin,
    bytes_max: usize,
) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        let cut = |_| Problem::new(code::INVALID_REQUEST, "The image ended too early.");
        let piece = piece.map_err(cut)?;
        if bytes.len() + piece.len() > bytes_max {
            let message = format!("must have at most {bytes_max} bytes");
            let detail = format!("file: {message}. Nothing was kept.");
            return Err(Problem::new(code::BODY_TOO_LARGE, detail).field("file", message));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn etag(image: &Image) -> String {
    format!("\"{}\"", image.version)
}

fn versioned(image: Image) -> HttpResponse {
    HttpResponse::Ok().insert_header((ETAG, etag(&image))).json(ImageView::from(image))
}

fn image_id(text: &str) -> Result<ImageId, Problem> {
    text.parse().map_err(|_| Problem::not_found("such image"))
}

/// Uploaded images, the newest first.
#[utoipa::path(
    get, path = "/v1/admin/images", tag = "catalog admin", params(PageQuery),
    responses((status = 200, description = "A page of images", body = Page<ImageView>))
)]
pub(crate) async fn list(_: Staff, catalog: web::Data<Catalog>, page: Params<PageQuery>) -> Answer {
    let before: Option<Uuid> = page.0.position()?;
    let images = catalog.images(before, page.0.limit()?).await?;
    Ok(HttpResponse::Ok().json(images.map(ImageView::from)))
}

/// One uploaded image. Its ETag is what a change of it sends as If-Match.
#[utoipa::path(
    get, path = "/v1/admin/images/{id}", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id")),
    responses(
        (status = 200, description = "The image", body = ImageView,
            headers(("ETag"))),
        (status = 404, description = "There is no such image", body = Problem),
    )
)]
pub(crate) async fn show(_: Staff, catalog: web::Data<Catalog>, id: web::Path<String>) -> Answer {
    Ok(versioned(catalog.image(image_id(&id)?).await?))
}

/// What is on an image.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    /// What is said where it cannot be seen, at most 500 characters.
    #[schema(max_length = 500)]
    alt: String,
}

/// Says what is on an image that still is in the version of If-Match.
#[utoipa::path(
    patch, path = "/v1/admin/images/{id}", tag = "catalog admin", request_body = Description,
    params(
        ("id" = Uuid, Path, description = "The id"),
        ("If-Match" = String, Header, description = "The version that was read, e.g. `\"1\"`"),
    ),
    responses(
        (status = 200, description = "The image as it is now", body = ImageView,
            headers(("ETag"))),
        (status = 412, description = "It was changed meanwhile: `current_version`", body = Problem),
        (status = 422, description = "The text is not allowed", body = Problem),
    )
)]
pub(crate) async fn describe(
    editor: Editor,
    version: IfMatch,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
    body: Body<Description>,
) -> Answer {
    let (id, alt) = (image_id(&id)?, body.value.alt);
    Ok(versioned(catalog.describe_image(&editor.actor(), id, version.0, alt).await?))
}

/// Deletes an image that no product names.
#[utoipa::path(
    delete, path = "/v1/admin/images/{id}", tag = "catalog admin",
    params(("id" = Uuid, Path, description = "The id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is no such image", body = Problem),
        (status = 409, description = "A product names it", body = Problem),
    )
)]
pub(crate) async fn delete(
    editor: Editor,
    catalog: web::Data<Catalog>,
    id: web::Path<String>,
) -> Answer {
    catalog.delete_image(&editor.actor(), image_id(&id)?).await?;
    no_content()
}

/// An uploaded image, or a smaller one of it.
#[utoipa::path(
    get, path = "/media/{sha256}/{file}", tag = "catalog",
    params(
        ("sha256" = String, Path, description = "The SHA-256 of the upload"),
        ("file" = String, Path, description = "`original` or a width, and the ending of its type"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of what is known already"),
    ),
    responses(
        (status = 200, description = "The image", content(
            (inline(ImageFile) = "image/jpeg"), (inline(ImageFile) = "image/png"),
            (inline(ImageFile) = "image/webp"), (inline(ImageFile) = "image/gif"),
        ),
            headers(("ETag"))),
        (status = 304, description = "It is what If-None-Match says", headers(("ETag"))),
        (status = 404, description = "There is no such image", body = Problem),
    )
)]
pub(crate) async fn file(
    request: HttpRequest,
    catalog: web::Data<Catalog>,
    path: web::Path<(String, String)>,
) -> Answer {
    let (sha256, name) = path.into_inner();
    let (kind, file) = catalog.image_file(&sha256, &name).await?;
    let tag = format!("{sha256}/{name}");
    let known = knows(&request, |known| known == tag);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, format!("\"{tag}\"")));
    response.insert_header((CACHE_CONTROL, IMMUTABLE));
    if known {
        return Ok(response.finish());
    }
    let length = file.metadata().await.map_err(Failure::internal)?.len();
    response.insert_header((CONTENT_SECURITY_POLICY, NOTHING_ALLOWED));
    response.insert_header((CONTENT_TYPE, kind.media_type()));
    Ok(response.body(SizedStream::new(length, Box::pin(files::pieces(file)))))
}
