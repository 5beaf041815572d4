//! Recognises files that are not lists by their first block, before a thousand rows fail.

use super::lines::BYTE_ORDER_MARK;

/// Returns why data that begins with this block is not a list; `None` when it may be one.
pub(super) fn why_binary(block: &[u8]) -> Option<&'static str> {
    if block.starts_with(b"\xFF\xFE") || block.starts_with(b"\xFE\xFF") {
        return Some("it is UTF-16; save it as UTF-8");
    }
    let text = block.strip_prefix(BYTE_ORDER_MARK).unwrap_or(block);
    // If the first line of a list is good, bad ones further down fail alone.
    if text.starts_with(b"#") || starts_with_url(text) {
        return None;
    }
    let controls = text.iter().filter(|byte| is_control(**byte)).count();
    let is_binary = text.contains(&0) && !is_utf8_so_far(text) || controls > text.len() / 20 + 1;
    is_binary.then_some("it is a binary file, not a list of URLs")
}

fn starts_with_url(text: &[u8]) -> bool {
    let start = &text[..text.len().min(8)].to_ascii_lowercase();
    start.starts_with(b"http://") || start.starts_with(b"https://")
}

/// Returns whether a byte is one that no text has.
const fn is_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)
}

/// Returns whether a block is UTF-8, but for a character that its end may cut.
fn is_utf8_so_far(block: &[u8]) -> bool {
    match std::str::from_utf8(block) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_files_are_told_from_lists() {
        let noise: Vec<u8> = (0..2000_u32)
            .map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[1])
            .collect();
        for block in [
            &b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0"[..],
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10",
            b"GIF89a\x10\0\x10\0\xf7\0\0",
            b"\xFF\xFEh\0t\0t\0p\0",
            b"PK\x03\x04\x14\0\0\0\x08\0",
            b"h\0t\0t\0p\0:\0/\0/\0",
            &noise,
        ] {
            assert!(why_binary(block).is_some(), "{block:.40?}");
        }
        for block in [
            &b""[..],
            b"\n\n",
            b"http://h/a\nhttp://h/\0\xFF\n",
            b"\xEF\xBB\xBFhttp://h/a\n",
            b"# \xE9 list\n\0\n",
            b"a\0b\n",
            "ä\nö\n".as_bytes(),
            b"caf\xE9.gif\n",
            b"d41d8cd98f00b204e9800998ecf8427e  \xE9\n",
        ] {
            assert_eq!(why_binary(block), None, "{block:?}");
        }
    }
}
