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
