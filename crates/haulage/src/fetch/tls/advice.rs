//! Explains why a TLS handshake failed, and what can be done about it, in one sentence each. Pure.

use std::io;
use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage, OtherError, PeerIncompatible};

use super::pinned::NotPinned;
use crate::error::{Error, ErrorKind};

/// Maximum names of a certificate that a message lists.
const MAX_NAMES: usize = 5;

/// Returns what a failed handshake means. A certificate that is not trusted is permanent, and never
/// a reason to go on without.
pub(in crate::fetch) fn failed(host: &str, error: io::Error) -> Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    let (kind, message) = match cause {
        Some(cause) => (ErrorKind::Tls, handshake(host, cause)),
        None if error.kind() == io::ErrorKind::UnexpectedEof => (
            ErrorKind::Connect,
            format!(
                "{host} closed the connection during the TLS handshake; check that it speaks TLS on this port"
            ),
        ),
        None => (
            ErrorKind::Connect,
            format!("{host} broke off the TLS handshake: {error}"),
        ),
    };
    Error::new(kind, message).caused_by(error)
}

fn handshake(host: &str, cause: &rustls::Error) -> String {
    use AlertDescription as Alert;
    match cause {
        rustls::Error::InvalidCertificate(why) => {
            format!(
                "the certificate of {host} cannot be trusted: {}",
                distrust(why)
            )
        }
        rustls::Error::AlertReceived(Alert::NoApplicationProtocol) => {
            format!(
                "{host} does not speak the version of HTTP that was asked for; leave out --http1.1 and --http2-prior-knowledge"
            )
        }
        rustls::Error::AlertReceived(Alert::HandshakeFailure | Alert::InsufficientSecurity)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon,
        ) => format!(
            "{host} refused the TLS handshake: it has no certificate for this host, or it is old and has no cipher in common with haul \
             (TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM or ChaCha20); check the host in the URL, or tell whoever runs the server"
        ),
        rustls::Error::AlertReceived(Alert::ProtocolVersion)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => format!(
            "{host} speaks only a version of TLS that is no longer safe, or that --tlsv1.3 or --tls-max leaves out; \
             haul needs TLS 1.2 or 1.3, so the server has to be updated"
        ),
        rustls::Error::AlertReceived(Alert::UnrecognisedName) => format!(
            "{host} does not know the host name in the URL; check the URL, or tell whoever runs the server"
        ),
        rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => format!(
            "{host} does not speak TLS on this port, but perhaps plain HTTP; check the host and the port in the URL"
        ),
        rustls::Error::AlertReceived(alert) => match alert_about_identity(*alert) {
            Some(what) => format!("{host} {what}"),
            None => format!(
                "{host} refused the TLS handshake ({alert:?}); check the host in the URL, or tell whoever runs the server"
            ),
        },
        other => format!(
            "{host} breaks the rules of TLS ({other}); check the host and the port in the URL, or tell whoever runs the server"
        ),
    }
}

/// Returns what a server says of the certificate by which it would know us, with itself as the
/// subject; `None` if an alert is about something else.
pub(in crate::fetch) fn alert_about_identity(alert: AlertDescription) -> Option<String> {
    use AlertDescription as Alert;
    let what = match alert {
        Alert::CertificateRequired => {
            "asks for a certificate of its clients; give one with --cert FILE and --key FILE"
        }
        Alert::UnknownCA => {
            "does not know the authority that has signed the client certificate; \
             with --cert, give one of an authority that it trusts, followed by those between the two"
        }
        Alert::CertificateExpired => {
            "says that the client certificate has expired; get a new one, or check the clocks of both machines"
        }
        Alert::CertificateRevoked => {
            "says that the client certificate has been revoked; get a new one"
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::AccessDenied => {
            return Some(format!(
                "does not let clients in without a certificate that it accepts ({alert:?}); give one with --cert FILE and --key FILE"
            ));
        }
        _ => return None,
    };
    Some(what.to_owned())
}

/// Returns why a certificate is not trusted, and what to do about it.
fn distrust(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => {
            "it is not signed by a trusted authority; if it is your own server's or authority's, name its file with --cacert".into()
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "it has expired on {}; tell whoever runs the server, or check this machine's clock",
            date(*not_after)
        ),
        CertificateError::Expired => {
            "it has expired; tell whoever runs the server, or check this machine's clock".into()
        }
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "it is not valid yet, but from {} on; check this machine's clock",
            date(*not_before)
        ),
        CertificateError::NotValidYet => "it is not valid yet; check this machine's clock".into(),
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!(
                "it is for another name, {}; check the host in the URL",
                names(presented)
            )
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name; check the host in the URL".into()
        }
        // A trusted authority of the same name has a key of another kind.
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is not signed by the authority of this name that we trust; if it is your own authority's or server's, \
             name its current file with --cacert"
                .into()
        }
        CertificateError::BadSignature => {
            "its signature is wrong, or made with a key that is too short to be safe (RSA below 2048 bits); \
             if you have named a file with --cacert, check that it is the current one"
                .into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not meant for servers; tell whoever runs the server".into()
        }
        CertificateError::Revoked => {
            "it has been revoked; tell whoever runs the server".into()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => {
            "it is signed in a way that is unknown or no longer safe (such as SHA-1); the server needs a new one".into()
        }
        CertificateError::BadEncoding => {
            "it cannot be read; tell whoever runs the server".into()
        }
        CertificateError::UnhandledCriticalExtension => {
            "it has a critical extension that haul does not know; tell whoever runs the server".into()
        }
        CertificateError::Other(other) => structure(other),
        other => other.to_string(),
    }
}

/// Returns the same for what rustls has no word of its own for.
fn structure(other: &OtherError) -> String {
    if other.0.downcast_ref::<NotPinned>().is_some() {
        return "its public key is none of those that --pinnedpubkey names; \
                check the host, and whether the server has a new key"
            .into();
    }
    match other.0.downcast_ref() {
        Some(webpki::Error::CaUsedAsEndEntity) => {
            "it is one for authorities (CA:TRUE), and not for servers; if it is your server's own, name its file with --cacert".into()
        }
        Some(webpki::Error::UnsupportedCertVersion) => {
            "it is of an old kind (X.509 before version 3); if it is your server's own, name its file with --cacert".into()
        }
        Some(webpki::Error::NameConstraintViolation) => {
            "its authority may not vouch for this host (name constraints); check the host in the URL, or tell whoever runs the server".into()
        }
        Some(webpki::Error::PathLenConstraintViolated | webpki::Error::EndEntityUsedAsCa) => {
            "one of those that vouch for it is not allowed to; tell whoever runs the server".into()
        }
        _ => format!("{other}; tell whoever runs the server"),
    }
}

/// Returns the names of a certificate, of which rustls has `DnsName("host")` and `IpAddress(::1)`.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| {
        let name = name.split_once('(').map_or(&**name, |(_, name)| name);
        name.trim_matches(['"', ')']).to_owned()
    };
    let shown: Vec<_> = presented.iter().take(MAX_NAMES).map(plain).collect();
    let more = presented.len().saturating_sub(MAX_NAMES);
    let shown = shown.join(", ");
    if more > 0 {
        format!("{shown} and {more} more")
    } else {
        shown
    }
}

fn date(time: UnixTime) -> String {
    let date = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
    // HTTP dates go up to the year 9999.
    let date = date.filter(|_| time.as_secs() < 253_402_300_800);
    date.map_or_else(|| "a distant day".into(), httpdate::fmt_http_date)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::ServerName;

    use super::*;

    fn said(cause: rustls::Error) -> String {
        let error = failed("h:443", io::Error::new(io::ErrorKind::InvalidData, cause));
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert!(!error.is_transient());
        error.to_string()
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn every_failure_says_what_to_do_and_nothing_unsafe() {
        let other = |cause: webpki::Error| {
            rustls::Error::from(CertificateError::Other(OtherError(Arc::new(cause))))
        };
        let wrong_name = |presented: &[&str]| CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("h").unwrap(),
            presented: presented.iter().map(ToString::to_string).collect(),
        };
        for (cause, says) in [
            (other(webpki::Error::CaUsedAsEndEntity), "--cacert"),
            (other(webpki::Error::UnsupportedCertVersion), "--cacert"),
            (CertificateError::UnknownIssuer.into(), "--cacert"),
            (CertificateError::BadSignature.into(), "signature is wrong"),
            (
                CertificateError::InvalidPurpose.into(),
                "not meant for servers",
            ),
            (
                CertificateError::ExpiredContext {
                    time: at(2),
                    not_after: at(1),
                }
                .into(),
                "expired on Thu, 01 Jan 1970 00:00:01 GMT",
            ),
            (
                CertificateError::NotValidYetContext {
                    time: at(1),
                    not_before: at(u64::MAX),
                }
                .into(),
                "not valid yet, but from a distant day on",
            ),
            (
                wrong_name(&["DnsName(\"a.example\")", "IpAddress(::1)"]).into(),
                "another name, a.example, ::1;",
            ),
            (
                wrong_name(&["DnsName(\"*.a\")"; 7]).into(),
                "*.a and 2 more;",
            ),
            (wrong_name(&[]).into(), "another name; check"),
            (
                rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
                "no cipher in common",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::ProtocolVersion),
                "TLS 1.2 or 1.3",
            ),
            (
                CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                    signature_algorithm_id: vec![],
                    public_key_algorithm_id: vec![],
                }
                .into(),
                "name its current file with --cacert",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                "asks for a certificate of its clients",
            ),
            (
                other(webpki::Error::NameConstraintViolation),
                "name constraints",
            ),
            (
                CertificateError::Other(OtherError(Arc::new(NotPinned))).into(),
                "--pinnedpubkey",
            ),
            (
                CertificateError::UnsupportedSignatureAlgorithmContext {
                    signature_algorithm_id: vec![],
                    supported_algorithms: vec![],
                }
                .into(),
                "no longer safe",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::InternalError),
                "refused the TLS handshake (InternalError)",
            ),
            (
                rustls::Error::InvalidMessage(InvalidMessage::MissingKeyExchange),
                "breaks the rules of TLS",
            ),
            (
                rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "does not speak TLS",
            ),
        ] {
            let message = said(cause);
            assert!(message.contains(says), "{message}");
            assert!(
                message.contains("h:443") && message.contains(';'),
                "{message}"
            );
            for unsafe_way in ["insecure", "http://", "allow-downgrade"] {
                assert!(!message.contains(unsafe_way), "{message}");
            }
        }
    }

    #[test]
    fn alerts_about_client_certificates_say_what_to_do() {
        for (alert, says) in [
            (AlertDescription::CertificateRequired, "--cert FILE"),
            (AlertDescription::UnknownCA, "does not know the authority"),
            (AlertDescription::BadCertificate, "--cert FILE"),
            (AlertDescription::CertificateExpired, "has expired"),
            (AlertDescription::CertificateRevoked, "has been revoked"),
        ] {
            let message = said(rustls::Error::AlertReceived(alert));
            assert!(message.contains(says) && message.contains(';'), "{message}");
        }
        assert_eq!(alert_about_identity(AlertDescription::DecodeError), None);
    }
}
