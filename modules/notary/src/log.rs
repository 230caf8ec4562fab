//! The log as files: entries are appended, and what is there is proved. It knows no database.

use std::collections::HashMap;
use std::path::Path;

use secrecy::zeroize::Zeroizing;

use crate::domain::checkpoint::Checkpoint;
use crate::domain::edge::{Edge, File};
use crate::domain::merkle::{self, Hash, Node, Span};
use crate::domain::note::{Signer, signed_by_log};
use crate::domain::receipt::receipt;
use crate::domain::tile::{Kind, Tile, from_entries, from_hashes, to_entries, to_hashes};
use crate::error::LogError;
use crate::folder::Folder;

/// The name of the file with the secret half of the key, in the folder of keys.
const KEY_FILE: &str = "ledger.key";

/// A log that can be gone on with. It has no `Debug`: it holds the key.
pub struct Log {
    folder: Folder,
    signer: Signer,
}

/// What is signed of a log: its checkpoint as a text with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note.
    pub note: String,
}

impl Log {
    /// Opens the log of a folder. Its key is made when there is none, and names the log `origin` from
    /// then on: a key that is there keeps its name.
    pub fn open(folder: &Path, keys: &Path, origin: &str) -> Result<Self, LogError> {
        let file = keys.join(KEY_FILE);
        let failed = |source| LogError::File { file: file.clone(), source };
        std::fs::create_dir_all(keys).map_err(failed)?;
        let secret = Zeroizing::new(platform::random::bytes::<32>());
        let new = Signer::new(origin, &secret).ok_or(LogError::Origin)?;
        let text = platform::key_file::read_or_make(&file, || new.secret()).map_err(failed)?;
        let signer = Signer::read(&text).ok_or_else(|| LogError::Key { file: file.clone() })?;
        Ok(Self { folder: Folder::open(folder, &signer.public())?, signer })
    }

    /// The public half of the key: `name+id+key`.
    pub fn public_key(&self) -> String {
        self.signer.public()
    }

    /// What is signed; none before the first checkpoint.
    pub fn head(&self) -> Result<Option<Head>, LogError> {
        let Some(note) = self.folder.checkpoint()? else { return Ok(None) };
        let checkpoint = self.signed(&note)?;
        Ok(Some(Head { checkpoint, note }))
    }

    /// The newest checkpoint that witnesses signed, with what they signed, if `head` goes on from it. Nothing waits for
    /// witnesses: one that cannot be read, or is of another history, is none, and is replaced when they sign again.
    pub fn witnessed(&self, head: &Head) -> Option<Head> {
        self.going_on(self.folder.witnessed(), head)
    }

    fn going_on(&self, kept: Result<Option<String>, LogError>, head: &Head) -> Option<Head> {
        let found = kept.and_then(|note| note.map(|note| self.beginning(note, head)).transpose());
        match found {
            Ok(found) => found.flatten(),
            Err(error) => {
                tracing::warn!(%error, "what witnesses signed cannot be used");
                None
            }
        }
    }

    /// What a note says that witnesses signed, if `head` goes on from it.
    fn beginning(&self, note: String, head: &Head) -> Result<Option<Head>, LogError> {
        let own = signed_by_log(&note).ok_or(LogError::Checkpoint("it is not signed"))?;
        let checkpoint = self.signed(own)?;
        let (old, new) = (&checkpoint, &head.checkpoint);
        if old.size > new.size {
            return Ok(None);
        }
        let proof = self.consistency(old.size, new.size)?;
        if !merkle::is_consistent((old.size, old.root), (new.size, new.root), &proof) {
            return Err(LogError::Fork);
        }
        Ok(Some(Head { checkpoint, note }))
    }

    /// Keeps a checkpoint with what witnesses signed of it, unless they have signed a newer one.
    pub(crate) fn keep_witnessed(&self, head: &Head, note: &str) -> Result<(), LogError> {
        let newest = self.head()?;
        let known = newest.and_then(|newest| self.witnessed(&newest));
        if known.is_some_and(|known| known.checkpoint.size > head.checkpoint.size) {
            return Ok(());
        }
        self.folder.keep_witnessed(note)
    }

    /// What a note says that this log's key signed alone.
    fn signed(&self, note: &str) -> Result<Checkpoint, LogError> {
        let text = self.signer.open(note).ok_or(LogError::Checkpoint("its signature is wrong"))?;
        let checkpoint = Checkpoint::read(text).ok_or(LogError::Checkpoint("it cannot be read"))?;
        if checkpoint.origin != self.signer.name() {
            return Err(LogError::Checkpoint("it is of another log"));
        }
        Ok(checkpoint)
    }

    /// Signs the log without entries, which is its beginning. Refused when there is a checkpoint.
    pub fn begin(&self) -> Result<Head, LogError> {
        let checkpoint = Checkpoint::empty(self.signer.name());
        let note = self.signer.sign(&checkpoint.text());
        self.folder.swap(None, &note)?;
        Ok(Head { checkpoint, note })
    }

    /// Appends entries behind what is signed, and signs what is there then. Whoever dies in between has
    /// changed nothing that is signed; the same entries may be appended again.
    pub fn append(&self, from: &Head, entries: Vec<Vec<u8>>) -> Result<Head, LogError> {
        let files = self.extend(from, entries)?;
        for (tile, bytes) in &files.files {
            self.folder.write(tile, bytes)?;
        }
        let head = self.publish(from, files.checkpoint)?;
        for (tile, _) in files.files.iter().filter(|(tile, _)| tile.is_full()) {
            self.folder.forget_partial(tile)?;
        }
        Ok(head)
    }

    /// The files of a log with further entries, and its checkpoint.
    pub(crate) fn extend(&self, from: &Head, entries: Vec<Vec<u8>>) -> Result<Extension, LogError> {
        let mut edge = self.edge(from.checkpoint.size)?;
        if edge.root() != from.checkpoint.root {
            return Err(LogError::Fork);
        }
        let mut files = Vec::new();
        for entry in entries {
            edge.append(entry, &mut files).map_err(|_| LogError::TooLong)?;
        }
        files.extend(edge.partial().map_err(|_| LogError::TooLong)?);
        let origin = self.signer.name().to_owned();
        let checkpoint = Checkpoint { origin, size: edge.size(), root: edge.root() };
        Ok(Extension { files, checkpoint })
    }

    /// Writes one file of an extension.
    #[cfg(test)]
    pub(crate) fn write(&self, (tile, bytes): &File) -> Result<(), LogError> {
        self.folder.write(tile, bytes)
    }

    /// Signs what is on disk, if it goes on from what was signed, and swaps the checkpoints.
    pub(crate) fn publish(&self, from: &Head, to: Checkpoint) -> Result<Head, LogError> {
        let (old, new) = (&from.checkpoint, &to);
        let proof = self.consistency(old.size, new.size)?;
        if !merkle::is_consistent((old.size, old.root), (new.size, new.root), &proof) {
            return Err(LogError::Fork);
        }
        let note = self.signer.sign(&to.text());
        self.folder.swap(Some(&from.note), &note)?;
        Ok(Head { checkpoint: to, note })
    }

    fn edge(&self, size: u64) -> Result<Edge, LogError> {
        let mut levels = Vec::new();
        for level in Edge::levels_of(size) {
            let tile = Tile::partial(Kind::Hashes(level), size);
            levels.push(tile.map_or(Ok(Vec::new()), |tile| self.hashes(&tile))?);
        }
        let bundle = Tile::partial(Kind::Entries, size);
        let entries = bundle.map_or(Ok(Vec::new()), |tile| self.entries(&tile))?;
        Ok(Edge::new(size, levels, entries))
    }

    fn hashes(&self, tile: &Tile) -> Result<Vec<Hash>, LogError> {
        let damaged = || LogError::Damaged { path: tile.path() };
        let (found, bytes) = self.folder.tile(tile)?.ok_or_else(damaged)?;
        let mut hashes = to_hashes(&bytes, found.width).ok_or_else(damaged)?;
        hashes.truncate(usize::try_from(tile.width).unwrap_or(usize::MAX));
        Ok(hashes)
    }

    fn entries(&self, tile: &Tile) -> Result<Vec<Vec<u8>>, LogError> {
        let damaged = || LogError::Damaged { path: tile.path() };
        let (found, bytes) = self.folder.tile(tile)?.ok_or_else(damaged)?;
        let mut entries = to_entries(&bytes, found.width).ok_or_else(damaged)?;
        entries.truncate(usize::try_from(tile.width).unwrap_or(usize::MAX));
        Ok(entries)
    }

    /// The entries of a bundle, of a log of `size` entries: those from `256 * index` on.
    pub fn bundle(&self, index: u64, size: u64) -> Result<Vec<Vec<u8>>, LogError> {
        let tile = Tile::at(Kind::Entries, index, size).ok_or(LogError::Beyond { size })?;
        self.entries(&tile)
    }

    /// The hash of an entry, as the tree of `size` entries has it.
    pub(crate) fn leaf_hash(&self, index: u64, size: u64) -> Result<Hash, LogError> {
        self.reader(size).node(Node { height: 0, index })
    }

    /// The bytes of a file by its place, such as `tile/0/000.p/7`; none when there is no such file
    /// of what is signed.
    pub fn file(&self, path: &str) -> Result<Option<Vec<u8>>, LogError> {
        let (Some(tile), Some(head)) = (Tile::read(path), self.head()?) else { return Ok(None) };
        let signed = Tile::at(tile.kind, tile.index, head.checkpoint.size);
        match signed {
            Some(signed) if tile.width <= signed.width => self.folder.exactly(&tile),
            _ => Ok(None),
        }
    }

    /// Copies what is signed into a folder, the checkpoint at last. An older export in it is gone on
    /// with; one of another log is refused.
    pub fn export(&self, to: &Path) -> Result<Head, LogError> {
        // What was signed before the head was read is of its beginning.
        let kept = self.folder.witnessed();
        let head = self.head()?.ok_or(LogError::Checkpoint("there is none yet"))?;
        let size = head.checkpoint.size;
        self.goes_on_with(to, &head)?;
        let folder = Folder::open(to, &self.signer.public())?;
        let levels = Edge::levels_of(size).map(Kind::Hashes);
        let tiles = levels
            .chain([Kind::Entries])
            .flat_map(|kind| (0..).map_while(move |index| Tile::at(kind, index, size)));
        for tile in tiles {
            let bytes = match tile.kind {
                Kind::Hashes(_) => from_hashes(&self.hashes(&tile)?),
                Kind::Entries => from_entries(&self.entries(&tile)?).ok_or(LogError::TooLong)?,
            };
            folder.write(&tile, &bytes)?;
        }
        folder.swap(folder.checkpoint()?.as_deref(), &head.note)?;
        if let Some(witnessed) = self.going_on(kept, &head) {
            folder.keep_witnessed(&witnessed.note)?;
        }
        Ok(head)
    }

    /// Refuses a folder with an export that is not the beginning of this log.
    fn goes_on_with(&self, to: &Path, head: &Head) -> Result<(), LogError> {
        let Some(note) = Folder::checkpoint_in(to)? else { return Ok(()) };
        let text = self.signer.open(&note);
        let old = text.and_then(Checkpoint::read);
        let old = old.ok_or(LogError::Checkpoint("that of the export is of another log"))?;
        let (size, root) = (head.checkpoint.size, head.checkpoint.root);
        if old.size > size {
            return Err(LogError::Fork);
        }
        let proof = self.consistency(old.size, size)?;
        if merkle::is_consistent((old.size, old.root), (size, root), &proof) {
            Ok(())
        } else {
            Err(LogError::Fork)
        }
    }

    /// The proof that the entry at `index` is in the tree of `size` entries (RFC 6962, section 2.1.1).
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, LogError> {
        if index >= size {
            return Err(LogError::Beyond { size });
        }
        self.reader(size).all(&merkle::inclusion(index, size))
    }

    /// The proof that the tree of `old` entries is the beginning of the one of `new` (section 2.1.2).
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, LogError> {
        if old > new {
            return Err(LogError::Beyond { size: new });
        }
        self.reader(new).all(&merkle::consistency(old, new))
    }

    /// The receipt of an entry: itself, its proof and the checkpoint (C2SP's tlog-proof).
    pub fn receipt(&self, head: &Head, index: u64, entry: &[u8]) -> Result<String, LogError> {
        let proof = self.inclusion(index, head.checkpoint.size)?;
        Ok(receipt(entry, index, &proof, &head.note))
    }

    fn reader(&self, size: u64) -> Reader<'_> {
        Reader { log: self, size, tiles: HashMap::new() }
    }
}

/// What an append writes.
pub(crate) struct Extension {
    pub files: Vec<File>,
    pub checkpoint: Checkpoint,
}

/// Reads hashes of subtrees out of tiles, each tile once.
struct Reader<'l> {
    log: &'l Log,
    size: u64,
    tiles: HashMap<String, Vec<Hash>>,
}

impl Reader<'_> {
    fn all(&mut self, spans: &[Span]) -> Result<Vec<Hash>, LogError> {
        spans.iter().map(|span| self.span(*span)).collect()
    }

    fn span(&mut self, span: Span) -> Result<Hash, LogError> {
        let nodes: Result<Vec<Hash>, LogError> =
            span.nodes().into_iter().map(|node| self.node(node)).collect();
        Ok(merkle::root_of(&nodes?))
    }

    fn node(&mut self, node: Node) -> Result<Hash, LogError> {
        let (tile, hashes) =
            Tile::of(node, self.size).ok_or(LogError::Beyond { size: self.size })?;
        let path = tile.path();
        let known = match self.tiles.entry(path.clone()) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => free.insert(self.log.hashes(&tile)?),
        };
        let subtree = known.get(hashes).ok_or(LogError::Damaged { path })?;
        Ok(merkle::complete_root(subtree))
    }
}
