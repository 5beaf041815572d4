//! Validators and ranges of a script.

use crate::script::Script;

/// How the origin responds wrongly to a request for a range. All but [`Unasked`](Self::Unasked)
/// behave well for requests without a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeLie {
    /// 200 with the whole body.
    Ignore,
    /// 206 that begins one byte before the requested range, or after it if that begins at 0. The
    /// response says so.
    WrongStart,
    /// 206 whose stated end is one byte too late.
    WrongEnd,
    /// 206 whose stated total length is one byte too large.
    WrongTotal,
    /// 206 with the first half of the requested range, which is legal (RFC 9110 §15.3.7).
    Shorter,
    /// 206 with the first half of the body for a `GET` without Range.
    Unasked,
    /// 206 in `multipart/byteranges` for a single range: its first 64 KiB.
    Multipart,
    /// 206 whose range is in the unit `items`.
    UnknownUnit,
    /// 206 without `Content-Range`.
    Unlabelled,
    /// 206 although `If-Range` names another entity.
    IgnoresIfRange,
    /// 416 for any range, with the true length.
    Unsatisfiable,
}

impl RangeLie {
    /// All variants.
    pub const ALL: [Self; 11] = [
        Self::Ignore,
        Self::WrongStart,
        Self::WrongEnd,
        Self::WrongTotal,
        Self::Shorter,
        Self::Unasked,
        Self::Multipart,
        Self::UnknownUnit,
        Self::Unlabelled,
        Self::IgnoresIfRange,
        Self::Unsatisfiable,
    ];
}

impl Script {
    /// Adds this `ETag`, as it is sent: `"strong"` or `W/"weak"`, quotes included.
    ///
    /// # Panics
    ///
    /// When the value is invalid in a response.
    #[must_use]
    pub fn etag(self, tag: &str) -> Self {
        self.header("etag", tag)
    }

    /// Adds this `Last-Modified`, as it is sent: `Sun, 06 Nov 1994 08:49:37 GMT`.
    ///
    /// # Panics
    ///
    /// When the value is invalid in a response.
    #[must_use]
    pub fn last_modified(self, date: &str) -> Self {
        self.header("last-modified", date)
    }

    /// Supports `Range`, and the conditions that go with the validators above (RFC 9110 §13, §14):
    /// answers 206, 304, 412 or 416 as required.
    ///
    /// Offsets count the bytes that are sent: for a range from 1000 on, `close_at(500)` closes
    /// after the byte 1499.
    #[must_use]
    pub fn ranges(mut self) -> Self {
        self.ranges = true;
        self
    }

    /// Supports `Range` and its conditions, but answers with this lie.
    #[must_use]
    pub fn range_lie(mut self, lie: RangeLie) -> Self {
        self.range_lie = Some(lie);
        self.ranges()
    }
}
