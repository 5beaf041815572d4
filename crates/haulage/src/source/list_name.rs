//! What the name of a list says about its content.

/// Words for algorithms in the names of checksum lists, supported or not.
const ALGORITHMS: [&str; 9] = [
    "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "b2", "b3", "blake3",
];

/// Returns whether a list with this name has checksums: `SHA256SUMS`, `md5sum.txt`, `CHECKSUMS`,
/// `x.iso.sha256`, also compressed or signed.
pub(super) fn is_of_checksums(name: &str) -> bool {
    about(name).is_some()
}

/// Returns whether the checksums in a list with this name are BLAKE3: `B3SUMS`, `x.iso.b3`.
pub(super) fn is_of_blake3(name: &str) -> bool {
    about(name).is_some_and(|word| matches!(&*word, "b3" | "blake3"))
}

/// Returns the extension of a name, in small letters and without that of a compression; `None` if
/// there is none.
pub(super) fn extension(name: &str) -> Option<String> {
    let name = file_name(name)?;
    let (stem, extension) = without_compression(&name).rsplit_once('.')?;
    (!stem.is_empty()).then(|| extension.to_owned())
}

/// Returns whether a list with this name is a sitemap, if it is XML: `sitemap.xml`,
/// `sitemap-2.xml.gz`.
pub(super) fn is_of_sitemap(name: &str) -> bool {
    file_name(name).is_some_and(|name| name.starts_with("sitemap"))
}

/// Returns the last component of a path, in small letters.
fn file_name(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next()?;
    Some(name.to_ascii_lowercase())
}

/// Returns a name without the ending of compressed files.
fn without_compression(name: &str) -> &str {
    let endings = [".gz", ".zst", ".bz2", ".xz"];
    let stem = endings.iter().find_map(|ending| name.strip_suffix(ending));
    stem.unwrap_or(name)
}

/// Returns the algorithm in the name of a checksum list, or just `check`; `None` if it is not the
/// name of a checksum list.
fn about(name: &str) -> Option<String> {
    let name = file_name(name)?;
    let stem = without_compression(&name);
    let stem = stem.strip_suffix(".asc").unwrap_or(stem);
    let without_sums = |word: &str| {
        let stem = word.strip_suffix("sums").or(word.strip_suffix("sum"))?;
        Some(stem.to_owned())
    };
    // A name that only ends like this, such as `urls-with-md5sums.txt`, says nothing.
    let whole = without_sums(stem.strip_suffix(".txt").unwrap_or(stem));
    let ending = stem
        .rsplit_once('.')
        .map(|(_, ending)| without_sums(ending).unwrap_or_else(|| ending.to_owned()));
    let is_known = |word: &String| ALGORITHMS.contains(&&**word);
    whole
        .filter(|word| word == "check" || is_known(word))
        .or(ending.filter(is_known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_checksum_lists() {
        for name in [
            "SHA256SUMS",
            "d/SHA512SUMS.gz",
            "MD5SUMS",
            "SHA1SUMS.asc",
            "md5sum.txt",
            "sha256sums.txt.zst",
            "CHECKSUMS",
            "CHECKSUM",
            "x.iso.sha256",
            "x.tar.gz.md5",
            "x.SHA512SUM",
            "B3SUMS",
        ] {
            assert!(is_of_checksums(name), "{name}");
        }
        for name in [
            "",
            "-",
            "list.txt",
            "urls.gz",
            "sha256",
            "sums",
            "SUMS.txt",
            "x.sha256.txt",
            "urls-with-md5sums.txt",
            "sha256sums/urls",
            "x.checksum",
        ] {
            assert!(!is_of_checksums(name), "{name}");
        }
    }

    #[test]
    fn names_of_blake3_lists() {
        for (name, is) in [
            ("B3SUMS", true),
            ("x.b3", true),
            ("x.b3sum.gz", true),
            ("blake3sums.txt", true),
            ("SHA256SUMS", false),
            ("CHECKSUMS", false),
            ("b3", false),
        ] {
            assert_eq!(is_of_blake3(name), is, "{name}");
        }
    }
}
