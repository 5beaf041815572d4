//! Says to systemd how far the daemon is (`sd_notify(3)`).

use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends a state such as `READY=1`, if systemd has asked for it.
pub(crate) fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let sent = UnixDatagram::unbound().and_then(|socket| {
        #[cfg(target_os = "linux")]
        if let Some(name) = path.as_encoded_bytes().strip_prefix(b"@") {
            use std::os::linux::net::SocketAddrExt as _;
            let address = SocketAddr::from_abstract_name(name)?;
            return socket.send_to_addr(state.as_bytes(), &address);
        }
        let address = SocketAddr::from_pathname(&path)?;
        socket.send_to_addr(state.as_bytes(), &address)
    });
    if let Err(error) = sent {
        tracing::warn!(target: "haulage::daemon", %error, "systemd was not notified");
    }
}
