//! What commands say.

use std::process::Output;

use crate::support::Shop;

/// What a command printed, which must succeed.
pub fn said(shop: &Shop, arguments: &[&str]) -> String {
    let output = tokio::task::block_in_place(|| shop.run(arguments));
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Why a command did nothing.
pub fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Why a command does nothing.
pub fn refuses(shop: &Shop, arguments: &[&str]) -> String {
    refused(&tokio::task::block_in_place(|| shop.run(arguments)))
}
