//! As much HTTP as the tests need, over plain sockets, so that connections can be left half-way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

/// An answer whose body has not been read yet.
pub(crate) struct Open {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) reader: BufReader<TcpStream>,
}

/// Sends a request and reads the head of its answer.
pub(crate) fn open(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Open> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += &format!("host: 127.0.0.1:{port}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() || method == "POST" || method == "PUT" {
        head += &format!("content-length: {}\r\n", body.len());
    }
    head += "\r\n";
    stream.write_all(head.as_bytes())?;
    // A refusal may come, and the connection close, before all of a large body is sent.
    let sent = stream.write_all(body);
    let mut reader = BufReader::new(stream);
    let status = line(&mut reader)?;
    let Some(status) = status.split(' ').nth(1).and_then(|code| code.parse().ok()) else {
        sent?;
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    let mut headers = Vec::new();
    loop {
        let line = line(&mut reader)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Open {
        status,
        headers,
        reader,
    })
}

fn line(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Sends a request and reads the whole answer.
pub(crate) fn try_send(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let Open {
        status,
        headers,
        mut reader,
    } = open(port, method, path, headers, body)?;
    let find = |name: &str| headers.iter().find(|(other, _)| other == name);
    let mut body = Vec::new();
    if method == "HEAD" || matches!(status, 204 | 304) {
    } else if find("transfer-encoding").is_some() {
        while let Some(chunk) = read_chunk(&mut reader)? {
            body.extend(chunk);
        }
    } else if let Some((_, length)) = find("content-length") {
        body.resize(length.parse().expect("a length"), 0);
        reader.read_exact(&mut body)?;
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

/// [`try_send`] to a server that must answer.
pub(crate) fn send(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let answer = try_send(port, method, path, headers, body);
    answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

/// The next piece of a chunked body; nothing at its end.
pub(crate) fn read_chunk(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let size = usize::from_str_radix(&line(reader)?, 16).unwrap_or(0);
    let mut chunk = vec![0; size];
    reader.read_exact(&mut chunk)?;
    line(reader)?;
    Ok((size > 0).then_some(chunk))
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

impl Open {
    /// Events until `last` says that one is the last, or the stream ends.
    pub(crate) fn events(mut self, last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut text = String::new();
        let mut events = Vec::new();
        while let Ok(Some(chunk)) = read_chunk(&mut self.reader) {
            text += &String::from_utf8(chunk).expect("events are text");
            while let Some((event, rest)) = text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines().filter_map(|line| line.split_once(':'));
                    let found = lines.find(|(field, _)| *field == name);
                    found.map(|(_, value)| value.trim().to_owned())
                };
                if let Some(kind) = field("event") {
                    let data = field("data").expect("an event has data");
                    events.push(Event {
                        id: field("id").expect("an id").parse().expect("a number"),
                        kind,
                        data: serde_json::from_str(&data).expect("JSON"),
                    });
                }
                text = rest.to_owned();
                if events.last().is_some_and(&last) {
                    return events;
                }
            }
        }
        events
    }
}
