//! What a row requests, as a key that is the same in every run, wherever the row is in its list.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::checksum::Checksum;
use crate::options::{FileNames, Layout};
use crate::request::Request;
pub(crate) use crate::request_key::{RecordLocation, RequestKey};

impl RequestKey {
    pub(crate) fn of(request: &Request, layout: Layout, naming: FileNames) -> Self {
        let mut hasher = Sha256::new();
        let mut part = |text: &str| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        };
        part(&request.given);
        part(match layout {
            Layout::Flat => "flat",
            Layout::Tree => "tree",
            Layout::Hashed => "hashed",
            Layout::Row => "row",
        });
        part(match naming {
            FileNames::FromUrl => "by url",
            FileNames::FromServer => "by server",
        });
        part(request.name.as_ref().map_or("", |name| name.as_str()));
        for checksum in &request.checksums {
            part(&checksum.to_string());
        }
        if let Some(size) = request.size() {
            part(&format!("size={size}"));
        }
        Self {
            hash: hash(hasher),
            fields: fields(request),
            recorded: None,
        }
    }

    /// Returns the key of a row that is not a valid request, made from its text.
    pub(crate) fn of_bad_row(text: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(text);
        Self {
            hash: hash(hasher),
            fields: None,
            recorded: None,
        }
    }
}

impl RequestKey {
    /// Returns the name and the checksums that the row gives, from its fields.
    pub(super) fn name_and_checksums(&self) -> (Option<Arc<str>>, Vec<Checksum>) {
        let fields = self.fields.as_deref().unwrap_or_default().split('\t');
        let name = fields.clone().find_map(|field| field.strip_prefix("out="));
        let is_checksum = |field: &&str| !field.contains("://") && !field.starts_with("label=");
        let checksums = fields.filter(is_checksum);
        (
            name.map(Arc::from),
            checksums.filter_map(|field| field.parse().ok()).collect(),
        )
    }
}

fn hash(hasher: Sha256) -> i64 {
    let digest = hasher.finalize();
    digest[..8]
        .iter()
        .fold(0, |hash, byte| hash << 8 | i64::from(*byte))
}

fn fields(request: &Request) -> Option<Box<str>> {
    let mirrors = request.mirrors.iter().map(|(url, _)| url.to_string());
    let name = request
        .name
        .iter()
        .map(|name| format!("out={}", name.as_str()));
    let checksums = request.checksums.iter().map(ToString::to_string);
    let is_field = |label: &&Arc<str>| !label.contains(['\t', '\n', '\r']);
    let label = request.label.iter().filter(is_field);
    let label = label.map(|label| format!("label={label}"));
    let fields: Vec<_> = mirrors.chain(name).chain(checksums).chain(label).collect();
    (!fields.is_empty()).then(|| fields.join("\t").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(request: &Request) -> RequestKey {
        RequestKey::of(request, Layout::Flat, FileNames::FromUrl)
    }

    #[test]
    fn it_is_the_same_for_ever_and_another_for_all_that_matters() {
        let request = || Request::new("http://u:secret@host/a").unwrap();
        let plain = key_of(&request());
        assert_eq!(plain, key_of(&Request::new("http://host/a").unwrap()));
        assert_eq!((plain.hash, plain.fields), (HASH, None));
        let sum = "crc32c=00000001".parse().unwrap();
        for other in [
            key_of(&request().named("b").unwrap()),
            key_of(&request().checksum(sum).unwrap()),
            RequestKey::of(&request(), Layout::Tree, FileNames::FromUrl),
            RequestKey::of(&request(), Layout::Flat, FileNames::FromServer),
        ] {
            assert_ne!(other.hash, HASH);
        }
    }

    /// The key in existing databases, which must not change.
    const HASH: i64 = -7_814_428_072_815_931_641;

    #[test]
    fn its_fields_are_those_of_a_list_without_secrets() {
        let request = Request::new("http://h/a").unwrap();
        let request = request.mirror("http://u:secret@m/a").unwrap();
        let request = request.named("x/b").unwrap().labelled("two words");
        let sum: Checksum = "crc32c=00000001".parse().unwrap();
        let key = key_of(&request.checksum(sum.clone()).unwrap());
        assert_eq!(
            key.fields.as_deref(),
            Some("http://m/a\tout=x/b\tcrc32c=00000001\tlabel=two words")
        );
        assert_eq!(key.name_and_checksums(), (Some("x/b".into()), vec![sum]));
    }
}
