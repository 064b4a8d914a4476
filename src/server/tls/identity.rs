//! Who shows a certificate.
//!
//! That an authority of ours has signed it was checked by the handshake. What is read here is the
//! subject, of which only the common name counts.

use ring::digest;
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::access::PeerCertificate;

/// The object identifier 2.5.4.3, common name.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;

/// What `certificate` says; `None` if it cannot be read.
pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<PeerCertificate> {
    let fingerprint = digest::digest(&digest::SHA256, certificate);
    let fingerprint = fingerprint.as_ref().try_into().expect("a SHA-256 has 32 bytes");
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    Some(PeerCertificate {
        fingerprint,
        common_name: common_name(certificate.subject()).map(str::to_owned),
        dns_names: certificate.valid_dns_names().map(str::to_owned).collect(),
    })
}

/// The common name in the contents of a subject, if there is exactly one. With two of them it would
/// be open which one is meant.
fn common_name(mut subject: &[u8]) -> Option<&str> {
    let mut found = None;
    while !subject.is_empty() {
        let mut attributes = take(SET, &mut subject)?;
        while !attributes.is_empty() {
            let mut attribute = take(SEQUENCE, &mut attributes)?;
            if take(OBJECT_IDENTIFIER, &mut attribute)? != COMMON_NAME {
                continue;
            }
            let name = take(UTF8_STRING, &mut attribute)
                .or_else(|| take(PRINTABLE_STRING, &mut attribute))?;
            let name = std::str::from_utf8(name).ok()?;
            if found.replace(name).is_some() {
                return None;
            }
        }
    }
    found
}

/// Takes what stands at the front of `bytes`, if it has this tag: gives its contents.
fn take<'a>(tag: u8, bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (&[found, length], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => rest.split_first().map(|(&length, rest)| (usize::from(length), rest))?,
        0x82 => {
            let (&length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(length)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    (found == tag).then(|| {
        *bytes = rest;
        contents
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(tag: u8, contents: &[u8]) -> Vec<u8> {
        let length = match contents.len() {
            short @ 0..=0x7f => vec![short as u8],
            long @ 0x80..=0xff => vec![0x81, long as u8],
            long => vec![0x82, (long >> 8) as u8, long as u8],
        };
        [&[tag], length.as_slice(), contents].concat()
    }

    fn attribute(identifier: &[u8], tag: u8, text: &[u8]) -> Vec<u8> {
        let contents = [item(OBJECT_IDENTIFIER, identifier), item(tag, text)].concat();
        item(SET, &item(SEQUENCE, &contents))
    }

    #[test]
    fn the_one_common_name_of_a_subject_is_found() {
        let name = |tag, text: &str| attribute(COMMON_NAME, tag, text.as_bytes());
        let country = attribute(&[0x55, 0x04, 0x06], PRINTABLE_STRING, b"DE");
        let long = "n".repeat(300);
        let cases = [
            (vec![], None),
            (country.clone(), None),
            (name(UTF8_STRING, "désk"), Some("désk")),
            ([country.clone(), name(PRINTABLE_STRING, "desk")].concat(), Some("desk")),
            ([name(UTF8_STRING, "a"), country.clone()].concat(), Some("a")),
            (name(UTF8_STRING, &long), Some(long.as_str())),
            ([name(UTF8_STRING, "a"), name(UTF8_STRING, "b")].concat(), None),
            (name(0x1e, "\0a"), None),
            (attribute(COMMON_NAME, UTF8_STRING, &[0xff]), None),
        ];
        for (subject, found) in &cases {
            assert_eq!(common_name(subject), *found, "{subject:?}");
        }
    }

    #[test]
    fn a_subject_that_is_cut_off_has_no_name() {
        let whole = attribute(COMMON_NAME, UTF8_STRING, b"desk");
        for length in 0..whole.len() {
            assert_eq!(common_name(&whole[..length]), None, "{length}");
        }
    }
}
