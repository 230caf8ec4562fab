//! A JSON body as its parser hears it, without a tree being made of it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::field::Field;
use crate::reading::Reading;
use crate::rules::Rule;
use crate::verdict::Part;

/// Reads every text and every name of a body. One that is no JSON is read as far as it is: what is
/// behind the fault is nothing that its handler sees.
pub(crate) fn read(body: &[u8], reading: &mut Reading<'_>) {
    let mut parser = serde_json::Deserializer::from_slice(body);
    let root = Node { reading, field: None, depth: 0 };
    let _ = root.deserialize(&mut parser);
}

/// A value that is about to be read.
struct Node<'n, 'f> {
    reading: &'n mut Reading<'f>,
    field: Option<&'n Field<'n>>,
    depth: usize,
}

impl Node<'_, '_> {
    fn text<E: Error>(self, text: &str) -> Result<(), E> {
        self.reading.value(text, Part::Json, self.field.unwrap_or(&Field::WHOLE));
        if self.reading.is_full() { Err(E::custom("too many values")) } else { Ok(()) }
    }

    /// Goes one level deeper.
    fn enter<E: Error>(&mut self) -> Result<(), E> {
        self.depth += 1;
        if self.depth <= self.reading.settings().max_depth {
            return Ok(());
        }
        self.reading.note(&[Rule::Oversized], Part::Json, &Field::WHOLE);
        Err(E::custom("too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(text)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.enter()?;
        for index in 0.. {
            let field = Field::item(self.field, index);
            let item = Node { reading: self.reading, field: Some(&field), depth: self.depth };
            if items.next_element_seed(item)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.enter()?;
        while let Some(name) = members.next_key_seed(Name)? {
            let field = Field::member(self.field, &name);
            self.reading.name(&name, Part::Json, &field);
            members.next_value_seed(Node {
                reading: self.reading,
                field: Some(&field),
                depth: self.depth,
            })?;
        }
        Ok(())
    }
}

/// The name of a member, which is a part of the body unless it is written with escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
