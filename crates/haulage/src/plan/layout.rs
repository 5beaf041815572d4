//! Layouts: where the file of a URL is saved below the destination, and its name.

use memchr::memrchr;
use sha2::{Digest, Sha256};

use super::accepted::Accepted;
use super::component::{Component, hex, split_extension};
use super::name::TargetName;
use crate::http_url::HttpUrl;
use crate::options::Layout;

/// The file name for a URL without a last path segment.
const INDEX: &str = "index.html";
/// Digits of a row's number: names of up to a billion rows sort in input order.
const ROW_DIGITS: usize = 9;
/// Bytes of the hash in a name: with 128 bits, two of 10⁸ URLs share a name once in 10²² lists.
const HASH_BYTES: usize = 16;

/// Returns the name that a layout gives to a row's file. `given` is the URL as given, `row` is the
/// row's number, and `accepted` returns what the destination accepts in names.
pub(crate) fn name(
    layout: Layout,
    url: &HttpUrl,
    given: &str,
    row: u64,
    accepted: &dyn Fn() -> Accepted,
) -> TargetName {
    match layout {
        Layout::Flat => flat(url, given, accepted),
        Layout::Tree => tree(url, given, accepted),
        Layout::Hashed => hashed(url, given),
        Layout::Row => numbered(url, row),
    }
}

/// Returns the row whose number is at the beginning of a name, as in [`Layout::Row`]; `None` if the
/// name does not begin with such a number.
pub(crate) fn number_of(name: &TargetName) -> Option<u64> {
    let first = name.as_str().split(['.', '/']).next()?;
    let is_number = first.len() >= ROW_DIGITS && first.bytes().all(|byte| byte.is_ascii_digit());
    first.parse().ok().filter(|_| is_number)
}

/// Returns the name for [`Layout::Flat`]: the last segment of the path, without query and fragment.
fn flat(url: &HttpUrl, given: &str, accepted: &dyn Fn() -> Accepted) -> TargetName {
    let file = Component::of_segment(last_segment(url), accepted);
    TargetName::of_components([file], given)
}

/// Returns the name for [`Layout::Tree`]: the host, with its port if that is not the scheme's
/// default, then the folders of the path and the file: `host_8080/a/b`. Empty segments are left
/// out, as a file system would do. A query shows in the file's name.
fn tree(url: &HttpUrl, given: &str, accepted: &dyn Fn() -> Accepted) -> TargetName {
    // IPv6 addresses have colons, as has the port, and some platforms forbid them in file names.
    // Replacing them loses nothing, so the name does not count as changed.
    let host = url.authority().replace(':', "_");
    let folders = url.path().rsplit_once('/').map_or("", |(above, _)| above);
    let folders = folders.split('/').filter(|folder| !folder.is_empty());
    let folders = folders.map(|folder| Component::of_segment(folder, accepted));
    let mut file = Component::of_segment(last_segment(url), accepted);
    if url.has_query() {
        file = file.changed();
    }
    let host = Component::of_text(&host, accepted);
    let components = std::iter::once(host).chain(folders).chain([file]);
    TargetName::of_components(components, given)
}

/// Returns the name for [`Layout::Hashed`], `ab/cd/abcd….gif`: the first half of the SHA-256 of the
/// URL as given, in 65,536 folders.
fn hashed(url: &HttpUrl, given: &str) -> TargetName {
    let digest = Sha256::digest(given.as_bytes());
    let name = hex(&digest[..HASH_BYTES]);
    let (first, second) = (&name[..2], &name[2..4]);
    TargetName::of_safe(format!("{first}/{second}/{name}{}", extension(url)))
}

/// Returns the name for [`Layout::Row`], `000000042.gif`.
fn numbered(url: &HttpUrl, row: u64) -> TargetName {
    TargetName::of_safe(format!("{row:0ROW_DIGITS$}{}", extension(url)))
}

/// Returns the extension of the flat name, with its dot. It is empty if the name has none, or if
/// the extension has other characters than ASCII letters and digits.
fn extension(url: &HttpUrl) -> String {
    let file = Component::of_segment(last_segment(url), &Accepted::nothing);
    let (_, extension) = split_extension(file.as_str());
    let is_plain = extension
        .bytes()
        .skip(1)
        .all(|byte| byte.is_ascii_alphanumeric());
    if is_plain {
        extension.to_owned()
    } else {
        String::new()
    }
}

fn last_segment(url: &HttpUrl) -> &str {
    let path = url.path();
    match memrchr(b'/', path.as_bytes()).map(|slash| &path[slash + 1..]) {
        Some(segment) if !segment.is_empty() => segment,
        _ => INDEX,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::component::NameTag;
    use crate::plan::component::tests::{assert_plain, assert_safe_path, awkward};

    const GIVEN: &str = "http://host.example/a";
    const LAYOUTS: [Layout; 4] = [Layout::Flat, Layout::Tree, Layout::Hashed, Layout::Row];

    fn named(layout: Layout, url: &str, row: u64) -> TargetName {
        name(layout, &HttpUrl::of(url), url, row, &Accepted::nothing)
    }

    fn flat(url: &str) -> String {
        named(Layout::Flat, url, 0).as_str().to_owned()
    }

    /// Returns a name with `~` in place of the URL's tag.
    fn untagged(name: &TargetName, url: &str) -> String {
        name.as_str().replace(NameTag::of(url).as_str(), "~")
    }

    /// Asserts that the name of a URL is changed to this stem and extension, with the URL's tag.
    fn changed(url: &str, stem: &str, extension: &str) {
        let name = named(Layout::Flat, url, 0);
        assert_eq!(untagged(&name, url), format!("{stem}~{extension}"), "{url}");
    }

    #[test]
    fn a_plain_name_is_the_last_segment_decoded_once() {
        for (url, name) in [
            ("http://h/a/b.gif?x=1/2#f/g", "b.gif"),
            ("http://h/", "index.html"),
            ("http://h", "index.html"),
            ("http://h/a/", "index.html"),
            ("http://h/%61%20b.txt", "a b.txt"),
            ("http://h/a%2541", "a%41"),
            ("http://h/100%", "100%"),
            ("http://h/%C3%A4.png", "ä.png"),
            ("http://h/ä.png", "ä.png"),
            ("http://h/%E2%9D%A4%EF%B8%8F.png", "❤\u{fe0f}.png"),
            ("http://h/.bashrc", ".bashrc"),
            ("http://h/%EF%BF%BD", "\u{fffd}"),
            ("http://h/COM10", "COM10"),
            ("http://h/console", "console"),
        ] {
            assert_eq!(flat(url), name, "{url}");
        }
    }

    #[test]
    fn what_is_not_plain_is_made_so_and_says_so() {
        for (url, stem, extension) in [
            ("http://h/%2e%2e%2fetc%2Fpasswd", ".._etc_passwd", ""),
            ("http://h/..%5c..%5ca.exe", ".._.._a", ".exe"),
            ("http://h/%5C%5Cserver%5Cshare", "__server_share", ""),
            ("http://h/%2Fetc%2Fpasswd", "_etc_passwd", ""),
            ("http://h/a%00.gif", "a_", ".gif"),
            ("http://h/C:a%3Astream.txt", "C_a_stream", ".txt"),
            ("http://h/%3C%3E%22%7C%3F*", "______", ""),
            ("http://h/%1B%5B31mred.txt", "[31mred", ".txt"),
            ("http://h/gpj%E2%80%AE.exe", "gpj", ".exe"),
            ("http://h/a%C2%85%7Fb", "ab", ""),
            ("http://h/a%EF%BB%BF%E2%80%8Bb", "ab", ""),
            ("http://h/%20a.txt.%20.", "a", ".txt"),
            ("http://h/%20", "_", ""),
            ("http://h/...", "_", ""),
            ("http://h/.%E2%80%8B.", "_", ""),
            ("http://h/CON", "_CON", ""),
            ("http://h/nul%20.tar.gz", "_nul .tar", ".gz"),
            ("http://h/com%C2%B9.txt", "_com¹", ".txt"),
            ("http://h/Lpt9.", "_Lpt9", ""),
            ("http://h/conin$", "_conin$", ""),
            ("http://h/.haul", "_haul", ""),
            ("http://h/.HAUL.%20.", "_HAUL", ""),
            ("http://h/.ha%E2%80%8Dul", "_haul", ""),
            ("http://h/HAUL~1", "_HAUL~1", ""),
            ("http://h/a%FF.bin", "a\u{fffd}", ".bin"),
        ] {
            changed(url, stem, extension);
        }
    }

    #[test]
    fn a_long_name_is_cut_on_a_character_boundary_and_keeps_its_extension() {
        let url = format!("http://h/{}.jpeg", "ä".repeat(130));
        changed(&url, &"ä".repeat(120), ".jpeg");
        let url = format!("http://h/{}", "x".repeat(256));
        changed(&url, &"x".repeat(246), "");
        let url = format!("http://h/{}", "x".repeat(255));
        assert_eq!(flat(&url), "x".repeat(255));
        let url = format!("http://h/{}.{}", "x".repeat(243), "y".repeat(300));
        let name = named(Layout::Flat, &url, 0);
        assert_eq!(name.distinct(&url), name);
    }

    #[test]
    fn a_tree_has_the_host_the_folders_and_a_tag_for_a_query() {
        for (url, expected) in [
            ("http://host.example/a/b.gif", "host.example/a/b.gif"),
            ("https://host.example:443/a/b.gif#c", "host.example/a/b.gif"),
            ("http://host.example:8080/b.gif", "host.example_8080/b.gif"),
            ("http://[2001:db8::1]:81/b.gif", "[2001_db8__1]_81/b.gif"),
            ("http://host.example", "host.example/index.html"),
            ("http://host.example/a/", "host.example/a/index.html"),
            ("http://host.example/?a/b", "host.example/index~.html"),
            ("http://host.example/b.gif?", "host.example/b~.gif"),
            (
                "http://host.example/a/b.gif?c=/d#e",
                "host.example/a/b~.gif",
            ),
            ("http://host.example//a///b", "host.example/a/b"),
            ("http://host.example/a/./../c/../b", "host.example/b"),
            ("http://host.example/c/%2E%2e/b", "host.example/c/_~/b~"),
            ("http://host.example/a\\b/c", "host.example/a_b~/c~"),
            (
                "http://host.example/%C3%A4%20/%61%2541",
                "host.example/ä~/a%41~",
            ),
            (
                "http://host.example/a%2Fb/..%5cc/d",
                "host.example/a_b~/.._c~/d~",
            ),
            (
                "http://host.example/.haul/nul/a%FF",
                "host.example/_haul~/_nul~/a\u{fffd}~",
            ),
            ("http://con/a", "_con~/a~"),
            ("http://.haul/a", "_haul~/a~"),
            ("http://host.example./a.b", "host~.example/a~.b"),
        ] {
            let name = named(Layout::Tree, url, 0);
            assert_eq!(untagged(&name, url), expected, "{url}");
        }
    }

    #[test]
    fn a_tree_that_is_too_deep_or_long_is_cut_and_says_so() {
        for folder in ["a", "%C3%A4", &"x".repeat(300)] {
            let url = format!("http://h/{}b.gif?c", format!("{folder}/").repeat(20_000));
            let name = named(Layout::Tree, &url, 0);
            assert!(
                (1_700..2_400).contains(&name.as_str().len()),
                "{}",
                name.as_str().len()
            );
            assert!(name.as_str().starts_with("h/") && untagged(&name, &url).ends_with("/b~.gif"));
            assert_safe_path(name.as_str());
        }
        let fits = format!("http://h/{}b.gif", "a/".repeat(1_023));
        assert_eq!(
            named(Layout::Tree, &fits, 0).as_str(),
            &fits["http://".len()..]
        );
        let over = format!("http://h/{}b.gif", "a/".repeat(1_024));
        let cut = named(Layout::Tree, &over, 0);
        assert_eq!(
            untagged(&cut, &over),
            fits["http://".len()..].replace("b.gif", "b~.gif")
        );
    }

    #[test]
    fn a_hashed_name_is_the_hash_of_the_url_as_given_with_a_plain_extension() {
        // printf %s http://host.example/a | sha256sum
        let hash = "b3/3d/b33d24b1";
        let name = named(Layout::Hashed, GIVEN, 7);
        assert!(name.as_str().starts_with(hash), "{}", name.as_str());
        assert_eq!(name.as_str().len(), "b3/3d/".len() + 32);
        let other = name_of_spelling("http://HOST.example/a");
        assert_ne!(other, name, "the URL as given is another");
        let tag = NameTag::of(GIVEN);
        assert!(
            name.file().starts_with(&tag.as_str()[1..]),
            "the tag's digits are the same"
        );
        for (url, extension) in EXTENSIONS {
            let name = named(Layout::Hashed, url, 7);
            assert_eq!(&name.as_str()[38..], extension, "{url}");
        }
    }

    fn name_of_spelling(given: &str) -> TargetName {
        name(
            Layout::Hashed,
            &HttpUrl::of(GIVEN),
            given,
            7,
            &Accepted::nothing,
        )
    }

    #[test]
    fn a_row_is_named_by_its_number_so_that_names_sort_as_rows_do() {
        for (url, extension) in EXTENSIONS {
            let name = named(Layout::Row, url, 42);
            assert_eq!(name.as_str(), format!("000000042{extension}"), "{url}");
        }
        let names = [0, 9, 10, 99_999_999, 100_000_000].map(|row| named(Layout::Row, GIVEN, row));
        assert!(
            names
                .windows(2)
                .all(|two| two[0].as_str() < two[1].as_str())
        );
        assert_eq!(
            named(Layout::Row, GIVEN, u64::MAX).as_str(),
            u64::MAX.to_string()
        );
    }

    /// URLs, and what is kept of their extensions.
    const EXTENSIONS: [(&str, &str); 10] = [
        ("http://h/b.gif?c.png", ".gif"),
        ("http://h/b.tar.gz", ".gz"),
        ("http://h/", ".html"),
        ("http://h/b%2EJPEG", ".JPEG"),
        ("http://h/b.gif%20", ".gif"),
        ("http://h/.bashrc", ""),
        ("http://h/b", ""),
        ("http://h/b.a%20b", ""),
        ("http://h/b.%C3%A4", ""),
        ("http://h/b.12345678901234567", ""),
    ];

    /// Percent-encodes every byte.
    fn encoded(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "%{byte:02X}");
            text
        })
    }

    proptest! {
        #[test]
        fn any_segment_becomes_one_plain_component(bytes in awkward(), other in "[a-z]{0,4}") {
            let url = HttpUrl::of(&format!("http://h/d/{}?q#f", encoded(&bytes)));
            let flat = name(Layout::Flat, &url, GIVEN, 0, &Accepted::nothing);
            assert_plain(flat.as_str());
            // Safe names stay as they are, and so do distinct ones.
            let safe = Component::of_text(flat.as_str(), &Accepted::nothing);
            prop_assert_eq!(&TargetName::of_components([safe], &other), &flat);
            let distinct = flat.distinct(GIVEN);
            assert_plain(distinct.as_str());
            prop_assert_eq!(&distinct.distinct(GIVEN), &distinct);
            let numbered = flat.numbered(GIVEN, u64::MAX);
            assert_plain(numbered.as_str());
            prop_assert_ne!(numbered, distinct);
        }

        #[test]
        fn every_layout_gives_plain_components_and_the_same_ones_again(
            host in "(h|con|\\.haul|haul~1|x\\.|[a-z]{1,60}\\.example|127\\.0\\.0\\.1|\\[::1\\])(:[1-9][0-9]{0,3})?",
            segments in proptest::collection::vec(prop_oneof![awkward().prop_map(|bytes| encoded(&bytes)), "\\PC{0,9}"], 0..5),
            deep in prop_oneof![4 => 0..4_usize, 1 => 0..4_000_usize],
            row in any::<u64>(),
        ) {
            let path = "d/".repeat(deep) + &segments.join("/");
            let given = format!("http://{host}/{path}");
            if let Ok((url, _)) = HttpUrl::parse(&given) {
                for layout in LAYOUTS {
                    let first = name(layout, &url, &given, row, &Accepted::nothing);
                    assert_safe_path(first.as_str());
                    let expected = match layout { Layout::Flat | Layout::Row => 1..=1, Layout::Hashed => 3..=3, Layout::Tree => 2..=1_025 };
                    prop_assert!(expected.contains(&first.as_str().split('/').count()));
                    prop_assert_eq!(&name(layout, &url, &given, row, &Accepted::nothing), &first);
                }
            }
        }
    }
}
