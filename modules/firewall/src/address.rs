//! Addresses that a server must not be made to fetch.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Schemes that no shop's partner is reached by.
const REFUSED: [&[u8]; 14] = [
    b"gopher", b"dict", b"file", b"ldap", b"ldaps", b"jar", b"php", b"phar", b"expect", b"netdoc",
    b"tftp", b"sftp", b"rmi", b"zip",
];

/// Whether the folded text holds the address of something within, or of a scheme that is refused.
pub(crate) fn is_inside(text: &[u8]) -> bool {
    let mut from = 0;
    while let Some(found) = text[from..].iter().position(|byte| *byte == b':') {
        let at = from + found;
        if !text[at..].starts_with(b"://") {
            from = at + 1;
            continue;
        }
        let before = text[from..at].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric());
        let scheme = &text[at - before.take(12).count()..at];
        from = at + 3;
        if REFUSED.contains(&scheme) || scheme.starts_with(b"http") && is_inner_host(&text[from..])
        {
            return true;
        }
    }
    false
}

/// Whether an address that begins here names a host within.
fn is_inner_host(rest: &[u8]) -> bool {
    let end =
        rest.iter().take(256).position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'\\' | b' '));
    let authority = &rest[..end.unwrap_or(rest.len().min(256))];
    let host = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
    let Ok(host) = std::str::from_utf8(host) else { return false };
    if let Some(literal) = host.strip_prefix('[') {
        let literal = literal.split(']').next().unwrap_or_default();
        return literal.parse::<Ipv6Addr>().is_ok_and(|address| is_inner(IpAddr::V6(address)));
    }
    let name = host.split(':').next().unwrap_or_default().trim_end_matches('.');
    let internal = [".localhost", ".internal", ".local", ".localdomain"];
    name == "localhost"
        || internal.iter().any(|suffix| name.ends_with(suffix))
        || loose_ipv4(name).is_some_and(|address| is_inner(IpAddr::V4(address)))
}

/// An IPv4 address as C libraries read it: one to four parts, decimal, octal or hexadecimal.
fn loose_ipv4(name: &str) -> Option<Ipv4Addr> {
    let mut parts = Vec::with_capacity(4);
    for part in name.split('.') {
        let number = match (part.strip_prefix("0x"), part.strip_prefix('0')) {
            (Some(digits), _) => u32::from_str_radix(digits, 16),
            (None, Some(digits)) if !digits.is_empty() => u32::from_str_radix(digits, 8),
            _ => part.parse(),
        };
        parts.push(number.ok()?);
        if parts.len() > 4 {
            return None;
        }
    }
    let (last, leading) = parts.split_last()?;
    let mut address = *last;
    for (index, part) in leading.iter().enumerate() {
        address |= part.checked_shl(24 - 8 * u32::try_from(index).ok()?)?;
    }
    Some(Ipv4Addr::from(address))
}

fn is_inner(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let [first, second, ..] = four.octets();
            four.is_private()
                || four.is_loopback()
                || four.is_link_local()
                || four.is_unspecified()
                || first == 0
                || first == 100 && (64..128).contains(&second)
        }
        IpAddr::V6(six) => {
            six.is_loopback()
                || six.is_unspecified()
                || six.is_unique_local()
                || six.is_unicast_link_local()
                || six.to_ipv4_mapped().is_some_and(|four| is_inner(IpAddr::V4(four)))
        }
    }
}
