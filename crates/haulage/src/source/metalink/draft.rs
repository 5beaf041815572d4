//! One file of a Metalink, as far as it has been read.

use std::cmp::Reverse;
use std::num::NonZeroU64;

use crate::checksum::{Algorithm, Checksum};
use crate::error::Error;
use crate::http_url::split_scheme;
use crate::pieces::{MAX_PIECES, PieceHashes};
use crate::redact::redacted;
use crate::request::Request;
use crate::source::base::{Base, request_for};
use crate::source::options::input;
use crate::source::prefix::UrlParser;
use crate::source::xml::Element;

/// Maximum URLs of a file.
const MAX_URLS: usize = 10_000;
/// Maximum URLs of a file that are kept: the best ones.
const MAX_KEPT_URLS: usize = 500;
/// Maximum bytes of text of a file, its piece hashes not counted.
const MAX_TEXT: usize = 1024 * 1024;
/// The priority of a URL that has none (RFC 5854 §4.2.16.1).
const LAST: u64 = 999_999;

/// An element of a file that is used.
#[derive(Debug)]
pub(super) enum Open {
    /// Has the URLs, in version 3.
    Resources,
    /// Has the checksums, in version 3.
    Verification,
    Url(String, Rank),
    Hash(String, Option<Algorithm>),
    Size(String),
    Pieces,
    /// With its position, if it is told.
    PieceHash(String, Option<u64>),
}

impl Open {
    /// Returns whether its text is used.
    pub(super) const fn has_text(&self) -> bool {
        self.text().is_some()
    }

    const fn text(&self) -> Option<&String> {
        match self {
            Self::Url(text, _)
            | Self::Hash(text, _)
            | Self::Size(text)
            | Self::PieceHash(text, _) => Some(text),
            Self::Resources | Self::Verification | Self::Pieces => None,
        }
    }

    const fn text_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Url(text, _)
            | Self::Hash(text, _)
            | Self::Size(text)
            | Self::PieceHash(text, _) => Some(text),
            Self::Resources | Self::Verification | Self::Pieces => None,
        }
    }
}

/// How good a URL is.
#[derive(Debug, Default)]
pub(super) struct Rank {
    /// Lower is better.
    order: u64,
    /// The country of its server, in small letters.
    location: String,
    /// Whether it is said to be for something else than HTTP.
    is_other: bool,
}

/// Hashes of pieces, as far as they have been read.
struct Pieces {
    algorithm: Algorithm,
    length: NonZeroU64,
    digests: Vec<u8>,
}

/// One file, as far as it has been read.
pub(super) struct Draft {
    name: Result<String, Error>,
    urls: Vec<(String, Rank)>,
    /// How many URLs were left out, since they are not for HTTP.
    others: usize,
    checksums: Vec<(Algorithm, String)>,
    size: Option<String>,
    pieces: Option<PieceHashes>,
    /// Those that are being read; `None` once one of them cannot be used.
    reading: Option<Pieces>,
    /// Bytes of text.
    bytes: usize,
    /// Why it cannot be used.
    error: Option<Error>,
}

impl Draft {
    pub(super) fn new(file: &Element) -> Self {
        let name = match file.attribute("name") {
            Ok(Some(name)) => Ok(name.to_owned()),
            Ok(None) => Err(input("the file has no name")),
            Err(error) => Err(error),
        };
        Self {
            name,
            urls: Vec::new(),
            others: 0,
            checksums: Vec::new(),
            size: None,
            pieces: None,
            reading: None,
            bytes: 0,
            error: None,
        }
    }

    /// Returns the name of the file, empty if it has none.
    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// Records why the file cannot be used. The first reason counts; no more text is kept.
    pub(super) fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// Returns what an element in `around` is for; `None` if it is not used.
    pub(super) fn opened(&mut self, around: Option<&Open>, element: &Element) -> Option<Open> {
        let opened = match (around, &*element.name) {
            (None, "resources") => Ok(Open::Resources),
            (None, "verification") => Ok(Open::Verification),
            (None | Some(Open::Resources), "url") => {
                Rank::of(element).map(|rank| Open::Url(String::new(), rank))
            }
            (None | Some(Open::Verification), "hash") => element.attribute("type").map(|named| {
                Open::Hash(String::new(), Algorithm::named(named.unwrap_or_default()))
            }),
            (None, "size") => Ok(Open::Size(String::new())),
            (None | Some(Open::Verification), "pieces") => {
                self.reading = Pieces::of(element);
                Ok(Open::Pieces)
            }
            (Some(Open::Pieces), "hash") => element.attribute("piece").map(|piece| {
                let position = piece.and_then(|piece| piece.trim().parse().ok());
                Open::PieceHash(String::new(), position)
            }),
            _ => return None,
        };
        opened.map_err(|error| self.fail(error)).ok()
    }

    /// Adds to the text of an element.
    pub(super) fn add_text(&mut self, element: &mut Open, text: &str) {
        let is_of_piece = matches!(element, Open::PieceHash(..));
        let Some(known) = element.text_mut() else {
            return;
        };
        if !is_of_piece {
            self.bytes = self.bytes.saturating_add(text.len());
        }
        if self.bytes > MAX_TEXT || known.len() + text.len() > MAX_TEXT {
            self.fail(input("the file has more than 1 MiB of text"));
        }
        if self.error.is_none() {
            known.push_str(text);
        }
    }

    /// Takes what an element says that has ended.
    pub(super) fn closed(&mut self, element: Open) {
        if self.error.is_some() {
            return;
        }
        let text = element.text().map(|text| text.trim().to_owned());
        let text = text.unwrap_or_default();
        match element {
            Open::Resources | Open::Verification | Open::Hash(_, None) => {}
            Open::Url(_, rank) => {
                if rank.is_other || is_other(&text) {
                    self.others += 1;
                } else if self.urls.len() == MAX_URLS {
                    self.fail(input(format!("the file has more than {MAX_URLS} URLs")));
                } else if !text.is_empty() {
                    self.urls.push((text, rank));
                }
            }
            Open::Hash(_, Some(algorithm)) => self.checksums.push((algorithm, text)),
            Open::Size(_) => self.size = Some(text),
            Open::PieceHash(_, position) => self.add_digest(position, &text),
            Open::Pieces => self.keep_pieces(),
        }
    }

    /// Adds the digest of a piece.
    fn add_digest(&mut self, position: Option<u64>, hex: &str) {
        let Some(pieces) = &mut self.reading else {
            return;
        };
        let count = pieces.digests.len() / pieces.algorithm.digest_length();
        let is_next = position.is_none_or(|position| position == count as u64);
        match Checksum::from_hex(pieces.algorithm, hex) {
            Ok(digest) if is_next && count < MAX_PIECES => {
                pieces.digests.extend_from_slice(digest.digest());
            }
            // A file can be fetched without them.
            Ok(_) | Err(_) => self.reading = None,
        }
    }

    /// Keeps the hashes of pieces that have been read, unless stronger ones are known.
    fn keep_pieces(&mut self) {
        let Some(read) = self.reading.take() else {
            return;
        };
        let is_weaker =
            |known: &PieceHashes| strength(known.algorithm()) < strength(read.algorithm);
        if self.pieces.as_ref().is_none_or(is_weaker) {
            let pieces = PieceHashes::new(read.algorithm, read.length, read.digests);
            self.pieces = pieces.ok().or(self.pieces.take());
        }
    }

    /// Returns the request for the file.
    ///
    /// # Errors
    /// Of kind `input` or `name`, if something that the file needs is missing, or cannot be used.
    pub(super) fn into_request(
        self,
        base: Option<&Base>,
        urls: &mut UrlParser,
        locations: &[String],
    ) -> Result<Request, Error> {
        let name = self.name?;
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut request = best_of(self.urls, self.others, base, urls, locations)?.named(&name)?;
        for (algorithm, hex) in self.checksums {
            request = request.checksum(Checksum::from_hex(algorithm, &hex)?)?;
        }
        if let Some(text) = self.size {
            let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
            let size = is_number.then(|| text.parse().ok()).flatten();
            let size = size.ok_or_else(|| {
                input(format!(
                    "the size {:?} is not a number of bytes",
                    redacted(&text)
                ))
            })?;
            request = request.sized(size);
            if let Some(pieces) = self.pieces.filter(|pieces| pieces.fit(size)) {
                request = request.pieces(pieces);
            }
        }
        Ok(request)
    }
}

/// Returns the request for the best URL, with the others as mirrors.
fn best_of(
    mut all: Vec<(String, Rank)>,
    others: usize,
    base: Option<&Base>,
    urls: &mut UrlParser,
    locations: &[String],
) -> Result<Request, Error> {
    let is_near = |rank: &Rank| locations.contains(&rank.location);
    all.sort_by_key(|(_, rank)| (Reverse(is_near(rank)), rank.order));
    let (mut best, mut error) = (None::<Request>, None);
    for (url, _) in all.into_iter().take(MAX_KEPT_URLS) {
        // One that cannot be used does no harm beside others.
        match (request_for(&url, base, urls), &mut best) {
            (Ok(mirror), Some(best)) => best.mirrors.push((mirror.url, mirror.credentials)),
            (Ok(request), None) => best = Some(request),
            (Err(cause), _) => error = error.or(Some(cause)),
        }
    }
    best.ok_or_else(|| {
        error.unwrap_or_else(|| match others {
            0 => input("the file has no URL"),
            _ => input("none of the file's URLs is for http or https"),
        })
    })
}

impl Rank {
    fn of(url: &Element) -> Result<Self, Error> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let priority = url.attribute("priority")?.and_then(number);
        // In version 3, 100 is best.
        let preference = url.attribute("preference")?.and_then(number);
        let preference = preference.map(|preference| 101 - preference.min(100));
        let location = url.attribute("location")?.unwrap_or_default();
        let kind = url.attribute("type")?.unwrap_or("http");
        Ok(Self {
            order: priority.or(preference).unwrap_or(LAST),
            location: location.trim().to_ascii_lowercase(),
            is_other: !kind.eq_ignore_ascii_case("http") && !kind.eq_ignore_ascii_case("https"),
        })
    }
}

impl Pieces {
    /// Returns what an element says of its hashes; `None` if they cannot be used.
    fn of(pieces: &Element) -> Option<Self> {
        let attribute = |name| pieces.attribute(name).ok().flatten();
        let algorithm = Algorithm::named(attribute("type")?)?;
        // A checksum that is no hash says little of a piece.
        (algorithm != Algorithm::Crc32c).then_some(Self {
            algorithm,
            length: attribute("length")?.trim().parse().ok()?,
            digests: Vec::new(),
        })
    }
}

/// Returns whether a URL is for something else than HTTP, such as `ftp` or `rsync`.
fn is_other(url: &str) -> bool {
    split_scheme(url).is_some_and(|(scheme, _)| {
        !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https")
    })
}

/// Returns how hard it is to find other bytes with the same hash: higher is harder.
const fn strength(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Crc32c => 0,
        Algorithm::Md5 => 1,
        Algorithm::Sha1 => 2,
        Algorithm::Sha256 | Algorithm::Sha512 | Algorithm::Blake3 => 3,
    }
}
