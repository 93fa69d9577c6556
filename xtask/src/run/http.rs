//! As much HTTP as a demo needs: one request a connection, on loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// How long the server may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What a server answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Asks for `path`.
pub(super) fn get(server: SocketAddr, path: &str) -> Result<Answer> {
    exchange(server, &format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n"))
}

/// Puts the JSON `body` at `path`, with the API key `key`.
pub(super) fn put(server: SocketAddr, path: &str, key: &str, body: &str) -> Result<Answer> {
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    exchange(server, &(head + body))
}

fn exchange(server: SocketAddr, request: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&server, ANSWER_LIMIT)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer)).context("the server's answer is no HTTP")
}

/// Reads `HTTP/1.1 200 OK`, headers, an empty line, and the body.
fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn a_request_is_written_and_its_answer_read() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let server = listener.local_addr().expect("its address");
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).expect("a request");
            stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}").expect("an answer");
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let answer = put(server, "/v1/x", "sk_a_b", "{\"name\":\"Ann\"}").expect("an answer");
        assert_eq!(answer, Answer { status: 201, body: "{}".into() });
        let asked = asked.join().expect("the server's thread");
        assert!(asked.starts_with("PUT /v1/x HTTP/1.1\r\n"), "{asked}");
        assert!(
            asked.contains("Authorization: Bearer sk_a_b\r\n") && asked.contains("Content-Length: 14\r\n")
        );
        assert!(asked.ends_with("\r\n\r\n{\"name\":\"Ann\"}"), "{asked}");
    }

    #[test]
    fn what_is_no_http_is_not_read() {
        assert_eq!(parse("SSH-2.0\r\n\r\n"), None);
        assert_eq!(parse("HTTP/1.1 200 OK\r\n"), None);
    }
}
