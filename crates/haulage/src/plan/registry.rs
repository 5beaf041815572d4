//! Registry of the names that rows have claimed: gives distinct names to rows that would be saved
//! under the same one, and finds identical rows.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::checksum::Checksum;
use crate::error::ErrorKind;
use crate::plan::component::fold_into;
use crate::plan::layout::number_of;
use crate::plan::name::TargetName;

/// The names that rows have claimed so far, in input order.
///
/// A list may have 10⁸ rows, so a row takes 16 bytes here: two hashes and how the item ended, but
/// neither its name nor its URL. The entries are in 256 open-addressing tables, each of which grows
/// by an eighth when it is 0.88 full. One map that doubles would be half empty after it grew, and
/// while it grows it would hold the old table and the new one, three times what it needs. Here only
/// one table in 256 is ever in memory twice. The tables start at slightly different sizes, so that
/// they do not all grow at the same time. On average a row takes about 19 bytes, at any length of
/// the list.
///
/// If two names have the same hash of 64 bits (1 in 3000 for all of 10⁸ rows), the later row only
/// gets a distinct name instead of its plain one.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Empty until the first name is claimed: a run may be paused with no row read.
    shards: Vec<Shard>,
    /// The names of files that were saved as copies, beside an existing file with the name that
    /// their row has claimed.
    moved: HashMap<Key, TargetName>,
    /// The folded name that is being looked up; kept to reuse its memory.
    folded: String,
    /// The folder that was taken last: most rows are in the same folder as the row before.
    folder: String,
    /// Whether a row has an explicit name beside rows that are named by their numbers.
    has_given: bool,
}

/// What a row gets when it claims a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    /// A name of its own: the one it wanted, or a distinct one.
    Mine {
        /// The name to save under.
        name: TargetName,
        /// The key to [`settle`](Names::settle) it with.
        key: Key,
    },
    /// An earlier row has the same name, URL and checksums.
    Same {
        /// The earlier row's name.
        name: TargetName,
        /// The earlier row's key.
        key: Key,
        /// How the earlier row ended, if it did.
        state: Settled,
    },
}

/// How the row that has claimed a name ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It has not ended yet.
    Pending,
    /// Its file exists.
    Done,
    /// It has no file, for this reason.
    Failed(ErrorKind),
}

/// Identifies a claimed name, by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64);

impl Key {
    /// The key of a name that no other row can have, and that is therefore not recorded.
    pub(crate) const NONE: Self = Self(0);

    /// Returns the key as an integer, to store it outside of memory.
    pub(crate) fn to_bits(self) -> i64 {
        self.0.cast_signed()
    }

    pub(crate) fn of_bits(bits: i64) -> Self {
        Self(bits.cast_unsigned())
    }
}

impl Names {
    /// Claims a name for a row with this URL as given and these checksums. The first row gets the
    /// name that it wants. A later row with another URL gets [`TargetName::distinct`], or that with
    /// a counter; an identical row gets [`Claim::Same`]. Folders are names as well: if a file has
    /// the name of a folder, the later row's folder is made distinct.
    pub(crate) fn claim(
        &mut self,
        wanted: TargetName,
        given: &str,
        checksums: &[Checksum],
    ) -> Claim {
        let mut name = self.in_folders(wanted, given);
        let mut wanted = None;
        let mut number = 1;
        loop {
            let key = self.key(name.as_str());
            let row = row_hash(&name, given, checksums);
            let (shard, start) = self.shard(key);
            match shard.find_or_insert(key, row, start) {
                None => return Claim::Mine { name, key },
                Some(entry) if entry.row() == row => {
                    let state = entry.state();
                    return Claim::Same { name, key, state };
                }
                // A name that had to be made safe has the hash already. Then `distinct` does not
                // change it, and the next round adds a number.
                Some(_) => {
                    let wanted = wanted.get_or_insert_with(|| name.clone());
                    name = match number {
                        1 => wanted.distinct(given),
                        _ => wanted.numbered(given, number),
                    };
                    number += 1;
                }
            }
        }
    }

    /// Claims a name for a row that is named by its number. It gets that name without a record, as
    /// long as no row has been given its name by hand.
    pub(crate) fn claim_numbered(
        &mut self,
        wanted: TargetName,
        given: &str,
        checksums: &[Checksum],
    ) -> Claim {
        if self.has_given {
            return self.claim(wanted, given, checksums);
        }
        Claim::Mine {
            name: wanted,
            key: Key::NONE,
        }
    }

    /// Claims a name that was given by hand in a list whose other rows are named by their numbers.
    /// `row` is the row's number. A name that belongs to an earlier row is made distinct.
    pub(crate) fn claim_beside_numbered(
        &mut self,
        wanted: TargetName,
        row: u64,
        given: &str,
        checksums: &[Checksum],
    ) -> Claim {
        self.has_given = true;
        let is_taken = number_of(&wanted).is_some_and(|number| number < row);
        let wanted = if is_taken {
            wanted.distinct(given)
        } else {
            wanted
        };
        self.claim(wanted, given, checksums)
    }

    /// Records how the row with this name ended, for rows that are identical to it.
    pub(crate) fn settle(&mut self, key: Key, outcome: Settled) {
        if key != Key::NONE {
            self.shard(key).0.settle(key, outcome);
        }
    }

    /// Notes that the file of the row with this name was saved under another name, for rows that
    /// are identical to it. At most [`MAX_MOVED`] are noted, to limit the memory for a list of any
    /// length.
    pub(crate) fn moved(&mut self, key: Key, to: TargetName) {
        if key != Key::NONE && self.moved.len() < MAX_MOVED {
            self.moved.insert(key, to);
        }
    }

    /// Returns the other name under which the file of this row was saved; `None` if none was noted.
    pub(crate) fn place(&self, key: Key) -> Option<&TargetName> {
        self.moved.get(&key)
    }

    /// Takes a name that no row gets.
    pub(crate) fn reserve(&mut self, path: &str) {
        // As if it were a folder's.
        self.take_folder(path);
        self.has_given |= number_of(&TargetName::of_safe(path.to_owned())).is_some();
    }

    /// Returns the name with folders that no file has as its name, and takes these folders.
    fn in_folders(&mut self, mut name: TargetName, given: &str) -> TargetName {
        if name.folder().is_none_or(|folder| folder == self.folder) {
            return name;
        }
        let mut start = 0;
        while let Some(length) = name.as_str()[start..].find('/') {
            let wanted = name.clone();
            let component = start..start + length;
            let after = wanted.as_str().len() - component.end;
            let mut end = component.end;
            let mut number = 1;
            while !self.take_folder(&name.as_str()[..end]) {
                name = wanted.with_distinct_folder(component.clone(), given, number);
                end = name.as_str().len() - after;
                number += 1;
            }
            start = end + 1;
        }
        self.folder.clear();
        self.folder.push_str(name.folder().unwrap_or_default());
        name
    }

    /// Takes a name for a folder. Returns `false` if a file has it.
    fn take_folder(&mut self, path: &str) -> bool {
        let key = self.key(path);
        let (shard, start) = self.shard(key);
        let taken = shard.find_or_insert(key, FOLDER, start);
        taken.is_none_or(|entry| entry.row() == FOLDER)
    }

    /// Returns how many bytes the tables have allocated.
    #[cfg(test)]
    fn allocated(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.entries.capacity() * size_of::<Entry>())
            .sum()
    }

    fn key(&mut self, name: &str) -> Key {
        self.folded.clear();
        fold_into(name, &mut self.folded);
        // No random seed: a list must give the same names on every run. Zero marks a free entry.
        let mut hasher = DefaultHasher::new();
        self.folded.hash(&mut hasher);
        Key(hasher.finish().max(1))
    }

    /// Returns the table that a key belongs to, and the number of entries that the table starts
    /// with.
    fn shard(&mut self, key: Key) -> (&mut Shard, usize) {
        if self.shards.len() < SHARDS {
            self.add_shards();
        }
        let [index, ..] = key.0.to_be_bytes();
        let index = match self.shards.len() {
            1 => 0,
            _ => usize::from(index),
        };
        (
            &mut self.shards[index],
            SMALLEST + index * SMALLEST / (4 * SHARDS),
        )
    }

    /// Adds the first table or, when that has many names, all others.
    fn add_shards(&mut self) {
        match &mut self.shards[..] {
            [] => self.shards.push(Shard::default()),
            [only] if only.used == FEW => {
                let names = std::mem::take(&mut only.entries);
                self.shards.clear();
                self.shards.resize_with(SHARDS, Shard::default);
                for name in names.into_iter().filter(|entry| entry.name != 0) {
                    let (shard, start) = self.shard(Key(name.name));
                    shard.find_or_insert(Key(name.name), name.row, start);
                }
            }
            _ => {}
        }
    }
}

/// Maximum number of copies whose names are kept.
const MAX_MOVED: usize = 10_000;
/// Number of tables. The first byte of a key is the index of its table.
const SHARDS: usize = 256;
/// Number of names up to which there is only one table: many runs have few rows.
const FEW: usize = 24;
/// Entries in the smallest new table; the largest new one has a quarter more.
const SMALLEST: usize = 32;

/// Returns the hash that distinguishes rows with one name: of the URL, the checksums, and the exact
/// name. Names that are equal only after folding are not identical, because a file system that
/// respects case has two files for them. The low bits are free for the state.
fn row_hash(name: &TargetName, given: &str, checksums: &[Checksum]) -> u64 {
    let mut hasher = DefaultHasher::new();
    given.hash(&mut hasher);
    checksums.hash(&mut hasher);
    name.as_str().hash(&mut hasher);
    hasher.finish() & !STATE
}

/// Takes the place of a row's hash if the name is that of a folder.
const FOLDER: u64 = !STATE;

/// One open-addressing table with linear probing.
#[derive(Debug, Default)]
struct Shard {
    entries: Vec<Entry>,
    used: usize,
}

impl Shard {
    /// Returns the entry of a key if there is one. Otherwise inserts one for `row`, and returns
    /// `None`. A table that is empty starts with `start` entries.
    fn find_or_insert(&mut self, key: Key, row: u64, start: usize) -> Option<Entry> {
        // At 0.88, a search that fails compares about 35 entries, which are adjacent in memory.
        if (self.used + 1) * 25 > self.entries.len() * 22 {
            self.grow(start);
        }
        let at = self.position(key);
        let entry = &mut self.entries[at];
        if entry.name != 0 {
            return Some(*entry);
        }
        *entry = Entry { name: key.0, row };
        self.used += 1;
        None
    }

    fn settle(&mut self, key: Key, outcome: Settled) {
        if self.entries.is_empty() {
            return;
        }
        let at = self.position(key);
        let entry = &mut self.entries[at];
        // A key is only made together with its entry, so this finds it; a free entry stays free.
        if entry.name != 0 {
            entry.row = entry.row() | code_of(outcome);
        }
    }

    /// Returns the index of a key's entry, or of the free entry where it belongs.
    fn position(&self, key: Key) -> usize {
        let length = self.entries.len();
        let mut at = home(key.0, length);
        while !matches!(self.entries[at].name, name if name == 0 || name == key.0) {
            at += 1;
            if at == length {
                at = 0;
            }
        }
        at
    }

    fn grow(&mut self, start: usize) {
        let length = match self.entries.len() {
            0 => start,
            length => length + length / 8,
        };
        let entries = std::mem::replace(&mut self.entries, vec![Entry::default(); length]);
        for entry in entries.into_iter().filter(|entry| entry.name != 0) {
            let at = self.position(Key(entry.name));
            self.entries[at] = entry;
        }
    }
}

/// Returns the first index at which to look for a name: its low 32 bits, scaled to the table's
/// length, which is not a power of two.
fn home(name: u64, length: usize) -> usize {
    let low = u128::from(name << 32 >> 32);
    let scaled = (low * length as u128) >> 32;
    // Less than `length`, so it fits.
    usize::try_from(scaled).unwrap_or(0)
}

/// A name that has been claimed.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// The hash of the folded name; 0 when the entry is free.
    name: u64,
    /// The row's hash in the bits above [`STATE`], and how the row ended in the bits below.
    row: u64,
}

impl Entry {
    fn row(self) -> u64 {
        self.row & !STATE
    }

    fn state(self) -> Settled {
        match self.row & STATE {
            PENDING => Settled::Pending,
            DONE => Settled::Done,
            // Only `code_of` writes these bits.
            code => Settled::Failed(kind_of(code).unwrap_or(ErrorKind::Cancelled)),
        }
    }
}

/// The bits of [`Entry::row`] that say how the row ended.
const STATE: u64 = 0x3f;
const PENDING: u64 = 0;
const DONE: u64 = 1;

fn code_of(state: Settled) -> u64 {
    match state {
        Settled::Pending => PENDING,
        Settled::Done => DONE,
        Settled::Failed(kind) => code_of_kind(kind),
    }
}

/// Defines both conversions from one list; a kind that is missing does not compile.
macro_rules! codes {
    ($($kind:ident = $code:literal),+ $(,)?) => {
        fn code_of_kind(kind: ErrorKind) -> u64 {
            match kind {
                $(ErrorKind::$kind => $code,)+
            }
        }

        fn kind_of(code: u64) -> Option<ErrorKind> {
            match code {
                $($code => Some(ErrorKind::$kind),)+
                _ => None,
            }
        }
    };
}

codes! {
    Input = 2, Name = 3, Dns = 4, Connect = 5, Tls = 6, Timeout = 7, Reset = 8, Protocol = 9, Incomplete = 10,
    Http = 11, Redirect = 12, Refused = 13, Disk = 14, Exists = 15, Cancelled = 16,
    Checksum = 17, Decode = 18, Changed = 19, Command = 20,
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use proptest::prelude::*;

    use super::*;
    use crate::plan::name::RelativeName;

    fn target(name: &str, given: &str) -> TargetName {
        TargetName::portable(&RelativeName::from_user(name).unwrap(), given)
    }

    fn claim(names: &mut Names, name: &str, given: &str) -> Claim {
        names.claim(target(name, given), given, &[])
    }

    fn name_of(claim: &Claim) -> &str {
        match claim {
            Claim::Mine { name, .. } | Claim::Same { name, .. } => name.as_str(),
        }
    }

    #[test]
    fn of_three_rows_with_one_name_the_first_keeps_it() {
        let mut names = Names::default();
        let got: Vec<_> = ["http://a/", "http://b/", "http://c/"]
            .map(|given| claim(&mut names, "d/x.gif", given))
            .into();
        assert!(got.iter().all(|claim| matches!(claim, Claim::Mine { .. })));
        assert_eq!(name_of(&got[0]), "d/x.gif");
        assert_eq!(
            name_of(&got[1]),
            target("d/x.gif", "").distinct("http://b/").as_str()
        );
        assert_eq!(
            name_of(&got[2]),
            target("d/x.gif", "").distinct("http://c/").as_str()
        );
    }

    #[test]
    fn names_of_numbers_take_no_room_until_one_is_given_by_hand() {
        let mut names = Names::default();
        let numbered = |names: &mut Names, row: u64| {
            let wanted = target(&format!("{row:09}.gif"), "");
            let given = format!("http://h/{row}");
            name_of(&names.claim_numbered(wanted, &given, &[])).to_owned()
        };
        let by_hand = |names: &mut Names, row: u64, name: &str| {
            let given = format!("http://h/{row}");
            let wanted = target(name, &given);
            name_of(&names.claim_beside_numbered(wanted, row, &given, &[])).to_owned()
        };
        assert_eq!(numbered(&mut names, 0), "000000000.gif");
        assert_eq!(numbered(&mut names, 1), "000000001.gif");
        assert!(names.shards.iter().all(|shard| shard.entries.is_empty()));
        // The first name is that of an earlier row; the second is claimed before its row is read.
        for (row, name, is_kept) in [
            (2, "000000001.gif", false),
            (3, "000000005.gif", true),
            (4, "1.gif", true),
        ] {
            assert_eq!(by_hand(&mut names, row, name) == name, is_kept, "{name}");
        }
        assert_ne!(numbered(&mut names, 5), "000000005.gif");
        assert_eq!(numbered(&mut names, 6), "000000006.gif");
    }

    #[test]
    fn an_identical_row_learns_how_the_first_ended() {
        let mut names = Names::default();
        for (wanted, given) in [("x", "http://a/"), ("x", "http://b/")] {
            let Claim::Mine { name, key } = claim(&mut names, wanted, given) else {
                panic!("the first of its URL");
            };
            for state in [
                Settled::Pending,
                Settled::Done,
                Settled::Failed(ErrorKind::Input),
                Settled::Failed(ErrorKind::Cancelled),
                Settled::Failed(ErrorKind::Http),
            ] {
                names.settle(key, state);
                let expected = Claim::Same {
                    name: name.clone(),
                    key,
                    state,
                };
                assert_eq!(claim(&mut names, wanted, given), expected);
            }
        }
    }

    #[test]
    fn one_url_under_two_names_is_two_files() {
        let mut names = Names::default();
        for name in ["x", "y", "d/x"] {
            let claim = claim(&mut names, name, "http://a/");
            assert!(
                matches!(&claim, Claim::Mine { name: mine, .. } if mine.as_str() == name),
                "{claim:?}"
            );
        }
    }

    #[test]
    fn names_alike_but_for_case_or_normalisation_are_kept_apart() {
        let mut names = Names::default();
        assert_eq!(name_of(&claim(&mut names, "a.GIF", "http://a/1")), "a.GIF");
        let other = claim(&mut names, "A.gif", "http://a/2");
        assert_eq!(
            name_of(&other),
            target("A.gif", "").distinct("http://a/2").as_str()
        );
        // With the same URL too: on a file system that respects case, no file has this name yet.
        let variant = claim(&mut names, "A.gif", "http://a/1");
        assert_eq!(
            name_of(&variant),
            target("A.gif", "").distinct("http://a/1").as_str()
        );
        assert!(matches!(variant, Claim::Mine { .. }));
        let composed = claim(&mut names, "\u{e4}", "http://a/3");
        let apart = claim(&mut names, "A\u{308}", "http://a/4");
        assert_eq!(name_of(&composed), "\u{e4}");
        assert_eq!(
            name_of(&apart),
            target("A\u{308}", "").distinct("http://a/4").as_str()
        );
    }

    #[test]
    fn rows_that_differ_in_their_checksum_are_not_identical() {
        let mut names = Names::default();
        let given = "http://h/1";
        let one: Checksum = "crc32c=00000001".parse().unwrap();
        let other: Checksum = "crc32c=00000002".parse().unwrap();
        let mut claim = |checksum: &Checksum| {
            names.claim(target("a", given), given, std::slice::from_ref(checksum))
        };
        assert!(matches!(claim(&one), Claim::Mine { .. }));
        assert!(matches!(claim(&one), Claim::Same { .. }));
        let Claim::Mine { name, .. } = claim(&other) else {
            panic!("another checksum is another file");
        };
        assert_eq!(name, target("a", given).distinct(given));
    }

    #[test]
    fn a_file_and_a_folder_of_one_name_are_kept_apart_in_input_order() {
        let mut names = Names::default();
        let mut get = |name: &str, given: &str| claim(&mut names, name, given);
        let distinct =
            |name: &str, given: &str| target(name, "").distinct(given).as_str().to_owned();
        assert_eq!(name_of(&get("a", "http://h/1")), "a");
        let folder = distinct("a", "http://h/2");
        assert_eq!(
            name_of(&get("a/b/c", "http://h/2")),
            format!("{folder}/b/c")
        );
        // An identical row gets the first name. A folder named like a file is made distinct.
        assert!(matches!(get("a/b/c", "http://h/2"), Claim::Same { .. }));
        assert_eq!(
            name_of(&get("A/b", "http://h/3")),
            distinct("A", "http://h/3") + "/b"
        );
        // The other way round: the folder is claimed first.
        assert_eq!(name_of(&get("d/e/f", "http://h/4")), "d/e/f");
        assert_eq!(name_of(&get("d/e/g", "http://h/5")), "d/e/g");
        assert_eq!(
            name_of(&get("D/E", "http://h/6")),
            format!("D/{}", distinct("E", "http://h/6"))
        );
        // Both the folder's name and its distinct name are taken.
        let tagged = distinct("d", "http://h/9");
        assert_eq!(name_of(&get("x", "http://h/7")), "x");
        let taken = distinct("x", "http://h/9");
        assert_eq!(name_of(&get(&taken, "http://h/8")), taken);
        let second = target("x", "").numbered("http://h/9", 2);
        assert_eq!(
            name_of(&get("x/y", "http://h/9")),
            format!("{}/y", second.as_str())
        );
        assert_eq!(name_of(&get("d", "http://h/9")), tagged);
    }

    #[test]
    fn a_distinct_name_that_is_taken_gets_a_counter() {
        let mut names = Names::default();
        let distinct = target("x.gif", "").distinct("http://b/");
        claim(&mut names, "x.gif", "http://a/");
        claim(&mut names, distinct.as_str(), "http://a/2");
        let second = target("x.gif", "").numbered("http://b/", 2);
        claim(&mut names, second.as_str(), "http://a/3");
        let third = claim(&mut names, "x.gif", "http://b/");
        assert_eq!(
            name_of(&third),
            target("x.gif", "").numbered("http://b/", 3).as_str()
        );
        assert!(matches!(
            claim(&mut names, "x.gif", "http://b/"),
            Claim::Same { .. }
        ));
    }

    #[test]
    fn a_long_list_stays_small() {
        let mut names = Names::default();
        let (mut rows, mut most) = (0_usize, 0.0_f64);
        while rows < 200_000 {
            let given = format!("http://host.example/{rows}");
            let name = target(&format!("{rows}.gif"), &given);
            assert!(matches!(names.claim(name, &given, &[]), Claim::Mine { .. }));
            rows += 1;
            if rows >= 50_000 {
                most = most.max(names.allocated() as f64 / rows as f64);
            }
        }
        assert!(most <= 22.0, "{most} bytes a row");
    }

    #[test]
    fn the_first_place_is_inside_the_table() {
        for length in [1, 32, 33, 1_000_003] {
            assert_eq!(home(0xffff_ffff_0000_0000, length), 0);
            assert_eq!(home(0xffff_ffff, length), length - 1);
        }
    }

    proptest! {
        #[test]
        fn no_name_is_a_file_and_a_folder_and_no_file_is_two(
            rows in proptest::collection::vec(("[abA]{1,2}(/[abA]){0,3}", 0..9_u8), 0..60),
        ) {
            let (mut names, mut again) = (Names::default(), Names::default());
            let (mut files, mut folders) = (HashMap::new(), HashSet::new());
            for (wanted, url) in rows {
                let given = format!("http://host.example/{url}");
                let claim = claim(&mut names, &wanted, &given);
                prop_assert_eq!(&claim, &again.claim(target(&wanted, &given), &given, &[]));
                let path = name_of(&claim).to_lowercase();
                folders.extend(path.match_indices('/').map(|(end, _)| path[..end].to_owned()));
                let is_new = files.insert(path, (name_of(&claim).to_owned(), url)).is_none();
                prop_assert_eq!(is_new, matches!(claim, Claim::Mine { .. }));
            }
            prop_assert!(folders.iter().all(|folder| !files.contains_key(folder)));
        }

        #[test]
        fn it_does_what_a_map_of_whole_names_would(
            rows in proptest::collection::vec(("[abABäÄ]{1,2}", 0..4_u8, 0..3_u8), 0..100),
        ) {
            let (mut names, mut again) = (Names::default(), Names::default());
            let mut model: HashMap<String, (TargetName, u8, Key, Settled)> = HashMap::new();
            for (wanted, url, end) in rows {
                let given = format!("http://host.example/{url}");
                let wanted = target(&wanted, &given);
                let found = (0_u64..).find_map(|number| {
                    let name = match number {
                        0 => wanted.clone(),
                        1 => wanted.distinct(&given),
                        _ => wanted.numbered(&given, number),
                    };
                    match model.get(&name.as_str().to_lowercase()) {
                        None => Some((name, None)),
                        Some((taken, by, key, state)) if (taken, *by) == (&name, url) => {
                            Some((name, Some((*key, *state))))
                        }
                        Some(_) => None,
                    }
                });
                let (expected, first) = found.unwrap();
                let claim = names.claim(wanted.clone(), &given, &[]);
                prop_assert_eq!(&claim, &again.claim(wanted, &given, &[]));
                let (name, key) = match claim {
                    Claim::Mine { name, key } => {
                        prop_assert_eq!(first, None);
                        (name, key)
                    }
                    Claim::Same { name, key, state } => {
                        prop_assert_eq!(first, Some((key, state)));
                        (name, key)
                    }
                };
                prop_assert_eq!(&name, &expected);
                let state = match end {
                    0 => Settled::Pending,
                    1 => Settled::Done,
                    _ => Settled::Failed(ErrorKind::Dns),
                };
                names.settle(key, state);
                again.settle(key, state);
                model.insert(name.as_str().to_lowercase(), (name, url, key, state));
            }
        }
    }
}
