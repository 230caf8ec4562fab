//! `#[derive(Record)]`: how a row of a database becomes a struct.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, Fields, Result, parse_macro_input};

/// Implements `platform::sql::Record`: each field is the column of its name.
///
/// `#[record(flatten)]` on a field reads another record from the same row, `#[record(skip)]` leaves
/// the field at its default.
#[proc_macro_derive(Record, attributes(record))]
pub fn record(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    implement(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn implement(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "a record is a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(&input.ident, "a record's fields have names"));
    };
    let name = &input.ident;
    let reads = fields.named.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(quote! {
        impl ::platform::sql::Record for #name {
            fn read(row: &::platform::sql::Row<'_>) -> ::platform::sql::Result<Self> {
                Ok(Self { #(#reads),* })
            }
        }
    })
}

fn read(field: &Field) -> Result<TokenStream> {
    let name = &field.ident;
    let column = name.as_ref().map(ToString::to_string);
    let mut source = quote!(row.get(#column)?);
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("record")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("flatten") {
                source = quote!(::platform::sql::Record::read(row)?);
            } else if meta.path.is_ident("skip") {
                source = quote!(::core::default::Default::default());
            } else {
                return Err(meta.error("known here: flatten, skip"));
            }
            Ok(())
        })?;
    }
    Ok(quote!(#name: #source))
}
