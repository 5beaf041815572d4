//! Moves the bytes of a large body from a socket to a file.

use std::io::{self, BufRead as _, Read as _};
use std::net::TcpStream;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustls::ClientConnection;

use crate::sys::splice;

/// Bytes that may be in the pipe. More gains nothing, and an ordinary user may have at most 1 MiB.
const PIPE: usize = 256 << 10;

/// Takes bytes from a socket, and writes them to a file.
pub(super) struct SocketCopier(Method);

enum Method {
    /// Through a pipe (`splice`): the bytes never leave the kernel.
    Pipe(splice::Pipe),
    /// Where the kernel, the file system or the limit of descriptors does not allow a pipe.
    Buffer(Box<[u8]>),
    /// Through the decryption of TLS, one record after another: each is written from where it was
    /// decrypted, while it is in the CPU's cache.
    Records(Box<ClientConnection>),
}

impl SocketCopier {
    /// Creates a copier for bytes that are saved as they come or, with a TLS session, are
    /// decrypted first.
    pub(super) fn new(session: Option<Box<ClientConnection>>) -> Self {
        Self(session.map_or_else(Method::pipe, Method::Records))
    }

    /// Takes at most `most` bytes, and returns how many; 0 at the end.
    pub(super) fn read_from(&mut self, mut socket: &TcpStream, most: usize) -> io::Result<usize> {
        if let Method::Pipe(pipe) = &self.0 {
            match pipe.take(socket, most.min(PIPE)) {
                // Nothing has been taken yet, so a buffer can be used instead.
                Err(Errno::INVAL | Errno::NOSYS) => self.0 = Method::buffer(),
                taken => return Ok(taken?),
            }
        }
        match &mut self.0 {
            Method::Buffer(buffer) => {
                let most = most.min(buffer.len());
                socket.read(&mut buffer[..most])
            }
            Method::Records(session) => decrypt(session, socket).map(|held| held.min(most)),
            Method::Pipe(_) => Ok(0),
        }
    }

    /// Appends what was taken to a file.
    pub(super) fn write_to(&mut self, file: BorrowedFd<'_>, taken: usize) -> io::Result<()> {
        match &mut self.0 {
            Method::Buffer(buffer) => write_all(file, &buffer[..taken]),
            Method::Records(session) => {
                let mut reader = session.reader();
                write_all(file, &reader.fill_buf()?[..taken])?;
                reader.consume(taken);
                Ok(())
            }
            Method::Pipe(pipe) => {
                let mut left = taken;
                while left > 0 {
                    match pipe.put(file, left) {
                        Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                        Ok(put) => left -= put,
                        Err(Errno::INTR) => {}
                        // The file accepts nothing from a pipe: what is in the pipe is copied here,
                        // and the rest goes through a buffer.
                        Err(Errno::INVAL | Errno::NOSYS) => {
                            let mut buffer = vec![0; left].into_boxed_slice();
                            read_exactly(pipe.out(), &mut buffer)?;
                            self.0 = Method::buffer();
                            return write_all(file, &buffer);
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(())
            }
        }
    }
}

impl Method {
    fn pipe() -> Self {
        splice::Pipe::new(PIPE).map_or_else(|_| Self::buffer(), Self::Pipe)
    }

    fn buffer() -> Self {
        Self::Buffer(vec![0; PIPE].into())
    }
}

/// Receives until the bytes of a record are decrypted, and returns how many; 0 after the close
/// notification of TLS (RFC 8446 §6.1).
///
/// # Errors
/// Of kind `UnexpectedEof` when the connection ends without one.
fn decrypt(session: &mut ClientConnection, mut socket: &TcpStream) -> io::Result<usize> {
    loop {
        match session.reader().fill_buf() {
            Ok(bytes) => return Ok(bytes.len()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        // Replies to messages that are no body, such as new keys (RFC 8446 §4.6.3).
        while session.wants_write() {
            session.write_tls(&mut socket)?;
        }
        session.read_tls(&mut socket)?;
        session
            .process_new_packets()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    }
}

fn write_all(file: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn read_exactly(pipe: BorrowedFd<'_>, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match rustix::io::read(pipe, &mut *buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => buffer = &mut buffer[read..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsFd as _;
    use std::thread;

    use super::*;

    #[test]
    fn what_a_pipe_cannot_do_a_buffer_does() {
        let body: Vec<u8> = (0..=250).cycle().take(700_000).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let sent = body.clone();
        thread::spawn(move || io::Write::write_all(&mut listener.accept().unwrap().0, &sent));
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut copier = SocketCopier(Method::buffer());
        let mut left = body.len();
        while left > 0 {
            let taken = copier.read_from(&socket, left).unwrap();
            copier.write_to(file.as_file().as_fd(), taken).unwrap();
            left -= taken;
        }
        assert!(std::fs::read(file.path()).unwrap() == body);
    }
}
