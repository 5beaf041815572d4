//! Decides how an existing file at an item's name relates to the file on the server.
//!
//! A name proves nothing: the file may be from another URL, or another tool may have left half of
//! it. So it is compared twice. First, its length and time are compared with the head of the
//! response; if they agree, the body is not needed. If not, it is compared byte by byte with the
//! new file, once that is complete.

use std::time::{Duration, SystemTime};

/// Times that differ by less are the same: FAT stores times in steps of two seconds.
const SAME_TIME: Duration = Duration::from_secs(2);

/// What the file system says about an existing file of which nothing else is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// In bytes.
    pub(crate) length: u64,
    /// The modification time; `None` if it cannot be read.
    pub(crate) modified: Option<SystemTime>,
    /// Another file beside it shows that another tool has not finished it.
    pub(crate) is_unfinished: bool,
}

/// What the head of a response says about the file as it would be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offered {
    /// In bytes; `None` if only the end of the body tells, or if a content coding must be undone.
    pub(crate) length: Option<u64>,
    /// `Last-Modified` (RFC 9110 §8.8.2); `None` if it is missing or not a date.
    pub(crate) modified: Option<SystemTime>,
}

/// Where the file that a response describes exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExistingMatch {
    /// At the item's name.
    AtName,
    /// At its distinct name: an earlier run has saved it beside another file.
    AtDistinct,
    /// Nowhere, judged by length and time: the body is needed.
    Nowhere,
}

/// Decides from the head of a response whether its file is there already, at either of two names at
/// which files may stand.
pub(crate) fn judge(
    at_name: Option<Standing>,
    at_distinct: Option<Standing>,
    offered: Offered,
) -> ExistingMatch {
    let is_it = |standing: Standing| is_same(standing, offered);
    if at_name.is_some_and(is_it) {
        ExistingMatch::AtName
    } else if at_distinct.is_some_and(is_it) {
        ExistingMatch::AtDistinct
    } else {
        ExistingMatch::Nowhere
    }
}

/// Returns whether a file is the one that a response describes, as far as length and time tell.
/// Without a length they tell nothing.
fn is_same(standing: Standing, offered: Offered) -> bool {
    let same_time = match (offered.modified, standing.modified) {
        (None, _) => true,
        (Some(theirs), Some(ours)) => is_close(theirs, ours),
        (Some(_), None) => false,
    };
    offered.length == Some(standing.length) && same_time && !standing.is_unfinished
}

/// Returns whether two times are the same to a file system that rounds them.
fn is_close(one: SystemTime, other: SystemTime) -> bool {
    let apart = one.duration_since(other);
    apart.unwrap_or_else(|error| error.duration()) < SAME_TIME
}

/// How an existing file relates to a complete new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// The two have the same bytes.
    Equal,
    /// The new file begins with all bytes of the existing one, which is a part of it, or empty.
    Prefix,
    /// Neither, or the existing file cannot be read.
    Different,
}

/// The existing file whose name a complete new file should get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InTheWay {
    pub(crate) likeness: Likeness,
    /// It is a symbolic link to the file that was compared.
    pub(crate) is_link: bool,
    /// Another file beside it shows that another tool has not finished it.
    pub(crate) is_unfinished: bool,
    /// It is the damaged file whose right pieces the new file has.
    pub(crate) is_repaired: bool,
}

/// What is done with a new file whose name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// It replaces the existing file, of which no bytes are lost but those that are damaged.
    Replace,
    /// The existing file is the same, and stays.
    Keep,
    /// Both stay: the new one gets its distinct name.
    Beside,
    /// The new one gets no name, because another tool may still write to the existing file.
    Unfinished,
}

/// Decides what is done with a new file whose name is taken. A link is never replaced: what it
/// leads to may be somewhere else on purpose.
pub(crate) const fn settle(in_the_way: InTheWay) -> Settlement {
    match in_the_way.likeness {
        Likeness::Equal if in_the_way.is_link => Settlement::Keep,
        Likeness::Equal | Likeness::Prefix if !in_the_way.is_link => Settlement::Replace,
        _ if in_the_way.is_unfinished => Settlement::Unfinished,
        Likeness::Different if in_the_way.is_repaired && !in_the_way.is_link => Settlement::Replace,
        _ => Settlement::Beside,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn standing(length: u64, modified: Option<u64>) -> Standing {
        Standing {
            length,
            modified: modified.map(at),
            is_unfinished: false,
        }
    }

    fn offered(length: Option<u64>, modified: Option<u64>) -> Offered {
        Offered {
            length,
            modified: modified.map(at),
        }
    }

    #[test]
    fn a_file_is_the_same_when_length_and_time_agree() {
        let same = true;
        for (file, response, is_the_same) in [
            (standing(5, Some(100)), offered(Some(5), None), same),
            (standing(5, Some(100)), offered(Some(5), Some(100)), same),
            // FAT rounds.
            (standing(5, Some(100)), offered(Some(5), Some(101)), same),
            (standing(5, Some(101)), offered(Some(5), Some(100)), same),
            (standing(5, Some(100)), offered(Some(5), Some(102)), !same),
            (standing(5, Some(102)), offered(Some(5), Some(100)), !same),
            (standing(5, None), offered(Some(5), Some(100)), !same),
            (standing(5, None), offered(Some(5), None), same),
            (standing(4, Some(100)), offered(Some(5), Some(100)), !same),
            (standing(6, Some(100)), offered(Some(5), None), !same),
            (standing(5, Some(100)), offered(None, Some(100)), !same),
            (standing(0, Some(100)), offered(Some(0), None), same),
            (standing(0, Some(100)), offered(None, None), !same),
        ] {
            assert_eq!(
                is_same(file, response),
                is_the_same,
                "{file:?} {response:?}"
            );
            let unfinished = Standing {
                is_unfinished: true,
                ..file
            };
            assert!(!is_same(unfinished, response), "{unfinished:?}");
        }
    }

    #[test]
    fn the_name_goes_before_the_distinct_name() {
        let (this, other) = (Some(standing(5, None)), Some(standing(7, None)));
        let response = offered(Some(5), None);
        assert_eq!(judge(this, this, response), ExistingMatch::AtName);
        assert_eq!(judge(other, this, response), ExistingMatch::AtDistinct);
        assert_eq!(judge(None, this, response), ExistingMatch::AtDistinct);
        assert_eq!(judge(other, other, response), ExistingMatch::Nowhere);
        assert_eq!(judge(None, None, response), ExistingMatch::Nowhere);
    }

    #[test]
    fn each_file_in_the_way_has_one_settlement() {
        use Likeness::{Different, Equal, Prefix};
        for (likeness, is_link, is_unfinished, settlement) in [
            (Equal, false, false, Settlement::Replace),
            (Equal, false, true, Settlement::Replace),
            (Equal, true, false, Settlement::Keep),
            (Equal, true, true, Settlement::Keep),
            (Prefix, false, false, Settlement::Replace),
            (Prefix, false, true, Settlement::Replace),
            (Prefix, true, false, Settlement::Beside),
            (Prefix, true, true, Settlement::Unfinished),
            (Different, false, false, Settlement::Beside),
            (Different, true, false, Settlement::Beside),
            (Different, false, true, Settlement::Unfinished),
            (Different, true, true, Settlement::Unfinished),
        ] {
            let in_the_way = InTheWay {
                likeness,
                is_link,
                is_unfinished,
                is_repaired: false,
            };
            assert_eq!(settle(in_the_way), settlement, "{in_the_way:?}");
        }
    }

    fn any_standing() -> impl Strategy<Value = Option<Standing>> {
        let file = (0..3_u64, proptest::option::of(0..5_u64), any::<bool>());
        proptest::option::of(file.prop_map(|(length, modified, is_unfinished)| Standing {
            is_unfinished,
            ..standing(length, modified)
        }))
    }

    fn any_offer() -> impl Strategy<Value = Offered> {
        let response = (
            proptest::option::of(0..3_u64),
            proptest::option::of(0..5_u64),
        );
        response.prop_map(|(length, modified)| offered(length, modified))
    }

    proptest! {
        #[test]
        fn no_file_is_taken_of_another_length_or_unfinished(
            at_name in any_standing(), at_distinct in any_standing(), offered in any_offer()
        ) {
            let taken = match judge(at_name, at_distinct, offered) {
                ExistingMatch::AtName => at_name,
                ExistingMatch::AtDistinct => at_distinct,
                ExistingMatch::Nowhere => return Ok(()),
            };
            let taken = taken.unwrap();
            prop_assert_eq!(Some(taken.length), offered.length);
            prop_assert!(!taken.is_unfinished);
            prop_assert!(offered.modified.is_none() || taken.modified.is_some());
        }
    }
}
