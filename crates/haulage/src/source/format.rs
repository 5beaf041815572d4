//! The formats of lists, and the names by which files show them.

use super::list_name;

/// What a list is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListFormat {
    /// URLs, as [`Text`](super::Text) reads them.
    Text,
    /// Checksums and names, as [`Checksums`](super::Checksums) reads them.
    Checksums,
    /// URLs with options below them, as [`Aria2`](super::Aria2) reads them.
    Aria2,
    /// A table of text with a header (RFC 4180), as [`Csv`](super::Csv) reads it.
    Csv,
    /// A JSON object per line, as [`Jsonl`](super::Jsonl) reads them.
    Jsonl,
    /// A table in a Parquet file. It can be read with the feature `parquet`.
    Parquet,
    /// Record batches in Arrow's IPC format, a stream or a file. They can be read with the feature
    /// `parquet`.
    Arrow,
    /// A Metalink, as [`Metalink`](super::Metalink) reads it.
    Metalink,
    /// A sitemap, as [`Sitemap`](super::Sitemap) reads it.
    Sitemap,
}

impl ListFormat {
    /// Returns the format of a list with this name, such as `SHA256SUMS` or `urls.csv.gz`; `None`
    /// if the name does not tell.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        if list_name::is_of_checksums(name) {
            return Some(Self::Checksums);
        }
        let extension = list_name::extension(name)?;
        match &*extension {
            "csv" | "tsv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "parquet" => Some(Self::Parquet),
            "arrow" | "arrows" | "feather" | "ipc" => Some(Self::Arrow),
            "meta4" | "metalink" => Some(Self::Metalink),
            "xml" if list_name::is_of_sitemap(name) => Some(Self::Sitemap),
            _ => None,
        }
    }

    /// Returns the name of the format, as `--input-format` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Checksums => "checksums",
            Self::Aria2 => "aria2",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Metalink => "metalink",
            Self::Sitemap => "sitemap",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_formats() {
        for (name, format) in [
            ("SHA256SUMS", Some(ListFormat::Checksums)),
            ("a/b.csv", Some(ListFormat::Csv)),
            ("B.TSV.gz", Some(ListFormat::Csv)),
            ("x.ndjson.zst", Some(ListFormat::Jsonl)),
            ("x.jsonl.bz2", Some(ListFormat::Jsonl)),
            ("x.parquet", Some(ListFormat::Parquet)),
            ("x.feather", Some(ListFormat::Arrow)),
            ("d/ubuntu.iso.meta4", Some(ListFormat::Metalink)),
            ("f.metalink.gz", Some(ListFormat::Metalink)),
            ("sitemap.xml", Some(ListFormat::Sitemap)),
            ("a/Sitemap_index-2.xml.gz", Some(ListFormat::Sitemap)),
            ("post-sitemap.xml", None),
            ("urls.xml", None),
            ("urls.txt", None),
            ("csv", None),
            ("-", None),
        ] {
            assert_eq!(ListFormat::of_name(name), format, "{name}");
        }
    }
}
