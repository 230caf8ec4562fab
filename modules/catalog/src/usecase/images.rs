use kernel::id::ImageId;
use kernel::page::Page;
use platform::audit::{self, Actor, Entry};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Catalog;
use crate::domain::{Image, ImageType, check_alt, is_sha256};
use crate::error::{Error, Result};
use crate::media::Media;
use crate::store::images;

impl Catalog {
    fn media(&self) -> Result<&Media> {
        self.media.as_ref().ok_or(Error::NoFolder)
    }

    /// Keeps an image and smaller ones of it. True when it is new: the same bytes are one image.
    pub async fn add_image(&self, actor: &Actor, bytes: Vec<u8>) -> Result<(Image, bool)> {
        let media = self.media()?;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        if let Some(known) = images::by_sha256(&self.db, &sha256).await? {
            return Ok((known, false));
        }
        let id = ImageId::new();
        let rendered = media.add(id, bytes, self.settings.images.clone()).await?;
        // The files are on the disk before there is a row, so a row never points to nothing.
        let mut tx = self.db.begin("catalog.image.create").await?;
        let now = tx.now();
        let image = Image {
            id,
            sha256,
            kind: rendered.kind,
            width: rendered.width,
            height: rendered.height,
            bytes: i64::try_from(rendered.original.len()).unwrap_or(i64::MAX),
            alt: String::new(),
            variants: rendered.variants.iter().map(|(variant, _)| *variant).collect(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        if !images::insert(&mut tx, &image).await? {
            drop(tx);
            media.remove(id).await;
            let known = images::by_sha256(&self.db, &image.sha256).await?;
            return known.map(|known| (known, false)).ok_or(Error::Busy);
        }
        let entry = Entry::created("image.create", id.uuid(), &image)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        tx.commit().await?;
        Ok((image, true))
    }

    /// An image.
    pub async fn image(&self, id: ImageId) -> Result<Image> {
        images::by_id(&self.db, id).await?.ok_or(Error::Absent("image"))
    }

    /// A page of the images, the newest first.
    pub async fn images(&self, before: Option<Uuid>, limit: u32) -> Result<Page<Image>> {
        let found = images::list(&self.db, before, i64::from(limit) + 1).await?;
        Ok(Page::cut(found, limit, |image| image.id))
    }

    /// Says what is on an image that still is in `version`.
    pub async fn describe_image(
        &self,
        actor: &Actor,
        id: ImageId,
        version: i64,
        alt: String,
    ) -> Result<Image> {
        let errors = check_alt(&alt);
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let mut tx = self.db.begin("catalog.image.update").await?;
        let before = images::by_id_in(&mut tx, id).await?.ok_or(Error::Absent("image"))?;
        if before.version != version {
            return Err(Error::Stale { current: before.version });
        }
        if before.alt == alt {
            return Ok(before);
        }
        if !images::describe(&mut tx, id, version, &alt).await? {
            drop(tx);
            return Err(Error::Stale { current: self.image(id).await?.version });
        }
        let after = Image { alt, version: version + 1, updated_at: tx.now(), ..before.clone() };
        let entry = Entry::changed("image.update", id.uuid(), &before, &after)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// Deletes an image that no product names, and its files.
    pub async fn delete_image(&self, actor: &Actor, id: ImageId) -> Result<()> {
        let media = self.media()?;
        let mut tx = self.db.begin("catalog.image.delete").await?;
        let image = images::by_id_in(&mut tx, id).await?.ok_or(Error::Absent("image"))?;
        if let Some(sku) = images::user(&mut tx, id).await? {
            return Err(Error::ImageUsed { sku });
        }
        if !images::delete(&mut tx, id).await? {
            return Err(Error::Absent("image"));
        }
        let entry = Entry::deleted("image.delete", id.uuid(), &image)?;
        audit::record(&mut tx, actor, &[entry]).await?;
        tx.commit().await?;
        media.remove(id).await;
        Ok(())
    }

    /// A file of the image with this SHA-256, and what it is encoded as.
    pub(crate) async fn image_file(
        &self,
        sha256: &str,
        file: &str,
    ) -> Result<(ImageType, tokio::fs::File)> {
        let absent = || Error::Absent("image");
        if !is_sha256(sha256) {
            return Err(absent());
        }
        let image = images::by_sha256(&self.db, sha256).await?.ok_or_else(absent)?;
        let kind = image.kind_of(file).ok_or_else(absent)?;
        Ok((kind, self.media()?.open(image.id, file).await?))
    }
}
