//! Parses the dates of cookies, which servers write in many ways (RFC 6265bis §5.1.1).

/// Returns a date in seconds since 1970; `None` if it is none.
pub(super) fn read(text: &[u8]) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|byte| is_delimiter(*byte)) {
        if time.is_none()
            && let Some(found) = read_time(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = read_number(token, 1..=2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = read_month(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = read_number(token, 2..=4)
        {
            year = Some(found);
        }
    }
    let (day, month, time) = (day?, month?, time?);
    let year = match year? {
        short @ 70..=99 => short + 1900,
        short @ 0..=69 => short + 2000,
        long => long,
    };
    let is_a_day = year >= 1601 && (1..=days_in(month, year)).contains(&day);
    is_a_day.then(|| days_since_1970(year, month, day) * 86_400 + time)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

/// Returns the number that a token begins with, if it has this many digits.
fn read_number(token: &[u8], digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let length = token
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let text = digits.contains(&length).then(|| &token[..length])?;
    str::from_utf8(text).ok()?.parse().ok()
}

/// Returns a time of the day in seconds.
fn read_time(token: &[u8]) -> Option<i64> {
    let mut parts = token.splitn(3, |byte| *byte == b':');
    let mut exactly = || {
        let part = parts.next()?;
        let number = read_number(part, 1..=2)?;
        part.iter().all(u8::is_ascii_digit).then_some(number)
    };
    let (hours, minutes) = (exactly()?, exactly()?);
    let seconds = read_number(parts.next()?, 1..=2)?;
    let is_a_time = hours <= 23 && minutes <= 59 && seconds <= 59;
    is_a_time.then_some(hours * 3600 + minutes * 60 + seconds)
}

fn read_month(token: &[u8]) -> Option<i64> {
    const MONTHS: &[u8; 36] = b"janfebmaraprmayjunjulaugsepoctnovdec";
    let name = token.get(..3)?.to_ascii_lowercase();
    let (months, _) = MONTHS.as_chunks::<3>();
    let at = months.iter().position(|month| month[..] == name)?;
    i64::try_from(at + 1).ok()
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Returns the days from 1970 on of a date of the Gregorian calendar: years begin in March, so that
/// a leap day is their last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days_of_months = (153 * month + 2) / 5;
    year * 365 + leap_days + days_of_months + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_is_read_however_it_is_written() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6-Nov-1994 08:49:37 GMT",
            "06 november 1994 8:49:37",
            "1994 08:49:37 Nov 6",
            "6 Nov 94 08:49:37x",
        ] {
            assert_eq!(read(text.as_bytes()), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn dates_agree_with_those_of_http() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
            ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Mon, 01 Jan 1601 00:00:00 GMT", -11_644_473_600),
            ("1 Jan 69 00:00:00", 3_124_224_000),
        ] {
            assert_eq!(read(text.as_bytes()), Some(seconds), "{text}");
        }
    }

    #[test]
    fn text_that_is_no_date_is_refused() {
        for text in [
            "",
            "0",
            "Sun, 06 Nov 1994",
            "06 Nov 1994 24:00:00",
            "31 Apr 1994 00:00:00",
            "29 Feb 1900 00:00:00",
            "06 Nov 1600 00:00:00",
            "00 Nov 1994 00:00:00",
            "06 Foo 1994 00:00:00",
            "06 Nov 19945 00:00:00",
            "06 Nov 1994 00:00",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
