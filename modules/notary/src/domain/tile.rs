//! Where hashes and entries lie, as C2SP's tlog-tiles has it: at most 256 of them in a file.

use super::merkle::{Hash, Node};

/// How many hashes or entries a full tile has.
pub(crate) const FULL: u64 = 256;
/// A full tile is a subtree of this height.
const HEIGHT: u32 = 8;

/// What a tile has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Hashes of subtrees of `256^level` entries.
    Hashes(u32),
    /// Entries.
    Entries,
}

/// A file of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tile {
    pub kind: Kind,
    /// Which of its kind.
    pub index: u64,
    /// How many hashes or entries it has, 1 to 256.
    pub width: u64,
}

impl Tile {
    /// The tile of an index as a log of `size` entries has it; none when that is empty.
    pub(crate) fn at(kind: Kind, index: u64, size: u64) -> Option<Self> {
        let level = if let Kind::Hashes(level) = kind { level } else { 0 };
        let all = size.checked_shr(HEIGHT * level).unwrap_or(0);
        let width = all.saturating_sub(index.checked_mul(FULL)?).min(FULL);
        (width > 0).then_some(Self { kind, index, width })
    }

    /// The last tile of a kind, if it is not full.
    pub(crate) fn partial(kind: Kind, size: u64) -> Option<Self> {
        let level = if let Kind::Hashes(level) = kind { level } else { 0 };
        let all = size.checked_shr(HEIGHT * level).unwrap_or(0);
        Self::at(kind, all / FULL, size)
    }

    /// The tile that a subtree's hash is made of, in a log of `size` entries, and which of its hashes.
    pub(crate) fn of(node: Node, size: u64) -> Option<(Self, std::ops::Range<usize>)> {
        let (level, within) = (node.height / HEIGHT, node.height % HEIGHT);
        let first = node.index.checked_shl(within)?;
        let tile = Self::at(Kind::Hashes(level), first / FULL, size)?;
        let start = usize::try_from(first % FULL).ok()?;
        let end = start + (1 << within);
        (end as u64 <= tile.width).then_some((tile, start..end))
    }

    /// Whether it will never change.
    pub(crate) fn is_full(&self) -> bool {
        self.width == FULL
    }

    /// The same when it has become full.
    pub(crate) fn filled(self) -> Self {
        Self { width: FULL, ..self }
    }

    /// Its place without its width.
    pub(crate) fn stem(&self) -> String {
        let kind = match self.kind {
            Kind::Hashes(level) => level.to_string(),
            Kind::Entries => "entries".to_owned(),
        };
        let mut parts = vec![format!("{:03}", self.index % 1_000)];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            parts.insert(0, format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        format!("tile/{kind}/{}", parts.join("/"))
    }

    /// Its place, such as `tile/0/x001/067` or `tile/entries/000.p/7`.
    pub(crate) fn path(&self) -> String {
        let stem = self.stem();
        if self.is_full() { stem } else { format!("{stem}.p/{}", self.width) }
    }

    /// The tile of a place. There is one way to write each.
    pub(crate) fn read(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = if kind == "entries" { Kind::Entries } else { Kind::Hashes(kind.parse().ok()?) };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().ok()?),
            None => (rest, FULL),
        };
        let digits = index.split('/').map(|part| part.strip_prefix('x').unwrap_or(part));
        let index = digits.collect::<String>().parse().ok()?;
        let tile = Self { kind, index, width };
        let is_sound = matches!(kind, Kind::Entries | Kind::Hashes(0..64));
        (is_sound && (1..=FULL).contains(&width) && tile.path() == path).then_some(tile)
    }
}

/// The bytes of a tile of hashes.
pub(crate) fn from_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// The hashes of a tile; none when its bytes are not so many hashes.
pub(crate) fn to_hashes(bytes: &[u8], width: u64) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && hashes.len() as u64 == width).then(|| hashes.to_vec())
}

/// The bytes of a bundle of entries, each behind its length in two bytes; none when an entry is longer
/// than they can say.
pub(crate) fn from_entries(entries: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend(u16::try_from(entry.len()).ok()?.to_be_bytes());
        bytes.extend(entry);
    }
    Some(bytes)
}

/// The entries of a bundle; none when its bytes are not so many entries.
pub(crate) fn to_entries(mut bytes: &[u8], width: u64) -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry.to_vec());
        bytes = rest;
    }
    (bytes.is_empty() && entries.len() as u64 == width).then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_specification() {
        let tile = |kind, index, width| Tile { kind, index, width };
        let known = [
            (tile(Kind::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067"),
            (tile(Kind::Hashes(0), 273, 112), "tile/0/273.p/112"),
            (tile(Kind::Hashes(2), 0, 1), "tile/2/000.p/1"),
            (tile(Kind::Entries, 1_000, 256), "tile/entries/x001/000"),
        ];
        for (tile, path) in known {
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::read(path), Some(tile), "{path}");
        }
        for path in [
            "tile/0/1",
            "tile/00/001",
            "tile/64/001",
            "tile/0/x000/001",
            "tile/0/001.p/0",
            "tile/0/001.p/256",
            "tile/0/001.p/07",
            "tile/0/../001",
            "tile/0/x/001",
            "tile/0/+01",
            "tile/data/001",
            "checkpoint",
        ] {
            assert_eq!(Tile::read(path), None, "{path}");
        }
    }

    #[test]
    fn a_log_of_70_000_entries_has_the_tiles_of_the_specification() {
        let width = |level, index| Tile::at(Kind::Hashes(level), index, 70_000).map(|it| it.width);
        assert_eq!([width(0, 272), width(0, 273), width(0, 274)], [Some(256), Some(112), None]);
        assert_eq!([width(1, 0), width(1, 1), width(2, 0)], [Some(256), Some(17), Some(1)]);
        assert_eq!([width(2, 1), width(3, 0), width(63, 0)], [None; 3]);
        let whole = |level| Tile::at(Kind::Hashes(level), 0, 256).map(|it| it.width);
        assert_eq!([whole(0), whole(1)], [Some(256), Some(1)]);
        assert_eq!(Tile::partial(Kind::Hashes(0), 256), None);
    }

    #[test]
    fn bundles_are_read_as_they_were_written() {
        let entries = [vec![], vec![1], vec![7; 65_535]];
        let bytes = from_entries(&entries).unwrap();
        assert_eq!(to_entries(&bytes, 3).unwrap(), entries);
        assert_eq!(to_entries(&bytes, 2), None);
        assert_eq!(to_entries(&bytes[..bytes.len() - 1], 3), None);
        assert_eq!(from_entries(&[vec![0; 65_536]]), None);
    }
}
