//! The fields of Parquet's structures, by their numbers: as in `parquet.thrift`, where the format
//! is specified.

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Bool,
    Byte,
    /// A whole number of two bytes or more.
    Number,
    /// A number that says how much of something there is.
    Claim(Claim),
    Double,
    Binary,
    List(&'static Kind),
    Struct(Fields),
}

/// What a number claims.
#[derive(Clone, Copy, Debug)]
pub(super) enum Claim {
    /// The bytes of a page once it is decompressed.
    Uncompressed,
    /// The bytes of a page in the file.
    Compressed,
    /// The values in a page of data.
    Values,
    /// The values in a dictionary.
    Entries,
    /// The bytes of each value of a column of fixed length.
    Width,
    /// How often a field is there in a row: [`REPEATED`] is any number of times.
    Repetition,
}

/// A field that is there any number of times in a row.
pub(super) const REPEATED: i32 = 2;

/// The numbers and kinds of a structure's fields. Others are of later versions of the format.
pub(super) type Fields = &'static [(i16, Kind)];

use Kind::{Binary, Bool, Byte, Double, List, Number, Struct};

const EMPTY: Kind = Struct(&[]);

pub(super) const FILE: Fields = &[
    (1, Number),
    (2, List(&Struct(SCHEMA_ELEMENT))),
    (3, Number),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&KEY_AND_VALUE)),
    (6, Binary),
    (7, List(&Struct(&[(1, EMPTY), (2, EMPTY)]))),
    (9, Binary),
];

const SCHEMA_ELEMENT: Fields = &[
    (1, Number),
    (2, Kind::Claim(Claim::Width)),
    (3, Kind::Claim(Claim::Repetition)),
    (4, Binary),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, Struct(LOGICAL_TYPE)),
];

const LOGICAL_TYPE: Fields = &[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Struct(&[(1, Number), (2, Number)])),
    (6, EMPTY),
    (7, Struct(TIME)),
    (8, Struct(TIME)),
    (10, Struct(&[(1, Byte), (2, Bool)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (16, Struct(&[(1, Byte)])),
    (17, Struct(&[(1, Binary)])),
    (18, Struct(&[(1, Binary), (2, Number)])),
];

const TIME: Fields = &[
    (1, Bool),
    (2, Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)])),
];

const ROW_GROUP: Fields = &[
    (1, List(&Struct(COLUMN_CHUNK))),
    (2, Number),
    (3, Number),
    (4, List(&Struct(&[(1, Number), (2, Bool), (3, Bool)]))),
    (5, Number),
    (6, Number),
    (7, Number),
];

const COLUMN_CHUNK: Fields = &[
    (1, Binary),
    (2, Number),
    (3, Struct(COLUMN)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (9, Binary),
];

const COLUMN: Fields = &[
    (1, Number),
    (2, List(&Number)),
    (3, List(&Binary)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, List(&KEY_AND_VALUE)),
    (9, Number),
    (10, Number),
    (11, Number),
    (12, STATISTICS),
    (13, List(&Struct(&[(1, Number), (2, Number), (3, Number)]))),
    (14, Number),
    (15, Number),
    (
        16,
        Struct(&[(1, Number), (2, List(&Number)), (3, List(&Number))]),
    ),
    (17, Struct(&[(1, Struct(BOX)), (2, List(&Number))])),
];

const BOX: Fields = &[
    (1, Double),
    (2, Double),
    (3, Double),
    (4, Double),
    (5, Double),
    (6, Double),
    (7, Double),
    (8, Double),
];

const KEY_AND_VALUE: Kind = Struct(&[(1, Binary), (2, Binary)]);

const STATISTICS: Kind = Struct(&[
    (1, Binary),
    (2, Binary),
    (3, Number),
    (4, Number),
    (5, Binary),
    (6, Binary),
    (7, Bool),
    (8, Bool),
    (9, Number),
]);

pub(super) const PAGE: Fields = &[
    (1, Number),
    (2, Kind::Claim(Claim::Uncompressed)),
    (3, Kind::Claim(Claim::Compressed)),
    (4, Number),
    (5, Struct(DATA_PAGE)),
    (6, EMPTY),
    (7, Struct(DICTIONARY_PAGE)),
    (8, Struct(DATA_PAGE_2)),
];

const DATA_PAGE: Fields = &[
    (1, Kind::Claim(Claim::Values)),
    (2, Number),
    (3, Number),
    (4, Number),
    (5, STATISTICS),
];

const DICTIONARY_PAGE: Fields = &[(1, Kind::Claim(Claim::Entries)), (2, Number), (3, Bool)];

const DATA_PAGE_2: Fields = &[
    (1, Kind::Claim(Claim::Values)),
    (2, Number),
    (3, Number),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Bool),
    (8, STATISTICS),
];
