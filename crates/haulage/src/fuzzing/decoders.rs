//! Targets for compressed bodies and lists.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::choice;
use crate::plan::coding::{Coding, Layer, Level};
use crate::source::Decompressed;
use crate::write::decode::{Decoder, FREE, RATIO, decode_beginning};
use crate::write::write_error::WriteError;

/// Number of bytes that are compared with the output of another decoder.
const COMPARED: usize = 1 << 20;

/// Undoes the content codings that the first byte chooses: at once, in pieces as long as the second
/// byte says, and at its beginning alone.
pub fn content_coding(data: &[u8]) {
    let (codings, data) = choice(data);
    let (piece, data) = choice(data);
    let layers: Vec<_> = [codings & 3, codings >> 2 & 7, codings >> 5 & 7]
        .into_iter()
        .filter_map(layer)
        .collect();
    let whole = decoded(&layers, data, usize::MAX);
    let pieces = decoded(&layers, data, usize::from(piece) + 1);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert!(whole == pieces),
        (Err(_), Err(_)) => {}
        // If the last block of a frame is empty, libzstd checks the length that the frame claims
        // only if it gets the whole frame at once.
        _ if layers.iter().any(|layer| layer.coding == Coding::Zstd) => {}
        _ => panic!("{:?}, in pieces {:?}", whole.is_ok(), pieces.is_ok()),
    }
    let Ok(whole) = whole else {
        return;
    };
    let beginning = decode_beginning(&layers, data, 100, true);
    assert!(beginning.is_ok_and(|beginning| beginning == whole[..whole.len().min(100)]));
    if let ([layer], false) = (&layers[..], data.is_empty()) {
        compare(layer.coding, data, &whole);
    }
}

fn layer(choice: u8) -> Option<Layer> {
    let coding = match choice {
        0 => Coding::Gzip,
        1 => Coding::Deflate,
        2 => Coding::Brotli,
        3 => Coding::Zstd,
        _ => return None,
    };
    let level = Level::Content;
    Some(Layer { coding, level })
}

/// Undoes codings of a body that comes in such pieces; `Err` is the message.
fn decoded(layers: &[Layer], data: &[u8], piece: usize) -> Result<Vec<u8>, String> {
    let mut decoder = Decoder::new(layers).map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    let mut received = 0;
    for piece in data.chunks(piece) {
        received += piece.len() as u64;
        let passed = decoder.pass(piece, &mut |bytes| {
            all.extend_from_slice(bytes);
            Ok(())
        });
        assert!(all.len() as u64 <= FREE + RATIO * received);
        passed.map_err(|error: WriteError| error.into_error("cannot happen").to_string())?;
    }
    decoder.end().map_err(|error| error.to_string())?;
    Ok(all)
}

/// Compares what was decoded with what the decoders of the crates make of it.
fn compare(coding: Coding, data: &[u8], decoded: &[u8]) {
    let mut expected = Vec::new();
    let read = match coding {
        Coding::Gzip => read_most(MultiGzDecoder::new(data), &mut expected),
        Coding::Zstd => {
            zstd::Decoder::new(data).and_then(|decoder| read_most(decoder, &mut expected))
        }
        Coding::Brotli => read_most(
            brotli_decompressor::Decompressor::new(data, 4096),
            &mut expected,
        ),
        // Deflate may have a wrapper or not: no other decoder accepts both.
        Coding::Deflate => return,
    };
    assert!(
        read.is_ok() || coding == Coding::Zstd,
        "{coding:?} {read:?}"
    );
    assert!(read.is_err() || expected == decoded[..decoded.len().min(COMPARED)]);
}

fn read_most(reader: impl Read, into: &mut Vec<u8>) -> io::Result<usize> {
    reader.take(COMPARED as u64).read_to_end(into)
}

/// Reads a list that may be compressed: however it is cut, and as the decoders of the crates do.
pub fn list_compression(data: &[u8]) {
    let (cut, data) = choice(data);
    let mut whole = Vec::new();
    let read = read_most(Decompressed::new(data), &mut whole);
    let (first, second) = data.split_at(usize::from(cut).min(data.len()));
    let mut pieces = Vec::new();
    let in_pieces = read_most(Decompressed::new(first.chain(second)), &mut pieces);
    // If the data is broken, more of it may be read when it comes in pieces.
    assert!(read.is_err() || in_pieces.is_err() || whole == pieces);
    let is_zstd = matches!(data, [0x28 | 0x50..=0x5f, ..]);
    assert!(read.is_ok() == in_pieces.is_ok() || is_zstd);
    let mut expected = Vec::new();
    let of_crate = match data {
        [0x1f, 0x8b, ..] => read_most(MultiGzDecoder::new(data), &mut expected),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            zstd::Decoder::new(data).and_then(|decoder| read_most(decoder, &mut expected))
        }
        _ => read_most(data, &mut expected),
    };
    if let (Ok(_), Ok(_)) = (read, of_crate) {
        assert!(whole == expected);
    }
}
