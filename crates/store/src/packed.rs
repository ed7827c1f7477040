//! A run as bytes, deflated: one of a thousand rows takes some kilobytes.

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::io::{Read, Write};
use tallysheet_core::run::Run;
use tallysheet_core::{Error, Result};

pub(crate) fn pack(run: &Run) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut encoder, run)
        .map_err(|error| Error::internal(format!("the run cannot be kept: {error}")))?;
    finish(encoder)
}

pub(crate) fn unpack(bytes: &[u8]) -> Result<Run> {
    // A run that this version cannot read was kept by a newer one, or its bytes are damaged.
    serde_json::from_slice(&unpack_bytes(bytes)?)
        .map_err(|_| Error::internal("a kept run cannot be read: a newer version kept it, or the file is damaged"))
}

pub(crate) fn pack_bytes(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).map_err(|error| Error::internal(format!("a report cannot be kept: {error}")))?;
    finish(encoder)
}

pub(crate) fn unpack_bytes(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    DeflateDecoder::new(bytes)
        .read_to_end(&mut unpacked)
        .map_err(|_| Error::internal("a kept file cannot be read: it is damaged"))?;
    Ok(unpacked)
}

fn finish(encoder: DeflateEncoder<Vec<u8>>) -> Result<Vec<u8>> {
    encoder.finish().map_err(|error| Error::internal(format!("a report cannot be kept: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::Index;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_packed_is_unpacked(bytes: Vec<u8>) {
            prop_assert_eq!(unpack_bytes(&pack_bytes(&bytes).unwrap()).unwrap(), bytes);
        }

        #[test]
        fn what_is_damaged_is_an_error_or_another_text_and_no_run(
            text: String,
            changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
            end in prop::option::of(any::<Index>()),
        ) {
            let mut packed = pack_bytes(text.as_bytes()).unwrap();
            for (at, byte) in changes {
                let at = at.index(packed.len());
                packed[at] = byte;
            }
            packed.truncate(end.map_or(packed.len(), |end| end.index(packed.len())));
            let _ = unpack_bytes(&packed);
            let told = unpack(&packed).unwrap_err().to_string();
            prop_assert!(told.starts_with("a kept "), "{told}");
        }
    }
}
