//! As much of HTTP as it takes to measure our own server on this machine: one connection, one
//! request after the other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection that is kept open.
pub(crate) struct Connection(BufReader<TcpStream>);

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the answer has {what}"))
}

impl Connection {
    /// Connects to a port of this machine.
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    /// Status and length of the next answer; no length for a stream.
    fn head(&mut self) -> io::Result<(u16, Option<usize>)> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| broken("no status"))?;
        let mut length = None;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok((status, length));
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok();
            }
        }
    }

    /// Status and body of the answer to a request.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
    ) -> io::Result<(u16, String)> {
        self.send(method, path, body)?;
        let (status, length) = self.head()?;
        let mut bytes = vec![0; length.ok_or_else(|| broken("no length"))?];
        self.0.read_exact(&mut bytes)?;
        String::from_utf8(bytes)
            .map(|text| (status, text))
            .map_err(|_| broken("no text"))
    }

    /// Opens a stream of events and reads the first.
    pub(crate) fn follow(&mut self, path: &str) -> io::Result<()> {
        self.send("GET", path, "")?;
        match self.head()? {
            (200, None) => self.read_until("event: "),
            _ => Err(broken("no stream")),
        }
    }

    /// Reads lines of a stream until one begins with `start`.
    pub(crate) fn read_until(&mut self, start: &str) -> io::Result<()> {
        while !self.line()?.starts_with(start) {}
        Ok(())
    }
}
