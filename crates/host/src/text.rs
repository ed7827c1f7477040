//! From bytes to text, as Windows, macOS and Linux write it.

use tallysheet_core::{Error, Result};

/// UTF-8 with or without a byte-order mark, or UTF-16 with one. The error says what is wrong, without any of the text.
pub fn decode(bytes: &[u8]) -> Result<String> {
    let text = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest)?,
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        _ => utf8(bytes)?,
    };
    if let Some((before, _)) = text.split_once('\0') {
        let line = before.split('\n').count();
        return Err(Error::config(format!("line {line} holds a zero byte, so it is no text; save it as UTF-8")));
    }
    Ok(text)
}

/// Bytes of a text in the encoding of a file that [`decode`] understood, with its byte-order mark if it has one.
pub fn encode_like(original: &[u8], text: &str) -> Vec<u8> {
    let units =
        |bytes: fn(u16) -> [u8; 2]| "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect();
    match original {
        [0xEF, 0xBB, 0xBF, ..] => [&original[..3], text.as_bytes()].concat(),
        [0xFF, 0xFE, ..] => units(u16::to_le_bytes),
        [0xFE, 0xFF, ..] => units(u16::to_be_bytes),
        _ => text.as_bytes().to_vec(),
    }
}

fn utf8(bytes: &[u8]) -> Result<String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        Error::config(format!("line {line} is not UTF-8; save it as UTF-8"))
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String> {
    let wrong = || Error::config("it begins like UTF-16 but is not; save it as UTF-8");
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    char::decode_utf16(units.iter().copied().map(unit)).collect::<Result<_, _>>().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_that_editors_write_is_understood() {
        let little: Vec<u8> = "\u{feff}Zoë\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}Zoë\r\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in ["Zoë\r\n".as_bytes(), "\u{feff}Zoë\r\n".as_bytes(), &little, &big] {
            assert_eq!(decode(bytes).unwrap(), "Zoë\r\n");
            assert_eq!(encode_like(bytes, "Zoë\r\n"), bytes);
        }
    }

    #[test]
    fn what_is_no_text_is_refused_by_line() {
        let message = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
        assert!(message(b"a\nb\xFF").contains("line 2"));
        assert!(message(b"a\0b").contains("zero byte"));
        assert!(message(b"\xFF\xFEa").contains("UTF-16"));
        assert!(message(b"\xFF\xFE\x00\xD8").contains("UTF-16"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
