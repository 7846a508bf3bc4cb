//! Deliveries to a real TLS server on this machine.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{JoinHandle, spawn};

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use ureq::tls::Certificate;

use super::*;

/// Answers one request with `answer`; gives back what it was sent.
struct Receiver {
    port: u16,
    certificate: Certificate<'static>,
    received: JoinHandle<String>,
}

fn receive(answer: &'static str) -> Receiver {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), socket);
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(b"}") && stream.read_exact(&mut byte).is_ok() {
            text.push(byte[0]);
        }
        let _ = stream.write_all(answer.as_bytes());
        stream.conn.send_close_notify();
        let _ = stream.flush();
        String::from_utf8(text).unwrap()
    });
    Receiver {
        port,
        certificate: Certificate::from_der(&certificate).to_owned(),
        received,
    }
}

fn sender(receiver: &Receiver, allow_private: bool) -> Sender {
    let signer = Signer::from_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let policy = Policy {
        ports: PortRule::Any,
        allow_private,
    };
    let roots = RootCerts::new_with_certs(std::slice::from_ref(&receiver.certificate));
    Sender::with_roots(signer, policy, roots)
}

fn to(port: u16) -> Delivery {
    Delivery {
        id: "msg_1".into(),
        url: format!("https://localhost:{port}/hook"),
        body: r#"{"type":"completed"}"#.into(),
    }
}

#[test]
fn a_delivery_arrives_signed() {
    let receiver = receive("HTTP/1.1 204 No Content\r\n\r\n");
    let outcome = sender(&receiver, true).send(&to(receiver.port), 1_700_000_000);
    assert_eq!(outcome, Outcome::Delivered);
    let request = receiver.received.join().unwrap();
    assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
    for header in [
        "webhook-id: msg_1\r\n",
        "webhook-timestamp: 1700000000\r\n",
        "webhook-signature: v1,",
    ] {
        assert!(request.contains(header), "{header} in {request}");
    }
    assert!(request.ends_with(r#"{"type":"completed"}"#));
}

#[test]
fn answers_decide_about_the_next_try() {
    let cases = [
        (
            "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
            Outcome::Failed("the receiver answered 500".into()),
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: https://localhost/\r\ncontent-length: 0\r\n\r\n",
            Outcome::Failed("the receiver answered 302".into()),
        ),
        (
            "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n",
            Outcome::Hopeless("the receiver answered 410: it wants no more".into()),
        ),
    ];
    for (answer, expected) in cases {
        let receiver = receive(answer);
        assert_eq!(
            sender(&receiver, true).send(&to(receiver.port), 0),
            expected,
            "{answer}"
        );
    }
    let receiver = receive("no HTTP at all\r\n\r\n");
    let outcome = sender(&receiver, true).send(&to(receiver.port), 0);
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}

#[test]
fn private_names_are_refused_after_the_look_up() {
    let receiver = receive("HTTP/1.1 204 No Content\r\n\r\n");
    let outcome = sender(&receiver, false).send(&to(receiver.port), 0);
    assert!(
        matches!(&outcome, Outcome::Hopeless(why) if why.contains("not a public address")),
        "{outcome:?}"
    );
    let https_only = Sender::with_roots(
        Signer::from_secret(&Signer::new_secret().unwrap()).unwrap(),
        Policy::default(),
        RootCerts::WebPki,
    );
    let outcome = https_only.send(&to(receiver.port), 0);
    assert!(
        matches!(&outcome, Outcome::Hopeless(why) if why.contains("port")),
        "{outcome:?}"
    );
}

#[test]
fn strangers_certificates_are_refused() {
    let receiver = receive("HTTP/1.1 204 No Content\r\n\r\n");
    let signer = Signer::from_secret(&Signer::new_secret().unwrap()).unwrap();
    let policy = Policy {
        ports: PortRule::Any,
        allow_private: true,
    };
    let outcome = Sender::new(signer, policy).send(&to(receiver.port), 0);
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}

#[test]
fn pauses_grow_to_an_hour_and_end() {
    assert_eq!(pause_after(1, 1.0), Some(Duration::from_secs(10)));
    assert_eq!(pause_after(1, 0.0), Some(Duration::from_secs(5)));
    assert_eq!(pause_after(5, 7.0), Some(Duration::from_secs(3600)));
    let tries = (1..)
        .take_while(|&tries| pause_after(tries, 0.5).is_some())
        .count();
    assert_eq!(tries as u32, MAX_TRIES - 1);
    assert_eq!(
        (pause_after(0, 0.5), pause_after(u32::MAX, 0.5)),
        (None, None)
    );
}
