//! The functions that `fuzz/` calls with arbitrary bytes: one for each parser of input from a
//! server or a list. Each checks what its parser promises: what is written is read back the same,
//! it does not matter how the input is cut, and limits hold. Not part of the API.
//!
//! The tests of this crate run the same functions on the corpus, and on inputs derived from it.

mod addresses;
mod cookies;
mod decoders;
mod fields;
mod http1;
mod lists;
mod logins;
mod names;
mod proxies;
mod range_set;
mod robots;
#[cfg(test)]
mod tests;
mod urls;

pub use addresses::addresses;
pub use cookies::{cookie_file, set_cookie};
pub use decoders::{content_coding, list_compression};
pub use fields::{content_disposition, content_range, digests, retry_after, validator};
pub use http1::{http1_chunks, http1_head};
pub use lists::{
    aria2_list, arrow_list, checksum_list, csv_list, json_lines, metalink, parquet_list, pattern,
    sitemap, text_list,
};
pub use logins::{netrc, www_authenticate};
pub use names::{layout, registry};
pub use proxies::{connect_reply, no_proxy, proxy_url, socks_reply};
pub use range_set::range_set;
pub use robots::robots;
pub use urls::{redirect, url};

/// A function that takes any bytes, and panics if its parser breaks a promise.
pub type Target = fn(&[u8]);

/// All targets, by the names of their programs and corpora in `fuzz/`.
pub const TARGETS: [(&str, Target); 34] = [
    ("addresses", addresses),
    ("aria2_list", aria2_list),
    ("arrow_list", arrow_list),
    ("checksum_list", checksum_list),
    ("connect_reply", connect_reply),
    ("content_coding", content_coding),
    ("content_disposition", content_disposition),
    ("content_range", content_range),
    ("cookie_file", cookie_file),
    ("csv_list", csv_list),
    ("digests", digests),
    ("http1_chunks", http1_chunks),
    ("http1_head", http1_head),
    ("json_lines", json_lines),
    ("layout", layout),
    ("list_compression", list_compression),
    ("metalink", metalink),
    ("netrc", netrc),
    ("no_proxy", no_proxy),
    ("parquet_list", parquet_list),
    ("pattern", pattern),
    ("range_set", range_set),
    ("proxy_url", proxy_url),
    ("redirect", redirect),
    ("registry", registry),
    ("retry_after", retry_after),
    ("robots", robots),
    ("set_cookie", set_cookie),
    ("sitemap", sitemap),
    ("socks_reply", socks_reply),
    ("text_list", text_list),
    ("url", url),
    ("validator", validator),
    ("www_authenticate", www_authenticate),
];

/// Returns places at which an input is cut in two: all of them where it is short, and some `most`
/// of them where it is not.
fn cuts(length: usize, most: usize) -> impl Iterator<Item = usize> {
    (0..=length).step_by(length / most + 1)
}

/// Takes the first byte off, as a number that chooses between variants; 0 if there is none.
fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first()
        .map_or((0, data), |(first, rest)| (*first, rest))
}

/// Splits a text at its first line end.
fn first_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}
