//! Decodes the chunked transfer coding (RFC 9112 §7.1) as bytes are received. Pure.

use std::io;

use bytes::BytesMut;

/// Maximum bytes by which chunk extensions, which are not used, may exceed the data. It is not a
/// fixed total, since each chunk of a long body may have an extension.
const MAX_EXTENSIONS: usize = 16 << 10;
/// Maximum bytes of the trailers, which are not used.
const MAX_TRAILERS: usize = 64 << 10;

/// The position in a body.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: State,
    /// Bytes: the size of the chunk whose line is being read, then what remains of that chunk.
    left: u64,
    /// Bytes of extensions, minus those of data.
    extensions: usize,
    trailers: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    #[default]
    Line,
    Size,
    /// Blanks that some servers send after the size.
    Blank,
    Extension,
    LineEnd,
    Data,
    DataReturn,
    DataEnd,
    /// At the beginning of a trailer, or of the final empty line.
    Trailers,
    Trailer,
    TrailerEnd,
    LastEnd,
    End,
}

/// What was decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Bytes(BytesMut),
    /// Nothing yet: more bytes have to be read.
    More,
    End,
}

impl Chunks {
    /// Takes what can be told from the beginning of `buffer`.
    ///
    /// # Errors
    /// Of kind `InvalidData`, for what is no chunk.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut) -> io::Result<Piece> {
        let mut used = 0;
        let piece = loop {
            if self.state == State::End {
                break Piece::End;
            }
            if self.state == State::Data && used < buffer.len() {
                let _ = buffer.split_to(used);
                let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                let bytes = buffer.split_to(most.min(buffer.len()));
                self.left -= bytes.len() as u64;
                self.extensions = self.extensions.saturating_sub(bytes.len());
                if self.left == 0 {
                    self.state = State::DataReturn;
                }
                return Ok(Piece::Bytes(bytes));
            }
            let Some(byte) = buffer.get(used) else {
                break Piece::More;
            };
            used += 1;
            self.state = self
                .after(*byte)
                .map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))?;
        };
        let _ = buffer.split_to(used);
        Ok(piece)
    }

    /// Returns the state after a byte that is not data, or why the byte is not allowed. A chunk's
    /// line must end with CR LF: a parser that accepts LF alone may see other chunks than a proxy
    /// on the way. A trailer may end with LF alone, as a header may (RFC 9112 §2.2): no chunk
    /// follows it.
    fn after(&mut self, byte: u8) -> Result<State, &'static str> {
        let is_line = matches!(self.state, State::Line | State::Size);
        if let Some(digit) = char::from(byte).to_digit(16).filter(|_| is_line) {
            let left = self.left.checked_mul(16);
            self.left = left
                .and_then(|left| left.checked_add(digit.into()))
                .ok_or("a chunk's size is too large")?;
            return Ok(State::Size);
        }
        match (self.state, byte) {
            (State::Size | State::Blank, b' ' | b'\t') => Ok(State::Blank),
            (State::Size | State::Blank, b';') => Ok(State::Extension),
            (State::Size | State::Blank | State::Extension, b'\r') => Ok(State::LineEnd),
            (State::Line | State::Size | State::Blank, _) => Err("a chunk's size cannot be read"),
            (State::Extension, b'\n') => Err("a chunk's line ends without CR"),
            (State::Extension, _) => {
                self.extensions += 1;
                let fits = self.extensions <= MAX_EXTENSIONS;
                fits.then_some(State::Extension)
                    .ok_or("the extensions of chunks are too long")
            }
            (State::LineEnd, b'\n') if self.left == 0 => Ok(State::Trailers),
            (State::LineEnd, b'\n') => Ok(State::Data),
            (State::DataReturn, b'\r') => Ok(State::DataEnd),
            (State::DataEnd, b'\n') => Ok(State::Line),
            (State::DataReturn | State::DataEnd, _) => Err("a chunk is longer than its size"),
            (State::Trailers, b'\r') => Ok(State::LastEnd),
            (State::Trailer, b'\r') => Ok(State::TrailerEnd),
            (State::Trailer | State::TrailerEnd, b'\n') => Ok(State::Trailers),
            (State::Trailers | State::LastEnd, b'\n') => Ok(State::End),
            (State::Trailers | State::Trailer, _) => {
                self.trailers += 1;
                let fits = self.trailers <= MAX_TRAILERS;
                fits.then_some(State::Trailer)
                    .ok_or("the trailers are too long")
            }
            (State::LineEnd | State::TrailerEnd | State::LastEnd, _) => {
                Err("a line ends with CR alone")
            }
            (State::Data | State::End, _) => Ok(self.state),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decodes a body that arrives in these pieces. Returns its data, whether it has ended, and the
    /// bytes that are left behind it.
    fn undone<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> io::Result<(Vec<u8>, bool, Vec<u8>)> {
        let mut chunks = Chunks::default();
        let (mut body, mut ended) = (Vec::new(), false);
        let mut buffer = BytesMut::new();
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while !ended {
                match chunks.next(&mut buffer)? {
                    Piece::Bytes(bytes) => body.extend_from_slice(&bytes),
                    Piece::More => break,
                    Piece::End => ended = true,
                }
            }
        }
        Ok((body, ended, buffer.to_vec()))
    }

    #[test]
    fn what_the_standard_allows() {
        for (sent, body, rest) in [
            ("0\r\n\r\n", "", ""),
            ("5\r\nhello\r\n0\r\n\r\nHTTP", "hello", "HTTP"),
            (
                "5;a=\"b\"\r\nhello\r\n1 \t\r\n!\r\n000\r\n\r\n",
                "hello!",
                "",
            ),
            (
                "A\r\n0123456789\r\n0\r\nA: b\r\nC: d\r\n\r\nx",
                "0123456789",
                "x",
            ),
            ("1\r\n!\r\n0\r\nA: b\nC: d\r\nE: f\n\nx", "!", "x"),
            ("1\r\n!\r\n0\r\n\nx", "!", "x"),
            ("00000000000000000005\r\nhello\r\n0\r\n\r\n", "hello", ""),
        ] {
            let bytes = sent.as_bytes();
            for size in [1, 3, bytes.len()] {
                let found = undone(bytes.chunks(size)).unwrap();
                let expected = (body.into(), true);
                assert_eq!((found.0, found.1), expected, "{sent:?} by {size}");
                // The bytes that came in one piece with the end are left in the buffer.
                assert!(
                    rest.as_bytes()
                        .ends_with(&found.2[..found.2.len().min(rest.len())])
                );
            }
            assert_eq!(undone([bytes]).unwrap().2, rest.as_bytes());
        }
    }

    #[test]
    fn what_is_no_chunk() {
        for sent in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhello!\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5;a\nhello",
            "5 5\r\n",
            "10000000000000000\r\n",
            "0\n\r\n",
            "0\r\nA: b\r\r\n",
            "0\r\n\rx",
        ] {
            let error = undone([sent.as_bytes()]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{sent:?}");
        }
        let long = "a".repeat(MAX_TRAILERS + 1);
        for sent in [format!("5;{long}"), format!("0\r\n{long}")] {
            let error = undone([sent.as_bytes()]).unwrap_err();
            assert!(error.to_string().ends_with("too long"), "{error}");
        }
    }

    #[test]
    fn extensions_of_many_chunks_are_allowed() {
        let chunks = "64;signature=0123456789\r\n".to_owned() + &"x".repeat(100) + "\r\n";
        let sent = chunks.repeat(10_000) + "0\r\n\r\n";
        let (body, ended, _) = undone(sent.as_bytes().chunks(1000)).unwrap();
        assert_eq!((body.len(), ended), (1_000_000, true));
        // More bytes of extensions than of data.
        let tiny = format!("1;{}\r\n!\r\n", "a".repeat(100)).repeat(200);
        assert!(undone([tiny.as_bytes()]).is_err());
    }

    #[test]
    fn one_that_breaks_off_has_not_ended() {
        let whole = b"5\r\nhello\r\n0\r\n\r\n";
        for length in 0..whole.len() {
            assert!(!undone([&whole[..length]]).unwrap().1, "{length}");
        }
    }

    proptest! {
        #[test]
        fn however_it_is_cut(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..9),
            cuts in prop::collection::vec(1..50_usize, 1..20),
            after in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let mut sent = Vec::new();
            for chunk in &chunks {
                sent.extend(format!("{:x}\r\n", chunk.len()).bytes());
                sent.extend(chunk);
                sent.extend(b"\r\n");
            }
            sent.extend(b"0\r\n\r\n");
            let length = sent.len();
            sent.extend(&after);
            let mut pieces = Vec::new();
            let mut rest = &sent[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, others) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = others;
            }
            let (body, ended, left) = undone(pieces).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert!(ended);
            prop_assert!(sent[length..] == left);
        }

        #[test]
        fn nothing_makes_it_panic(sent in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = undone([&sent[..]]);
        }
    }
}
