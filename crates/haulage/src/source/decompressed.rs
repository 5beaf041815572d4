//! Compressed lists: recognised by their first bytes, and decompressed as they are read.

use std::io::{self, BufReader, Read};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

/// The largest window that zstd data may have, as a power of two: 128 MiB, the default limit of the
/// `zstd` command.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The memory that decompressing xz may take, in KiB: enough for `xz -9`.
const XZ_MEMORY: u32 = 128 * 1024;

/// The data of a reader, decompressed if it is gzip (RFC 1952, any number of members), zstd (RFC
/// 8878, any number of frames), bzip2 or xz. Any other data stays as it is.
///
/// The first bytes tell the format. No more of them are awaited than necessary: one, if no format
/// can begin with it. What has been read is decompressed and returned before more is read.
///
/// # Errors
/// Reading fails if the data cannot be decompressed, or ends too early.
#[derive(Debug)]
pub struct Decompressed<R: Read>(Stage<R>);

enum Stage<R: Read> {
    /// The first bytes have not been examined.
    Unknown(Input<R>),
    Plain(Input<R>),
    Gzip(Box<MultiGzDecoder<Input<R>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Input<R>>>>),
    Bzip2(Box<MultiBzDecoder<Input<R>>>),
    Xz(Box<XzReader<BufReader<Input<R>>>>),
    Ended,
}

impl<R: Read> Decompressed<R> {
    /// Creates a decompressing reader. Nothing is read yet.
    pub fn new(reader: R) -> Self {
        Self(Stage::Unknown(Input::new(reader)))
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Stage::Unknown(input) = &mut self.0 {
            let format = input.format()?;
            if let Stage::Unknown(input) = std::mem::replace(&mut self.0, Stage::Ended) {
                self.0 = input.decoded(format)?;
            }
        }
        match &mut self.0 {
            Stage::Plain(input) => input.read(into),
            Stage::Gzip(decoder) => decoder.read(into).map_err(|cause| broken("gzip", cause)),
            Stage::Zstd(decoder) => decoder.read(into).map_err(|cause| broken("zstd", cause)),
            Stage::Bzip2(decoder) => decoder.read(into).map_err(|cause| broken("bzip2", cause)),
            Stage::Xz(decoder) => decoder.read(into).map_err(|cause| broken("xz", cause)),
            Stage::Unknown(_) | Stage::Ended => Ok(0),
        }
    }
}

impl<R: Read> std::fmt::Debug for Stage<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Unknown(_) => "Unknown",
            Self::Plain(_) => "Plain",
            Self::Gzip(_) => "Gzip",
            Self::Zstd(_) => "Zstd",
            Self::Bzip2(_) => "Bzip2",
            Self::Xz(_) => "Xz",
            Self::Ended => "Ended",
        })
    }
}

/// How a list is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Plain,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Format {
    /// Returns the format that begins with these bytes; `None` if more bytes are needed to decide.
    fn of(first: &[u8]) -> Option<Self> {
        match first {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or a skippable frame (RFC 8878 §3.1).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            []
            | [b'B' | 0xfd | 0x1f | 0x28 | 0x50..=0x5f]
            | [b'B', b'Z']
            | [b'B', b'Z', b'h']
            | [0xfd, b'7']
            | [0xfd, b'7', b'z']
            | [0xfd, b'7', b'z', b'X']
            | [0xfd, b'7', b'z', b'X', b'Z']
            | [0x28, 0xb5]
            | [0x28, 0xb5, 0x2f]
            | [0x50..=0x5f, 0x2a]
            | [0x50..=0x5f, 0x2a, 0x4d] => None,
            _ => Some(Self::Plain),
        }
    }
}

/// A reader whose first bytes are examined and still returned. A signal does not make it fail.
pub(super) struct Input<R> {
    reader: R,
    /// The first bytes, until they are returned.
    first: Vec<u8>,
    /// Whether the input has no more: reading from a terminal again would begin a new input.
    ended: bool,
}

impl<R: Read> Input<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            first: Vec::new(),
            ended: false,
        }
    }

    /// Reads the first bytes, and returns how the input is compressed. They are returned again by
    /// [`read`](Read::read).
    pub(super) fn format(&mut self) -> io::Result<Format> {
        loop {
            if let Some(format) = Format::of(&self.first) {
                return Ok(format);
            }
            let mut more = [0; 6];
            let read = read_once(&mut self.reader, &mut more[self.first.len()..])?;
            if read == 0 {
                self.ended = true;
                return Ok(Format::Plain);
            }
            let more = &more[self.first.len()..][..read];
            self.first.extend_from_slice(more);
        }
    }

    fn decoded(self, format: Format) -> io::Result<Stage<R>> {
        Ok(match format {
            Format::Plain => Stage::Plain(self),
            Format::Gzip => Stage::Gzip(Box::new(MultiGzDecoder::new(self))),
            Format::Zstd => {
                let mut decoder = zstd::Decoder::new(self)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Stage::Zstd(Box::new(decoder))
            }
            Format::Bzip2 => Stage::Bzip2(Box::new(MultiBzDecoder::new(self))),
            Format::Xz => {
                let reader = BufReader::new(self);
                Stage::Xz(Box::new(XzReader::new_mem_limit(reader, true, XZ_MEMORY)))
            }
        })
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.first.is_empty() && !self.ended {
            return read_once(&mut self.reader, into);
        }
        let again = self.first.len().min(into.len());
        into[..again].copy_from_slice(&self.first[..again]);
        self.first.drain(..again);
        Ok(again)
    }
}

/// Reads once, and again if a signal interrupts it.
pub(super) fn read_once(reader: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Returns an error for compressed data, in words that fit after a colon. Errors of the operating
/// system are returned as they are, because they are clear by themselves.
fn broken(format: &str, cause: io::Error) -> io::Error {
    if cause.raw_os_error().is_some() {
        return cause;
    }
    let message = match cause.kind() {
        io::ErrorKind::UnexpectedEof => format!("its {format} data ends too early"),
        _ => format!("its {format} data cannot be decompressed ({cause})"),
    };
    io::Error::new(cause.kind(), message)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::Write as _;

    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;
    use crate::source::Text;

    /// Returns these chunks, one for each read.
    struct Chunks(VecDeque<Vec<u8>>);

    impl Read for Chunks {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some(chunk) = self.0.front_mut() else {
                return Ok(0);
            };
            if chunk == b"signal" {
                self.0.pop_front();
                return Err(io::ErrorKind::Interrupted.into());
            }
            let taken = chunk.len().min(into.len());
            into[..taken].copy_from_slice(&chunk[..taken]);
            chunk.drain(..taken);
            if chunk.is_empty() {
                self.0.pop_front();
            }
            Ok(taken)
        }
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 1).unwrap()
    }

    fn skippable(bytes: u8) -> Vec<u8> {
        let mut frame = vec![0x5f, 0x2a, 0x4d, 0x18, bytes, 0, 0, 0];
        frame.resize(8 + usize::from(bytes), 7);
        frame
    }

    fn whole(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        Decompressed::new(bytes).read_to_end(&mut all).map(|_| all)
    }

    #[test]
    fn gzip_and_zstd_are_undone_and_the_rest_is_left_alone() {
        for text in [
            &b""[..],
            b"h",
            b"http://h/1\n",
            b"\x1f",
            b"(",
            b"P*M",
            b"PK\x03\x04",
            b"\x1f\x8a",
        ] {
            assert_eq!(whole(text).unwrap(), text);
            assert_eq!(whole(&gzip(text)).unwrap(), text);
            assert_eq!(whole(&zstd(text)).unwrap(), text);
        }
        let members = [gzip(b"http://h/1\nhtt"), gzip(b""), gzip(b"p://h/2\n")].concat();
        assert_eq!(whole(&members).unwrap(), b"http://h/1\nhttp://h/2\n");
        let frames = [
            skippable(9),
            zstd(b"http://h/1\nhtt"),
            skippable(0),
            zstd(b""),
            zstd(b"p://h/2\n"),
        ]
        .concat();
        assert_eq!(whole(&frames).unwrap(), b"http://h/1\nhttp://h/2\n");
    }

    /// The lines `http://h/1` and `http://h/2`, compressed by `xz`.
    const XZ: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21,
        0x01, 0x16, 0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0xe0, 0x00, 0x15, 0x00, 0x13, 0x5d,
        0x00, 0x34, 0x1d, 0x2c, 0xe0, 0x3a, 0x09, 0x59, 0xe5, 0xac, 0xae, 0x52, 0x3a, 0xbf, 0x1d,
        0x47, 0x90, 0x53, 0xa0, 0x00, 0x00, 0x00, 0x80, 0xdd, 0x01, 0xfd, 0x2b, 0x63, 0xbf, 0xf0,
        0x00, 0x01, 0x2f, 0x16, 0x17, 0x38, 0x4e, 0xc6, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00,
        0x00, 0x00, 0x04, 0x59, 0x5a,
    ];

    #[test]
    fn bzip2_and_xz_are_undone_in_any_number_of_parts() {
        let list = b"http://h/1\nhttp://h/2\n";
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(list).unwrap();
        for part in [&bzip2.finish().unwrap(), XZ] {
            assert_eq!(whole(part).unwrap(), list);
            assert_eq!(whole(&part.repeat(2)).unwrap(), list.repeat(2));
            let error = whole(&part[..part.len() - 9]).unwrap_err();
            assert!(error.to_string().contains("too early"), "{error}");
        }
    }

    #[test]
    fn what_cannot_begin_compressed_data_is_decided_with_its_first_byte() {
        for first in 0..=u8::MAX {
            let may_begin = matches!(first, b'B' | 0x1f | 0x28 | 0x50..=0x5f | 0xfd);
            assert_eq!(Format::of(&[first]).is_none(), may_begin, "{first:#x}");
        }
        let mut reader = Decompressed::new(Chunks([b"h".to_vec(), b"ttp".to_vec()].into()));
        let mut buffer = [0; 100];
        assert_eq!(reader.read(&mut buffer).unwrap(), 1, "it waited for more");
    }

    #[test]
    fn an_end_is_not_asked_for_twice() {
        let next = b"http://h/another-input".to_vec();
        for chunks in [
            vec![vec![], next.clone()],
            vec![b"P".to_vec(), vec![], next],
        ] {
            let length = chunks[0].len();
            let mut reader = Decompressed::new(Chunks(chunks.into()));
            let mut all = Vec::new();
            assert_eq!(reader.read_to_end(&mut all).unwrap(), length);
            assert_eq!(reader.read(&mut [0; 100]).unwrap(), 0);
        }
    }

    #[test]
    fn rows_are_there_as_soon_as_their_bytes_can_be_decompressed() {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut gzipped = VecDeque::new();
        let mut zipper = zstd::Encoder::new(Vec::new(), 1).unwrap();
        let mut zstded = VecDeque::new();
        for line in ["http://h/1\n", "http://h/2\n", "http://h/3\n"] {
            encoder.write_all(line.as_bytes()).unwrap();
            encoder.flush().unwrap();
            gzipped.push_back(std::mem::take(encoder.get_mut()));
            zipper.write_all(line.as_bytes()).unwrap();
            zipper.flush().unwrap();
            zstded.push_back(std::mem::take(zipper.get_mut()));
        }
        gzipped.push_back(encoder.finish().unwrap());
        zstded.push_back(zipper.finish().unwrap());
        for chunks in [gzipped, zstded] {
            let (left, reader) = counted(chunks);
            let mut list = Text::new(Decompressed::new(reader), "-");
            for row in 1..=3 {
                assert_eq!(
                    list.next().unwrap().unwrap().url(),
                    format!("http://h/{row}")
                );
                assert_eq!(left.get(), 4 - row, "more was read than row {row} needs");
            }
            assert!(list.next().is_none() && list.take_error().is_none());
        }
    }

    /// Returns a reader of chunks, and a cell that says how many of them are left.
    fn counted(chunks: VecDeque<Vec<u8>>) -> (std::rc::Rc<std::cell::Cell<usize>>, impl Read) {
        struct Counted(Chunks, std::rc::Rc<std::cell::Cell<usize>>);
        impl Read for Counted {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let read = self.0.read(into);
                self.1.set(self.0.0.len());
                read
            }
        }
        let left = std::rc::Rc::new(std::cell::Cell::new(chunks.len()));
        (std::rc::Rc::clone(&left), Counted(Chunks(chunks), left))
    }

    #[test]
    fn of_data_that_ends_too_early_the_whole_lines_are_rows() {
        // Rows that do not compress well, over several blocks of zstd.
        let lines: Vec<String> = (0..20_000_u64)
            .map(|row| format!("http://h/{:x}\n", row.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        let text = lines.concat();
        for (format, data) in [
            ("gzip", gzip(text.as_bytes())),
            ("zstd", zstd(text.as_bytes())),
        ] {
            for cut in [5, 12, data.len() / 3, data.len() / 2, data.len() - 1] {
                let mut list = Text::new(Decompressed::new(&data[..cut]), "list");
                let mut rows = 0;
                for row in &mut list {
                    assert_eq!(row.unwrap().url(), lines[rows].trim_end());
                    rows += 1;
                }
                let error = list.take_error().unwrap();
                assert_eq!(
                    error.to_string(),
                    format!("its {format} data ends too early")
                );
                let enough = lines.len() * cut / data.len();
                assert!(rows + 10_000 > enough, "{format}: {rows} rows of {enough}");
            }
        }
    }

    #[test]
    fn data_that_is_broken_says_so() {
        let text = b"http://h/1\n".repeat(100);
        let mut wrong_sum = gzip(&text);
        let sum = wrong_sum.len() - 8;
        wrong_sum[sum] ^= 1;
        let trailing = [gzip(&text), b"rubbish and more of it".to_vec()].concat();
        for data in [wrong_sum, trailing, b"\x1f\x8b\x07nothing like it".to_vec()] {
            let message = whole(&data).unwrap_err().to_string();
            assert!(
                message.starts_with("its gzip data cannot be decompressed ("),
                "{message}"
            );
        }
        let mut flipped = zstd(&text);
        flipped.truncate(20);
        flipped.resize(200, 0xff);
        let message = whole(&flipped).unwrap_err().to_string();
        assert!(
            message.starts_with("its zstd data cannot be decompressed ("),
            "{message}"
        );
    }

    #[test]
    fn a_window_that_would_fill_the_memory_is_refused() {
        let frame = |window_log: u8| {
            // RFC 8878 §3.1.1: magic, no content size, window descriptor, one raw block of one
            // byte, the last.
            [
                0x28,
                0xb5,
                0x2f,
                0xfd,
                0x00,
                (window_log - 10) << 3,
                0x09,
                0x00,
                0x00,
                b'x',
            ]
            .to_vec()
        };
        assert_eq!(whole(&frame(27)).unwrap(), b"x");
        let message = whole(&frame(28)).unwrap_err().to_string();
        assert!(message.contains("memory"), "{message}");
    }

    #[test]
    fn an_error_of_the_reader_is_told_as_it_is() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(5))
            }
        }
        let data = gzip(b"http://h/1\n");
        for cut in [0, 1, 5, data.len() - 1] {
            let mut reader = Decompressed::new(data[..cut].chain(Fails));
            let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(5), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn where_a_read_ends_does_not_matter(
            text in proptest::collection::vec(any::<u8>(), 0..300),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..10),
        ) {
            for data in [[gzip(&text), gzip(&text)].concat(), [zstd(&text), zstd(&text)].concat()] {
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(data.len() + 1)).collect();
                cuts.extend([0, 1, 2, data.len()]);
                cuts.sort_unstable();
                let pieces = cuts.windows(2).map(|cut| data[cut[0]..cut[1]].to_vec()).filter(|chunk| !chunk.is_empty());
                let chunks = pieces.flat_map(|piece| [b"signal".to_vec(), piece]).collect();
                let mut all = Vec::new();
                Decompressed::new(Chunks(chunks)).read_to_end(&mut all).unwrap();
                prop_assert_eq!(all, text.repeat(2));
            }
        }

        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300), magic in 0..3_usize) {
            let magic = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0][..], &[0x28, 0xb5, 0x2f, 0xfd], &[0x51, 0x2a, 0x4d, 0x18]][magic];
            let data = [magic, &bytes].concat();
            let mut some = Decompressed::new(&data[..]).take(1 << 20);
            // The result does not matter, but nothing may panic.
            let _ = some.read_to_end(&mut Vec::new());
        }
    }
}
