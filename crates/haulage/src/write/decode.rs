//! Decodes codings while the bytes are received, within bounds: however far a few bytes expand,
//! memory never holds more than a buffer for each coding, and the result may not be larger than a
//! certain multiple of what was received.

use std::io;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, Operation as _};

use super::write_error::WriteError;
use crate::error::{Error, ErrorKind};
use crate::plan::coding::{Coding, Layer, Level, refused};

/// The most bytes that one step produces.
const STEP: usize = 64 << 10;
/// Bytes of a text in memory that are decoded at once.
const PIECE: usize = 1 << 10;
/// The largest window that zstd data may ask for, as a power of two: 8 MiB, the most that the
/// content coding may use (RFC 9659 §3). Brotli's is 16 MiB at most (RFC 7932 §9.1; not the larger
/// ones of its later extension), gzip's 32 KiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Bytes that a coding may produce however few were received.
pub(crate) const FREE: u64 = 64 << 20;
/// Bytes that a coding may produce beside [`FREE`] for each byte received. Logs and markup expand
/// 10 to 30 times, and such text at most about 100 times; a bomb needs 1,000 (gzip) or 10,000 and
/// more (br, zstd).
pub(crate) const RATIO: u64 = 250;

/// Takes the bytes received, and produces those from before the codings.
pub(crate) struct Decoder {
    stages: Vec<Stage>,
    received: u64,
}

impl Decoder {
    /// Creates a decoder of these codings, in this order.
    pub(crate) fn new(layers: &[Layer]) -> Result<Self, Error> {
        let stages = layers.iter().map(|layer| Stage::new(*layer));
        Ok(Self {
            stages: stages.collect::<Result<_, _>>()?,
            received: 0,
        })
    }

    /// Decodes the next bytes received, and passes the result to `save`.
    pub(crate) fn pass(
        &mut self,
        bytes: &[u8],
        save: &mut dyn FnMut(&[u8]) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        self.received += bytes.len() as u64;
        let most = self.received.saturating_mul(RATIO).saturating_add(FREE);
        pass(&mut self.stages, bytes, most, save)
    }

    /// Checks that what was received is complete. Servers also label an empty body as gzip, so that
    /// one is accepted; but where only the coding can tell the end of the file, an empty body means
    /// that the connection broke.
    pub(crate) fn end(&self) -> Result<(), Error> {
        let Some(stage) = self.stages.iter().find(|stage| !stage.is_whole()) else {
            return Ok(());
        };
        match stage.layer.level {
            Level::Transfer { is_chunked: false } => Err(Error::new(
                ErrorKind::Incomplete,
                "the server closed the connection before the file was complete",
            )),
            _ if self.received == 0 => Ok(()),
            _ => Err(broken(stage.layer, "it ends too early")),
        }
    }
}

/// Decodes a short text in memory, up to `most` bytes of it. `is_whole`: nothing of it is missing.
///
/// # Errors
/// Of kind `decode` or `incomplete`, where it cannot be decoded that far.
pub(crate) fn decode_beginning(
    layers: &[Layer],
    text: &[u8],
    most: usize,
    is_whole: bool,
) -> Result<Vec<u8>, Error> {
    let mut decoder = Decoder::new(layers)?;
    let mut beginning = Vec::new();
    for piece in text.chunks(PIECE) {
        let passed = decoder.pass(piece, &mut |bytes| {
            let room = most - beginning.len();
            beginning.extend_from_slice(&bytes[..bytes.len().min(room)]);
            Ok(())
        });
        passed.map_err(|error| error.into_error("cannot decode"))?;
        if beginning.len() == most {
            return Ok(beginning);
        }
    }
    if is_whole {
        decoder.end()?;
    }
    Ok(beginning)
}

fn pass(
    stages: &mut [Stage],
    mut bytes: &[u8],
    most: u64,
    save: &mut dyn FnMut(&[u8]) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let Some((stage, later)) = stages.split_first_mut() else {
        return save(bytes);
    };
    loop {
        let (read, written) = stage.step(bytes).map_err(WriteError::Body)?;
        bytes = &bytes[read..];
        stage.given += written as u64;
        if stage.given > most {
            return Err(WriteError::Body(bomb(stage.layer)));
        }
        if written > 0 {
            pass(later, &stage.buffer[..written], most, save)?;
        }
        if bytes.is_empty() && written < stage.buffer.len() {
            return Ok(());
        }
        if (read, written) == (0, 0) {
            return Err(WriteError::Body(broken(stage.layer, "it is corrupt")));
        }
    }
}

/// The decoder of one coding.
struct Stage {
    layer: Layer,
    codec: Codec,
    at: At,
    given: u64,
    buffer: Box<[u8]>,
}

/// How far a stage has come in its data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Within,
    /// At an end; gzip and zstd data may begin again after it.
    End,
}

enum Codec {
    /// `deflate`, whose first two bytes will tell whether it has a zlib wrapper. Contains the first
    /// byte, if it was received alone.
    Unclear(Option<u8>),
    Zlib(Decompress),
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    Zstd(ZstdDecoder<'static>),
}

/// The result of one step: bytes read, bytes written, and whether the data has ended.
type DecodeStep = (usize, usize, bool);

impl Stage {
    fn new(layer: Layer) -> Result<Self, Error> {
        Ok(Self {
            layer,
            codec: Codec::new(layer.coding)
                .map_err(|cause| broken(layer, "there is no memory for it").caused_by(cause))?,
            at: At::Start,
            given: 0,
            buffer: vec![0; STEP].into_boxed_slice(),
        })
    }

    fn is_whole(&self) -> bool {
        self.at == At::End
    }

    /// Reads some of the bytes and writes into the buffer. Returns how many it read, and how many
    /// it wrote.
    fn step(&mut self, bytes: &[u8]) -> Result<(usize, usize), Error> {
        if bytes.is_empty() && self.at != At::Within {
            return Ok((0, 0));
        }
        if self.at == At::End {
            // RFC 1952 §2.2: gzip members may follow one another. RFC 8878 §3: so may zstd frames,
            // which the decoder handles by itself.
            match self.layer.coding {
                Coding::Gzip => self.codec = Codec::Zlib(gunzip()),
                Coding::Zstd => {}
                Coding::Deflate | Coding::Brotli => {
                    return Err(broken(self.layer, "more bytes follow its end"));
                }
            }
        }
        let (read, written, ended) = self
            .codec
            .step(bytes, &mut self.buffer)
            .map_err(|cause| broken(self.layer, "it is corrupt").caused_by(cause))?;
        self.at = if ended { At::End } else { At::Within };
        Ok((read, written))
    }
}

/// Returns whether data begins like a zlib wrapper (RFC 1950 §2.2): a window of at most 32 KiB, and
/// a check on both bytes. Without the wrapper they would be those of a stored block whose padding
/// is not zero, which nobody writes.
fn is_zlib(first: u8, second: u8) -> bool {
    let method_is_deflate = first & 0x0f == 8 && first >> 4 <= 7;
    method_is_deflate && u16::from_be_bytes([first, second]).is_multiple_of(31)
}

fn gunzip() -> Decompress {
    const WINDOW_BITS: u8 = 15;
    Decompress::new_gzip(WINDOW_BITS)
}

impl Codec {
    fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Zlib(gunzip()),
            Coding::Deflate => Self::Unclear(None),
            Coding::Brotli => Self::Brotli(Box::new(BrotliState::new_strict(
                StandardAlloc::default(),
                StandardAlloc::default(),
                StandardAlloc::default(),
            ))),
            Coding::Zstd => {
                let mut decoder = ZstdDecoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
                Self::Zstd(decoder)
            }
        })
    }

    fn step(&mut self, bytes: &[u8], into: &mut [u8]) -> io::Result<DecodeStep> {
        match self {
            Self::Unclear(kept) => match (*kept, bytes) {
                (Some(first), [second, ..]) => {
                    let mut decoder = Decompress::new(is_zlib(first, *second));
                    // One byte alone decodes to nothing.
                    inflate(&mut decoder, &[first], into)?;
                    *self = Self::Zlib(decoder);
                    self.step(bytes, into)
                }
                (None, [first, second, ..]) => {
                    *self = Self::Zlib(Decompress::new(is_zlib(*first, *second)));
                    self.step(bytes, into)
                }
                (None, [first]) => {
                    *kept = Some(*first);
                    Ok((1, 0, false))
                }
                (_, []) => Ok((0, 0, false)),
            },
            Self::Zlib(decoder) => inflate(decoder, bytes, into),
            Self::Brotli(decoder) => unbrotli(decoder, bytes, into),
            Self::Zstd(decoder) => {
                let status = decoder.run_on_buffers(bytes, into)?;
                let ended = status.remaining == 0;
                Ok((status.bytes_read, status.bytes_written, ended))
            }
        }
    }
}

fn inflate(decoder: &mut Decompress, bytes: &[u8], into: &mut [u8]) -> io::Result<DecodeStep> {
    let (read, written) = (decoder.total_in(), decoder.total_out());
    let status = decoder.decompress(bytes, into, FlushDecompress::None)?;
    let count = |total: u64, before: u64| usize::try_from(total - before).unwrap_or(usize::MAX);
    Ok((
        count(decoder.total_in(), read),
        count(decoder.total_out(), written),
        status == Status::StreamEnd,
    ))
}

fn unbrotli(
    decoder: &mut BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    bytes: &[u8],
    into: &mut [u8],
) -> io::Result<DecodeStep> {
    let (mut left, mut read) = (bytes.len(), 0);
    let (mut room, mut written) = (into.len(), 0);
    let mut total = 0;
    let result = BrotliDecompressStream(
        &mut left,
        &mut read,
        bytes,
        &mut room,
        &mut written,
        into,
        &mut total,
        decoder,
    );
    match result {
        BrotliResult::ResultFailure => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{:?}", decoder.error_code),
        )),
        BrotliResult::ResultSuccess => Ok((read, written, true)),
        BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok((read, written, false)),
    }
}

fn broken(layer: Layer, why: &str) -> Error {
    failure(layer, &format!("cannot be undone: {why}"))
}

fn bomb(layer: Layer) -> Error {
    let what = format!("stands for more than {RATIO} times what was received");
    failure(layer, &what)
}

/// Returns the error of a coding. `what` says what is wrong, in words that follow its name.
fn failure(layer: Layer, what: &str) -> Error {
    let name = layer.coding.name();
    match layer.level {
        Level::Content => refused(format!("the file's {name} coding {what}")),
        Level::Transfer { .. } => Error::new(
            ErrorKind::Decode,
            format!("the {name} transfer coding {what}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

    /// Returns these codings as layers of the content.
    fn layers(codings: &[Coding]) -> Vec<Layer> {
        let level = Level::Content;
        let layer = |coding: &Coding| Layer {
            coding: *coding,
            level,
        };
        codings.iter().map(layer).collect()
    }

    fn encode(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
                encoder.write_all(bytes).unwrap();
                encoder.into_inner()
            }
            Coding::Zstd => zstd::encode_all(bytes, 3).unwrap(),
        }
    }

    /// Decodes a body that comes in pieces of `piece` bytes. Returns the decoded bytes, and the
    /// most that came at once.
    fn decode(codings: &[Coding], body: &[u8], piece: usize) -> Result<(Vec<u8>, usize), Error> {
        let mut decoder = Decoder::new(&layers(codings))?;
        let (mut all, mut most) = (Vec::new(), 0);
        for piece in body.chunks(piece.max(1)) {
            let taken = decoder.pass(piece, &mut |bytes| {
                most = most.max(bytes.len());
                all.extend_from_slice(bytes);
                Ok(())
            });
            taken.map_err(|error| error.into_error("cannot happen"))?;
        }
        decoder.end()?;
        Ok((all, most))
    }

    /// Returns text that compresses about as well as text usually does.
    fn text() -> Vec<u8> {
        let lines = (0..30_000_u64).map(|line| {
            let number = line.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            format!("GET /{number:x} 200 {line}\n")
        });
        lines.collect::<String>().into_bytes()
    }

    #[test]
    fn each_coding_is_undone_however_its_bytes_come() {
        let text = text();
        for coding in ALL {
            let body = encode(coding, &text);
            for piece in [7, 1000, body.len()] {
                let (found, most) = decode(&[coding], &body, piece).unwrap();
                assert!(found == text && most <= STEP, "{coding:?} {piece}");
            }
            assert_eq!(decode(&[coding], &encode(coding, b""), 1).unwrap().0, b"");
            // An empty body, as some servers send it.
            assert_eq!(decode(&[coding], b"", 1).unwrap().0, b"");
        }
    }

    #[test]
    fn deflate_without_its_wrapper_is_undone_too() {
        let text = text();
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&text).unwrap();
        let body = encoder.finish().unwrap();
        for piece in [1, 2, 7, body.len()] {
            let found = decode(&[Coding::Deflate], &body, piece).unwrap().0;
            assert!(found == text, "{piece}");
        }
        let zlib = encode(Coding::Deflate, &text);
        assert!(decode(&[Coding::Deflate], &zlib, 1).unwrap().0 == text);
        for cut in [1, 2, body.len() / 2, body.len() - 1] {
            let error = decode(&[Coding::Deflate], &body[..cut], 7).unwrap_err();
            assert!(error.to_string().contains("too early"), "{cut}: {error}");
        }
        // Stored blocks, as a server sends data that does not compress.
        let stored = [&[1, 3, 0, 0xfc, 0xff][..], b"abc"].concat();
        for piece in [1, 100] {
            assert_eq!(
                decode(&[Coding::Deflate], &stored, piece).unwrap().0,
                b"abc"
            );
        }
    }

    #[test]
    fn transfer_coding_that_ends_too_early_says_whose_fault_it_is() {
        let body = encode(Coding::Gzip, b"hello");
        for (is_chunked, cut, kind) in [
            (true, body.len() - 1, Some(ErrorKind::Decode)),
            (true, 0, None),
            (false, body.len() - 1, Some(ErrorKind::Incomplete)),
            (false, 0, Some(ErrorKind::Incomplete)),
            (false, body.len(), None),
        ] {
            let level = Level::Transfer { is_chunked };
            let coding = Coding::Gzip;
            let mut decoder = Decoder::new(&[Layer { coding, level }]).unwrap();
            assert!(decoder.pass(&body[..cut], &mut |_| Ok(())).is_ok());
            let error = decoder.end().err();
            assert_eq!(error.as_ref().map(Error::kind), kind, "{is_chunked} {cut}");
            if let Some(error) = error {
                assert!(!error.to_string().contains("--compressed"), "{error}");
            }
        }
    }

    #[test]
    fn beginning_of_a_text_is_decoded_as_far_as_it_is_asked_for() {
        let text = text();
        let layers = layers(&[Coding::Gzip]);
        let body = encode(Coding::Gzip, &text);
        let decoded = |bytes, most, is_whole| decode_beginning(&layers, bytes, most, is_whole);
        assert!(decoded(&body, 5000, true).unwrap() == text[..5000]);
        assert!(decoded(&body, usize::MAX, true).unwrap() == text);
        let cut = &body[..body.len() / 2];
        assert!(decoded(cut, usize::MAX, true).is_err());
        let found = decoded(cut, usize::MAX, false).unwrap();
        assert!(!found.is_empty() && text.starts_with(&found));
    }

    #[test]
    fn stacked_codings_are_undone_one_after_another() {
        let text = text();
        let order = [
            Coding::Zstd,
            Coding::Gzip,
            Coding::Brotli,
            Coding::Deflate,
            Coding::Gzip,
        ];
        let body = order
            .iter()
            .rev()
            .fold(text.clone(), |body, coding| encode(*coding, &body));
        assert!(decode(&order, &body, 5000).unwrap().0 == text);
    }

    #[test]
    fn gzip_members_and_zstd_frames_may_follow_one_another() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let body = [&b"one "[..], b"", b"two"].map(|text| encode(coding, text));
            for piece in [1, 1000] {
                let found = decode(&[coding], &body.concat(), piece).unwrap().0;
                assert_eq!(found, b"one two", "{coding:?}");
            }
        }
    }

    #[test]
    fn what_is_cut_corrupt_or_followed_by_more_is_an_error() {
        let text = &text()[..20_000];
        for coding in ALL {
            let body = encode(coding, text);
            for cut in [1, 2, 5, 11, body.len() / 2, body.len() - 1] {
                let error = decode(&[coding], &body[..cut], 1000).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Decode);
                let message = error.to_string();
                assert!(
                    message.contains("ends too early"),
                    "{coding:?} {cut}: {message}"
                );
            }
            for rubbish in [&b"\0"[..], b"rubbish and more of it"] {
                let more = [&body[..], rubbish].concat();
                for piece in [body.len(), 1000] {
                    let error = decode(&[coding], &more, piece).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Decode, "{coding:?}");
                }
            }
            let error = decode(&[coding], b"no such thing at all", 1000).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode, "{coding:?}");
            assert!(error.to_string().contains("--compressed"), "{error}");
        }
        // Formats with a checksum detect a single changed bit.
        for coding in [Coding::Gzip, Coding::Deflate] {
            let mut body = encode(coding, text);
            let sum = body.len() - 5;
            body[sum] ^= 1;
            assert!(decode(&[coding], &body, 1000).is_err(), "{coding:?}");
        }
    }

    #[test]
    fn what_stands_for_too_much_is_refused_long_before_its_end() {
        let zeros = vec![0; 96 << 20];
        for coding in ALL {
            let body = encode(coding, &zeros);
            let mut given = 0;
            let mut decoder = Decoder::new(&layers(&[coding])).unwrap();
            let result = decoder.pass(&body, &mut |bytes| {
                given += bytes.len() as u64;
                Ok(())
            });
            let Err(WriteError::Body(error)) = result else {
                panic!("{coding:?} took all of it");
            };
            assert_eq!(error.kind(), ErrorKind::Decode);
            assert!(error.to_string().contains("250 times"), "{error}");
            assert!(given <= FREE + RATIO * body.len() as u64, "{given}");
        }
    }

    #[test]
    fn a_bomb_within_a_coding_is_refused_though_nothing_of_it_is_saved() {
        // Frames that zstd skips, so that they decode to nothing. They compress well, even twice.
        let mut skipped = vec![0x50, 0x2a, 0x4d, 0x18];
        skipped.extend_from_slice(&(70_u32 << 20).to_le_bytes());
        skipped.resize(8 + (70 << 20), 0);
        let body = encode(Coding::Gzip, &encode(Coding::Gzip, &skipped));
        let codings = [Coding::Gzip, Coding::Gzip, Coding::Zstd];
        let error = decode(&codings, &body, 64 << 10).unwrap_err();
        assert!(error.to_string().contains("250 times"), "{error}");
    }

    #[test]
    fn a_window_that_would_fill_the_memory_is_refused() {
        // RFC 8878 §3.1.1: magic, no content size, window descriptor, one raw block of one byte,
        // the last.
        let frame = |window_log: u8| {
            let window = (window_log - 10) << 3;
            vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, window, 0x09, 0x00, 0x00, b'x']
        };
        assert_eq!(decode(&[Coding::Zstd], &frame(23), 100).unwrap().0, b"x");
        assert!(decode(&[Coding::Zstd], &frame(24), 100).is_err());
        // Brotli's windows beyond 16 MiB are an extension, which the coding `br` does not have.
        let brotli = |large_window| {
            let params = brotli::enc::BrotliEncoderParams {
                large_window,
                lgwin: if large_window { 26 } else { 24 },
                ..Default::default()
            };
            let mut body = Vec::new();
            brotli::BrotliCompress(&mut &text()[..], &mut body, &params).unwrap();
            decode(&[Coding::Brotli], &body, 1000)
        };
        assert!(brotli(false).unwrap().0 == text());
        assert!(brotli(true).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_bytes_make_it_panic_or_go_on_for_ever(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
            piece in 1_usize..50,
        ) {
            for coding in ALL {
                let _ = decode(&[coding], &body, piece);
                let mut near = encode(coding, &body);
                for (at, value) in &flips {
                    let at = at.index(near.len());
                    near[at] ^= value;
                }
                let _ = decode(&[coding, Coding::Gzip], &near, piece);
                let _ = decode(&[coding], &near, piece);
            }
        }
    }
}
