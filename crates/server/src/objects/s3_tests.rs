//! Signatures as Amazon publishes them, and a small service that forgets, stumbles and answers.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;

/// The account of the examples in the S3 API reference.
fn example() -> S3 {
    S3::open("s3://examplebucket", |name| {
        let value = match name {
            "AWS_ACCESS_KEY_ID" => "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY" => "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_ENDPOINT_URL" => "https://examplebucket.s3.amazonaws.com",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap()
}

#[test]
fn signatures_are_those_of_the_reference() {
    let cases = [
        (
            "/test.txt",
            "",
            &[("range", "bytes=0-9")][..],
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "/",
            "lifecycle=",
            &[],
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "/",
            "max-keys=2&prefix=J",
            &[],
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ];
    for (path, query, more, signature) in cases {
        let authorization = example().authorization(&Signed {
            method: "GET",
            path,
            query,
            body: b"",
            moment: "20130524T000000Z",
            more,
        });
        assert!(
            authorization.ends_with(signature),
            "{path}?{query}: {authorization}"
        );
        assert!(authorization.contains("Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"));
    }
    assert_eq!(
        amazon_moment("2013-05-24T00:00:00.000Z"),
        "20130524T000000Z"
    );
}

#[test]
fn addresses_are_checked_and_secrets_stay_unseen() {
    let open = |url: &str| {
        S3::open(url, |name| match name {
            "AWS_ENDPOINT_URL" => None,
            "AWS_REGION" => Some("eu-north-1".to_owned()),
            "AWS_SESSION_TOKEN" => None,
            _ => Some("secret".to_owned()),
        })
    };
    let bucket = open("s3://music/a/b/").unwrap();
    let shown = format!("{bucket:?}");
    assert_eq!(shown, "S3(https://music.s3.eu-north-1.amazonaws.com/a/b/)");
    for wrong in [
        "s3://",
        "s3:///x",
        "https://music",
        "s3://mu sic",
        "s3://a?b",
        "s3://a/ö",
    ] {
        assert!(matches!(open(wrong), Err(Error::Config { .. })), "{wrong}");
    }
    let error = S3::open("s3://music", |_| None).unwrap_err();
    assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
}

/// Answers one request of a connection; gives back whether there was one.
fn serve(stream: &mut TcpStream, kept: &mut HashMap<String, Vec<u8>>, stumble: &mut u32) -> bool {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return false;
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let (mut length, mut signed) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        signed |= header.starts_with("authorization: aws4-hmac-sha256 ");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (status, answer) = match (method.as_str(), kept.get(&path)) {
        _ if !signed => ("403 Forbidden", Vec::new()),
        _ if *stumble > 0 => {
            *stumble -= 1;
            ("503 Slow Down", Vec::new())
        }
        ("PUT", _) => {
            kept.insert(path, body);
            ("200 OK", Vec::new())
        }
        ("GET", Some(found)) => ("200 OK", found.clone()),
        ("DELETE", _) => {
            kept.remove(&path);
            ("204 No Content", Vec::new())
        }
        _ => (
            "404 Not Found",
            b"<Error><Code>NoSuchKey</Code></Error>".to_vec(),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&answer).unwrap();
    true
}

/// A bucket on a service of this machine that first answers 503 so many times.
fn bucket(mut stumble: u32) -> S3 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut kept = HashMap::new();
        for stream in listener.incoming() {
            let _ = serve(&mut stream.unwrap(), &mut kept, &mut stumble);
        }
    });
    S3::open("s3://music/pieces", move |name| match name {
        "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
        "AWS_REGION" => None,
        _ => Some("secret".to_owned()),
    })
    .unwrap()
}

#[test]
fn objects_are_put_read_and_deleted() {
    let bucket = bucket(0);
    let sound: Vec<u8> = (0..200_000).map(|i| i as u8).collect();
    bucket.put("gen_1-0.wav", &sound).unwrap();
    bucket.put("empty", b"").unwrap();
    assert_eq!(bucket.get("gen_1-0.wav").unwrap(), sound);
    assert_eq!(bucket.get("empty").unwrap(), b"");
    assert!(matches!(bucket.get("gen_2-0.wav"), Err(Error::Gone { .. })));
    bucket.delete("gen_1-0.wav").unwrap();
    bucket.delete("gen_1-0.wav").unwrap();
    assert!(matches!(bucket.get("gen_1-0.wav"), Err(Error::Gone { .. })));
}

#[test]
fn a_stumbling_service_is_asked_again_and_a_dead_one_given_up() {
    let stumbling = bucket(2);
    stumbling.put("a", b"1").unwrap();
    assert_eq!(stumbling.get("a").unwrap(), b"1");
    let dead = bucket(1000);
    let error = dead.put("a", b"1").unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable { reason } if reason.contains("503")),
        "{error}"
    );
}
