//! What a user logs in with. Secrets are shown nowhere: not in `Debug`, not in messages.
//!
//! | file | what |
//! |---|---|
//! | `login` | which login an origin gets: pure |
//! | `netrc`, `bearer` | files with logins and tokens |
//! | `challenge` | `WWW-Authenticate`: pure |
//! | `digest`, `sessions` | Digest: the response to a challenge, and the challenges of a run |
//! | `first_answer` | which others wait for, since it says whether the server asks for Digest |
//! | `advice` | what a 401 means for the user: pure |

pub(crate) mod advice;
pub(crate) mod bearer;
pub(crate) mod challenge;
pub(crate) mod digest;
mod file;
pub(crate) mod first_answer;
pub(crate) mod login;
pub(crate) mod netrc;
pub(crate) mod sessions;

use url::Url;

/// A user and a password for HTTP Basic (RFC 7617) and Digest authentication (RFC 7616). They are
/// bytes, mostly UTF-8, that are sent as they are. `Debug` does not show the password.
///
/// ```
/// use haulage::Credentials;
///
/// let credentials = Credentials::new("me", "secret");
/// assert_eq!(credentials.user, b"me");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The user, without a colon.
    pub user: Vec<u8>,
    /// The password.
    pub password: Vec<u8>,
}

impl Credentials {
    /// Returns a user with a password.
    #[must_use]
    pub fn new(user: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
        }
    }

    /// Returns the percent-decoded user and password of a URL.
    pub(crate) fn decoded(user: &str, password: &str) -> Self {
        let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
        Self::new(decode(user), decode(password))
    }

    /// Takes the userinfo out of a URL.
    pub(crate) fn take_from(url: &mut Url) -> Option<Self> {
        if url.username().is_empty() && url.password().is_none() {
            return None;
        }
        let credentials = Self::decoded(url.username(), url.password().unwrap_or_default());
        // Neither can fail: an http URL that has userinfo has a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Some(credentials)
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = String::from_utf8_lossy(&self.user);
        write!(formatter, "Credentials({user:?}, …)")
    }
}
