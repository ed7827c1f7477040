//! The formats that a report can have.

use crate::{html, json, sheet, xlsx};
use std::path::Path;
use std::str::FromStr;
use tallysheet_core::run::Run;
use tallysheet_core::{Error, Result};

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The sheet as comma-separated values.
    Csv,
    /// Comma-separated values with one line a cell.
    Long,
    /// The whole run as one object.
    Json,
    /// The run as a workbook.
    Xlsx,
    /// The run as a page.
    Html,
}

impl Format {
    /// Every format there is.
    pub const ALL: &'static [Self] = &[Self::Csv, Self::Long, Self::Json, Self::Xlsx, Self::Html];

    /// The word in `format = "…"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Long => "long",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
            Self::Html => "html",
        }
    }

    /// How the name of such a file ends, without the dot.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Csv | Self::Long => "csv",
            Self::Json => "json",
            Self::Xlsx => "xlsx",
            Self::Html => "html",
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv | Self::Long => "text/csv; charset=utf-8",
            Self::Json => "application/json",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    /// The format that a file's ending asks for; CSV where it asks for none.
    pub fn of_path(path: &Path) -> Self {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        Self::ALL.iter().copied().find(|format| format.ending() == ending).unwrap_or(Self::Csv)
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|format| format.as_str() == word).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|format| format.as_str()).collect();
            Error::config(format!("there is no format `{word}`; there are {}", known.join(", ")))
        })
    }
}

/// A run as bytes.
pub fn render(run: &Run, format: Format) -> Result<Vec<u8>> {
    match format {
        Format::Csv => sheet::csv(&run.sheet),
        Format::Long => sheet::long(&run.sheet),
        Format::Json => json::json(run).map(String::into_bytes),
        Format::Xlsx => xlsx::xlsx(run),
        Format::Html => html::html(run).map(String::into_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_format_is_answered_with_the_right_ones() {
        assert_eq!("long".parse::<Format>().unwrap(), Format::Long);
        let error = "pdf".parse::<Format>().unwrap_err().to_string();
        assert_eq!(error, "there is no format `pdf`; there are csv, long, json, xlsx, html");
    }

    #[test]
    fn the_ending_of_a_path_tells_its_format() {
        let of = |path: &str| Format::of_path(Path::new(path));
        assert_eq!(of("out/counts.CSV"), Format::Csv);
        assert_eq!(of("counts.2026.json"), Format::Json);
        assert_eq!(of("counts.txt"), Format::Csv);
        assert_eq!(of("csv"), Format::Csv);
        assert_eq!(of("counts.XLSX"), Format::Xlsx);
        assert_eq!(of("counts.html"), Format::Html);
    }
}
