//! Packs: events of long ago, a thousand in a row of the database instead of a row each.
//!
//! A pack is made in one commit with the end of its rows, once it was unpacked again and found to be the same. Events
//! never change, also not when somebody is erased: what they have of a person is sealed under a key that is destroyed. So
//! neither does a pack. What is asked of the past by its subject finds the packs by `packed_subject`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use kernel::{Envelope, Timestamp};
use platform::sql::Json;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Published, rows_after};
use crate::sql::{Db, Error, Result};
use crate::verify::Check;

crate::statements! {
    LAST_PACKED = "select coalesce(max(first_pos) + 999, 0) from outbox_pack";
    KEEP_PACK =
        "insert into outbox_pack (first_pos, last_pos, newest_at, digest, body)
         values ($1, $2, $3, $4, $5) on conflict (first_pos) do nothing";
    KEEP_SUBJECTS =
        concat!(crate::json_rows!(),
        "insert into packed_subject (subject, pack, first_version, last_version, kinds)
         select unhex(value->>'subject', '-'), $2, value->>'first_version',
                value->>'last_version', value->>'kinds' from given"),
        "insert into packed_subject (subject, pack, first_version, last_version, kinds)
         select subject, $2, first_version, last_version, kinds
           from jsonb_to_recordset($1) as e(subject uuid, first_version bigint,
                last_version bigint, kinds text)";
    END_ROWS =
        "delete from outbox where seq between $1 and $2",
        "delete from outbox where pos between $1 and $2";
    PACK = "select first_pos, digest, body from outbox_pack where first_pos = $1";
    PACK_AFTER = "select first_pos, digest, body from outbox_pack
                   where first_pos > $1 order by first_pos limit 1";
    PACKS_OF = "select k.first_pos, k.digest, k.body
                  from packed_subject s join outbox_pack k on k.first_pos = s.pack
                 where s.subject = $1";
    SUBJECTS_OF_PACK =
        "select subject, first_version, last_version, kinds from packed_subject
          where pack = $1 and subject in (select unhex(value, '-') from json_each($2))",
        "select subject, first_version, last_version, kinds from packed_subject
          where pack = $1 and subject in
                (select cast(value as uuid) from jsonb_array_elements_text($2))";
    PACKED_SUBJECTS = "select count(*) from packed_subject";
    /// The rows, the first of them, the packed events, the newest event: at one moment.
    EVENTS =
        "select (select count(*) from outbox), (select min(seq) from outbox),
                (select coalesce(sum(last_pos - first_pos + 1), 0) from outbox_pack),
                (select coalesce(max(seq), 0) from outbox)",
        "select (select count(*) from outbox where pos is not null), (select min(pos) from outbox),
                (select cast(coalesce(sum(last_pos - first_pos + 1), 0) as bigint) from outbox_pack),
                (select pos from outbox_head)";
}

/// How many events are in a pack; the schema knows that too.
const SIZE: i64 = 1_000;
/// A pack is written once, and read seldom.
const LEVEL: flate2::Compression = flate2::Compression::best();

/// A pack as it is stored: `body` is the events as lines of JSON, by gzip.
#[derive(platform::sql::Record)]
struct Pack {
    first_pos: i64,
    /// Of the body, by SHA-256.
    digest: Vec<u8>,
    body: Vec<u8>,
}

/// Which events of a subject a pack has.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, platform::sql::Record)]
struct PackedSubject {
    subject: Uuid,
    first_version: i64,
    last_version: i64,
    /// Each once, the oldest first, with spaces in between.
    kinds: String,
}

impl Pack {
    /// Packs events that follow each other.
    fn of(events: &[Published]) -> Result<Self> {
        let first_pos = events.first().map_or(0, |event| event.pos);
        let write = || -> std::io::Result<Vec<u8>> {
            let mut lines = GzEncoder::new(Vec::new(), LEVEL);
            for event in events {
                serde_json::to_writer(&mut lines, &event.envelope)?;
                lines.write_all(b"\n")?;
            }
            lines.finish()
        };
        let body = write().map_err(|error| damaged(first_pos, error))?;
        let pack = Self { first_pos, digest: Sha256::digest(&body).to_vec(), body };
        if pack.events()? != events {
            return Err(damaged(first_pos, "they are not what they were"));
        }
        Ok(pack)
    }

    /// The lines of its events. Refused when they are not what was packed.
    fn lines(&self) -> Result<String> {
        if Sha256::digest(&self.body).as_slice() != self.digest {
            return Err(damaged(self.first_pos, "their pack was changed"));
        }
        let mut lines = String::new();
        let read = GzDecoder::new(self.body.as_slice()).read_to_string(&mut lines);
        read.map_err(|error| damaged(self.first_pos, error))?;
        Ok(lines)
    }

    fn events(&self) -> Result<Vec<Published>> {
        let lines = self.lines()?;
        let events = lines
            .lines()
            .zip(self.first_pos..)
            .map(|(line, pos)| Ok(Published { pos, envelope: self.event(line)? }));
        events.collect()
    }

    fn event(&self, line: &str) -> Result<Envelope> {
        serde_json::from_str(line).map_err(|error| damaged(self.first_pos, error))
    }
}

fn damaged(first_pos: i64, why: impl std::fmt::Display) -> Error {
    Error::Inconsistent(format!("the packed events from {first_pos} on: {why}"))
}

/// Which subjects events are about, in the order of their ids. Refused when a version is not there.
fn subjects(events: &[Published]) -> Result<Vec<PackedSubject>> {
    let mut found: BTreeMap<Uuid, PackedSubject> = BTreeMap::new();
    for Published { pos, envelope } in events {
        let Envelope { subject, version, kind, .. } = envelope;
        let of = found.entry(*subject).or_insert_with(|| PackedSubject {
            subject: *subject,
            first_version: *version,
            last_version: *version - 1,
            kinds: String::new(),
        });
        if *version != of.last_version + 1 {
            return Err(damaged(*pos, format!("{subject} lacks a version before {version}")));
        }
        of.last_version = *version;
        if of.kinds.split(' ').all(|known| known != kind) {
            let between = if of.kinds.is_empty() { "" } else { " " };
            of.kinds.extend([between, kind]);
        }
    }
    Ok(found.into_values().collect())
}

/// Packs the next events, if all that are to be in one pack happened before a time and lie at `reached` or before it. True
/// when there may be more. Any number of nodes may do so at once.
pub(crate) async fn pack(db: &Db, reached: i64, before: Timestamp) -> Result<bool> {
    let (packed,): (i64,) = db.query(LAST_PACKED).one().await?;
    let (first, last) = (packed + 1, packed + SIZE);
    // The newest event stays a row: SQLite gives out places by it.
    if last > reached || last >= super::last(db).await? {
        return Ok(false);
    }
    let is_old = |event: &Published| event.envelope.time < before;
    if !rows_after(db, last - 1, 1).await?.iter().all(is_old) {
        return Ok(false);
    }
    let events = rows_after(db, packed, SIZE).await?;
    let Some(newest) = events.iter().map(|event| event.envelope.time).max() else {
        return Ok(false);
    };
    // Others than these are there when another node packs them now, or when one is lost, which is said elsewhere.
    let is_whole = events.iter().map(|event| event.pos).eq(first..=last);
    if !is_whole || newest >= before {
        return Ok(false);
    }
    let made = tokio::task::spawn_blocking(move || Ok((Pack::of(&events)?, subjects(&events)?)));
    let (pack, subjects) = made.await.unwrap_or_else(|error| Err(damaged(first, error)))?;

    let mut tx = db.begin("outbox.pack").await?;
    let keep = tx.query(KEEP_PACK).bind(first).bind(last).bind(newest);
    if keep.bind(pack.digest).bind(pack.body).execute().await? == 0 {
        return Ok(true);
    }
    tx.query(KEEP_SUBJECTS).bind(Json(&subjects)).bind(first).execute().await?;
    let ended = tx.query(END_ROWS).bind(first).bind(last).execute().await?;
    if ended != SIZE.unsigned_abs() {
        return Err(damaged(first, format!("{ended} of them were there to be packed")));
    }
    tx.commit().await?;
    Ok(true)
}

/// The packed events after a place, in order; none when the next one is in no pack.
pub(super) async fn read_after(db: &Db, pos: i64, limit: i64) -> Result<Vec<Published>> {
    let limit = usize::try_from(limit).unwrap_or(0);
    let mut found: Vec<Published> = Vec::new();
    loop {
        let after = found.last().map_or(pos, |event| event.pos);
        let first_pos = after.div_euclid(SIZE) * SIZE + 1;
        let pack: Option<Pack> = db.query(PACK).bind(first_pos).optional().await?;
        let Some(pack) = pack else { return Ok(found) };
        let left = limit - found.len();
        found.extend(pack.events()?.into_iter().filter(|event| event.pos > after).take(left));
        if found.last().is_none_or(|event| event.pos == after) || found.len() >= limit {
            return Ok(found);
        }
    }
}

/// The packed events of a subject, in no order.
pub(super) async fn of_subject(db: &Db, subject: Uuid) -> Result<Vec<Envelope>> {
    let mut found = Vec::new();
    let name = subject.to_string();
    for pack in db.query(PACKS_OF).bind(subject).all::<Pack>().await? {
        for line in pack.lines()?.lines().filter(|line| line.contains(&name)) {
            let event = pack.event(line)?;
            found.extend((event.subject == subject).then_some(event));
        }
    }
    Ok(found)
}

/// Checks that no event is lost, as a row or packed, and that every pack is what it was.
pub(crate) async fn verify(db: &Db, check: &mut Check) -> Result<()> {
    let module = db.module();
    let (rows, first, packed, last): (i64, Option<i64>, i64, i64) = db.query(EVENTS).one().await?;
    check.rows += rows.unsigned_abs() + packed.unsigned_abs();
    if rows + packed != last {
        check.broken(format!("{module} has {rows} and {packed} packed of {last} events"));
    }
    if first.is_some_and(|first| first != packed + 1) {
        check.broken(format!("{module} has no row behind {packed} packed events"));
    }
    let (mut after, mut known, mut are_whole) = (0, 0, true);
    while let Some(pack) = db.query(PACK_AFTER).bind(after).optional::<Pack>().await? {
        after = pack.first_pos;
        match look_at(db, &pack).await {
            Ok(subjects) => known += subjects,
            Err(Error::Inconsistent(what)) => {
                are_whole = false;
                check.broken(format!("{module}: {what}"));
            }
            Err(error) => return Err(error),
        }
    }
    let (subjects,): (i64,) = db.query(PACKED_SUBJECTS).one().await?;
    if are_whole && usize::try_from(subjects) != Ok(known) {
        check.broken(format!("{module} finds {subjects} subjects in packs, which have {known}"));
    }
    Ok(())
}

/// Unpacks a pack and compares it with what is said of it; how many subjects it has.
async fn look_at(db: &Db, pack: &Pack) -> Result<usize> {
    let events = pack.events()?;
    if i64::try_from(events.len()) != Ok(SIZE) {
        return Err(damaged(pack.first_pos, format!("there are {} of {SIZE}", events.len())));
    }
    let subjects = subjects(&events)?;
    let ids: Vec<Uuid> = subjects.iter().map(|of| of.subject).collect();
    let query = db.query(SUBJECTS_OF_PACK).bind(pack.first_pos).bind(Json(ids));
    let said: BTreeSet<PackedSubject> = query.all().await?.into_iter().collect();
    let known = subjects.len();
    if said != subjects.into_iter().collect() {
        return Err(damaged(pack.first_pos, "they are not found by their subjects"));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// What may be in an event: amounts are whole numbers.
    fn data() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|fields| json!(fields)),
            ]
        })
    }

    fn event() -> impl Strategy<Value = Envelope> {
        let micros = -62_000_000_000_000_000..250_000_000_000_000_000_i64;
        let words = (any::<String>(), "[a-z]{1,8}\\.[a-z]{1,8}", any::<String>());
        (any::<[u128; 2]>(), words, any::<i64>(), micros, data()).prop_map(
            |([id, subject], (source, kind, trace), version, micros, data)| Envelope {
                id: Uuid::from_u128(id).into(),
                source,
                kind,
                version,
                time: Timestamp::from_timestamp_micros(micros).unwrap(),
                subject: Uuid::from_u128(subject),
                trace,
                data,
            },
        )
    }

    fn published(events: Vec<Envelope>, first: i64) -> Vec<Published> {
        events.into_iter().zip(first..).map(|(envelope, pos)| Published { pos, envelope }).collect()
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            events in prop::collection::vec(event(), 0..40), first in 1..1_000_000_i64,
        ) {
            let events = published(events, first);
            prop_assert_eq!(Pack::of(&events).unwrap().events().unwrap(), events);
        }

        #[test]
        fn every_byte_of_a_pack_counts(
            events in prop::collection::vec(event(), 1..4), at in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let mut pack = Pack::of(&published(events, 1)).unwrap();
            let at = at.index(pack.body.len());
            pack.body[at] ^= 1 << bit;
            pack.events().unwrap_err();
        }
    }

    #[test]
    fn a_subject_is_found_by_its_versions_and_kinds() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let told = |subject, version, kind: &str| Envelope {
            id: kernel::id::EventId::new(),
            source: "stoa.order".to_owned(),
            kind: kind.to_owned(),
            version,
            time: Timestamp::default(),
            subject,
            trace: String::new(),
            data: Value::Null,
        };
        let a = |version, kind| told(one, version, kind);
        let events = vec![a(3, "a.b"), told(two, 1, "c.d"), a(4, "e.f"), a(5, "a.b")];
        let of = |subject, first_version, last_version, kinds: &str| PackedSubject {
            subject,
            first_version,
            last_version,
            kinds: kinds.to_owned(),
        };
        let found = subjects(&published(events, 1)).unwrap();
        assert_eq!(found, [of(one, 3, 5, "a.b e.f"), of(two, 1, 1, "c.d")]);
        subjects(&published(vec![a(3, "a.b"), a(5, "a.b")], 1)).unwrap_err();
    }
}
