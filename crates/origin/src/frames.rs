//! HTTP/2 frames that `h2` does not send (RFC 9113 §6).

use bytes::{BufMut, Bytes, BytesMut};
use h2::Reason;
use http::StatusCode;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 4;

const BLOCK: usize = 64 << 10;

pub(crate) fn ping() -> Bytes {
    frame(PING, 0, 0, &[0; 8])
}

pub(crate) fn settings() -> Bytes {
    frame(SETTINGS, 0, 0, &[])
}

pub(crate) fn data(stream: u32) -> Bytes {
    frame(DATA, 0, stream, &[])
}

/// Returns HEADERS with the status 200, which CONTINUATION must follow: the head does not end.
pub(crate) fn open_headers(stream: u32) -> Bytes {
    // Index 8 of the static table: `:status: 200` (RFC 7541 Appendix A).
    frame(HEADERS, 0, stream, &[0x88])
}

pub(crate) fn continuation(stream: u32) -> Bytes {
    frame(CONTINUATION, 0, stream, &[])
}

/// Returns HEADERS with a complete head that has only a status.
pub(crate) fn headers(stream: u32, status: StatusCode) -> Bytes {
    // A literal that is not indexed, with the name of index 8 (RFC 7541 §6.2.2).
    let block = [&[0x08, 3], status.as_str().as_bytes()].concat();
    frame(HEADERS, END_HEADERS, stream, &block)
}

pub(crate) fn goaway(last_stream: u32, reason: Reason) -> Bytes {
    let code = u32::from(reason);
    let payload = [last_stream.to_be_bytes(), code.to_be_bytes()].concat();
    frame(GOAWAY, 0, 0, &payload)
}

/// Repeats a frame this many times, in blocks of up to 64 KiB; `u64::MAX` times is without end.
pub(crate) fn repeated(frame: &Bytes, number: u64) -> impl Iterator<Item = Bytes> + use<> {
    let len = frame.len().max(1);
    let at_once = (BLOCK / len).max(1);
    let block = Bytes::from(frame.repeat(at_once));
    let mut left = number;
    std::iter::from_fn(move || {
        let now = usize::try_from(left).unwrap_or(at_once).min(at_once);
        if left != u64::MAX {
            left -= now as u64;
        }
        (now > 0).then(|| block.slice(..now * (block.len() / at_once)))
    })
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(9 + payload.len());
    frame.put_uint(payload.len() as u64, 3);
    frame.put_u8(kind);
    frame.put_u8(flags);
    frame.put_u32(stream);
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_often_as_was_asked() {
        for number in [0, 1, 7281, 7282, 100_000] {
            let bytes: usize = repeated(&settings(), number).map(|block| block.len()).sum();
            assert_eq!(bytes as u64, number * 9);
        }
        assert_eq!(repeated(&ping(), u64::MAX).take(1000).count(), 1000);
    }

    #[test]
    fn frames_byte_by_byte() {
        assert_eq!(settings(), [0, 0, 0, 4, 0, 0, 0, 0, 0][..]);
        assert_eq!(
            headers(3, StatusCode::EARLY_HINTS),
            [0, 0, 5, 1, 4, 0, 0, 0, 3, 8, 3, b'1', b'0', b'3'][..]
        );
        let goaway = goaway(5, Reason::ENHANCE_YOUR_CALM);
        assert_eq!(
            goaway,
            [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 11][..]
        );
    }
}
