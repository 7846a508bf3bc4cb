//! Jobs from the request to the file.

use std::path::Path;

use mustool_audio::decode::{DecodeLimits, from_bytes};
use serde_json::json;

use crate::client;
use crate::{Server, objects, short};

#[test]
fn a_job_becomes_files_in_every_format() {
    let (server, folder) = Server::fake(1, &[]);
    let mut request = short(7);
    request["n"] = json!(2);
    request["controls"] =
        json!({"tempo_bpm": 90, "key": "A:min", "chords": [{"t": 0, "symbol": "Am7"}]});
    let answer = server.post("/v1/generations", &request);
    assert_eq!(answer.status, 202);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let this = format!("/v1/generations/{id}");
    assert_eq!(answer.header("location"), Some(this.as_str()));
    let job = server.end_of(&id);
    assert_eq!(job["status"], "succeeded", "{job}");
    assert_eq!(job["resolved"]["tempo_bpm"], 90.0);
    assert_eq!(job["resolved"]["controls_source"], "mixed");
    assert_eq!(job["outputs"][1]["seed"], 8);
    assert!((job["outputs"][0]["lufs"].as_f64().unwrap() + 14.0).abs() < 0.5);
    for format in ["wav", "flac", "mp3", "ogg"] {
        let audio = server.get(&format!("{this}/outputs/0/audio?format={format}"));
        assert_eq!(audio.status, 200, "{format}: {}", audio.text());
        let name = format!("x.{format}");
        let sound = from_bytes(Path::new(&name), audio.body, &DecodeLimits::default()).unwrap();
        assert!(
            (sound.duration_s() - 1.0).abs() < 0.02,
            "{format}: {}",
            sound.duration_s()
        );
        assert!(sound.peak() > 0.1, "{format} is silent");
    }
    let pcm = server.get(&format!("{this}/outputs/0/audio?format=pcm"));
    assert_eq!(pcm.body.len(), 2 * 16_000);
    for (view, kind) in [
        ("peaks.json", "application/json"),
        ("mel.png", "image/png"),
        ("controls.json", "application/json"),
        ("controls.mid", "audio/midi"),
    ] {
        let answer = server.get(&format!("{this}/outputs/1/{view}"));
        assert_eq!(answer.status, 200, "{view}: {}", answer.text());
        assert!(
            answer.header("content-type").unwrap().starts_with(kind),
            "{view}"
        );
    }
    assert_eq!(server.get(&format!("{this}/outputs/2/audio")).status, 404);
    assert_eq!(
        client::send(server.port, "DELETE", &this, &[], b"").status,
        204
    );
    assert_eq!(server.get(&this).status, 404);
    assert!(objects(folder.path()).is_empty(), "nothing is left of it");
}

#[test]
fn parts_of_files_and_what_the_client_has() {
    let (server, _folder) = Server::fake(1, &[]);
    let id = server.submit(&short(1));
    server.end_of(&id);
    let path = format!("/v1/generations/{id}/outputs/0/audio");
    let whole = server.get(&path);
    let etag = whole.header("etag").unwrap().to_owned();
    let get = |headers: &[(&str, &str)]| client::send(server.port, "GET", &path, headers, b"");
    let part = get(&[("range", "bytes=10-19")]);
    assert_eq!(
        (part.status, part.body.as_slice()),
        (206, &whole.body[10..20])
    );
    let total = format!("bytes 10-19/{}", whole.body.len());
    assert_eq!(part.header("content-range"), Some(total.as_str()));
    assert_eq!(get(&[("if-none-match", &etag)]).status, 304);
    assert_eq!(get(&[("range", "bytes=99999999-")]).status, 416);
    let head = client::send(server.port, "HEAD", &path, &[], b"");
    assert_eq!(
        head.header("content-length"),
        Some(whole.body.len().to_string().as_str())
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes_alone_or_together() {
    let (server, _folder) = Server::fake(2, &[]);
    let mut four = short(3);
    four["n"] = json!(4);
    let ids: Vec<String> = [short(4), short(4), four]
        .iter()
        .map(|r| server.submit(r))
        .collect();
    let jobs: Vec<_> = ids.iter().map(|id| server.end_of(id)).collect();
    let sha = |job: usize, output: usize| jobs[job]["outputs"][output]["sha256"].clone();
    assert!(sha(0, 0).is_string());
    assert_eq!(sha(0, 0), sha(1, 0));
    assert_eq!(
        sha(0, 0),
        sha(2, 1),
        "seeds count up: the second of seed 3 is seed 4"
    );
    assert_ne!(sha(0, 0), sha(2, 0));
}

#[test]
fn waiting_clients_get_the_job_or_the_sound() {
    let (server, _folder) = Server::fake(1, &[]);
    let waited = server.post_with("/v1/generations", &[("prefer", "wait=30")], &short(1));
    assert_eq!(waited.status, 200, "{}", waited.text());
    assert_eq!(waited.json()["status"], "succeeded");
    assert!(
        waited
            .header("preference-applied")
            .unwrap()
            .starts_with("wait")
    );
    let sound = server.post_with("/v1/generations", &[("accept", "audio/flac")], &short(5));
    assert_eq!(sound.status, 200);
    assert_eq!(sound.header("content-type"), Some("audio/flac"));
    assert_eq!(sound.header("x-seed"), Some("5"));
    assert!(sound.body.starts_with(b"fLaC"));
    let speech =
        json!({"model": "tts-1", "voice": "alloy", "input": "piano", "response_format": "wav"});
    let speech = server.post("/v1/audio/speech", &speech);
    assert_eq!(speech.status, 200, "{}", speech.text());
    assert!(speech.body.starts_with(b"RIFF"));
}

#[test]
fn a_request_that_is_sent_twice_is_one_job() {
    let (server, _folder) = Server::fake(1, &[]);
    let key = [("idempotency-key", "order-1")];
    let first = server.post_with("/v1/generations", &key, &short(1));
    let again = server.post_with("/v1/generations", &key, &short(1));
    assert_eq!(again.status, 202);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.json()["id"], again.json()["id"]);
    let other = server.post_with("/v1/generations", &key, &short(2));
    assert_eq!(
        (other.status, other.json()["code"].clone()),
        (422, json!("idempotency_key_reused"))
    );
    let put = |body: &_| server.send("PUT", "/v1/generations/my-song", &[], body);
    let made = put(&short(3));
    let known = put(&short(3));
    assert_eq!((made.status, known.status), (201, 200));
    assert_eq!(made.json()["id"], known.json()["id"]);
    assert_eq!(put(&short(4)).status, 409);
    let by_name = server.get("/v1/generations/my-song").json();
    assert_eq!(by_name["id"], made.json()["id"]);
}

#[test]
fn pieces_lead_to_other_pieces() {
    let (server, _folder) = Server::fake(1, &[]);
    let id = server.submit(&json!({"prompt": "piano", "duration_s": 2, "steps": 2, "seed": 1}));
    server.end_of(&id);
    let changes = [
        ("variations", json!({"strength": 0.3, "n": 2})),
        ("extend", json!({"duration_s": 4})),
        ("inpaint", json!({"start_s": 0.5, "end_s": 1.0})),
        ("loop", json!({})),
    ];
    for (change, body) in changes {
        let answer = server.post(&format!("/v1/generations/{id}/{change}"), &body);
        assert_eq!(answer.status, 202, "{change}: {}", answer.text());
        let job = server.end_of(answer.json()["id"].as_str().unwrap());
        assert_eq!(job["status"], "succeeded", "{change}: {job}");
        let asked = if change == "extend" { 4.0 } else { 2.0 };
        assert_eq!(job["outputs"][0]["duration_s"], asked, "{change}");
    }
    let plan = server.post(
        "/v1/plans",
        &json!({"prompt": "waltz", "controls": {"time_signature": "3/4"}}),
    );
    assert_eq!(plan.status, 200, "{}", plan.text());
    let rendered = server.submit(&json!({"prompt": "waltz", "steps": 2, "plan": plan.json()}));
    assert_eq!(
        server.end_of(&rendered)["resolved"]["time_signature"],
        "3/4"
    );
}

#[test]
fn uploads_and_batches() {
    let (server, _folder) = Server::fake(1, &[]);
    let upload = |purpose: &str, content: &[u8]| {
        let mut form = format!(
            "--x\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--x\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"../a.bin\"\r\n\r\n"
        )
        .into_bytes();
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n--x--\r\n");
        let kind = [("content-type", "multipart/form-data; boundary=x")];
        client::send(server.port, "POST", "/v1/files", &kind, &form)
    };
    let id = server.submit(&short(1));
    server.end_of(&id);
    let sound = server.get(&format!("/v1/generations/{id}/outputs/0/audio"));
    let file = upload("input_audio", &sound.body);
    assert_eq!(file.status, 201, "{}", file.text());
    assert_eq!(file.json()["duration_s"], 1.0);
    let input = json!({"file_id": file.json()["id"], "mode": "vary", "strength": 0.5});
    let job = server.submit(&json!({"prompt": "organ", "steps": 2, "input_audio": input}));
    assert_eq!(server.end_of(&job)["outputs"][0]["duration_s"], 1.0);
    let noise = upload("input_audio", b"this is no sound");
    assert_eq!(
        (noise.status, noise.json()["errors"][0]["pointer"].clone()),
        (422, json!("/file"))
    );

    let lines = format!("{}\n\n{}\n", short(1), short(2));
    let file = upload("batch", lines.as_bytes());
    let batch = server.post("/v1/batches", &json!({"file_id": file.json()["id"]}));
    assert_eq!(batch.status, 202, "{}", batch.text());
    let path = format!("/v1/batches/{}", batch.json()["id"].as_str().unwrap());
    while server.get(&path).json()["status"] != "completed" {
        std::thread::yield_now();
    }
    let results = server.get(&format!("{path}/results")).text();
    let seeds: Vec<_> = results
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["outputs"][0]["seed"].clone()
        })
        .collect();
    assert_eq!(seeds, [json!(1), json!(2)]);
    let broken = upload(
        "batch",
        b"{\"prompt\": \"a\"}\n{\"prompt\": \"a\", \"n\": 99}\n",
    );
    let refused = server.post("/v1/batches", &json!({"file_id": broken.json()["id"]}));
    assert_eq!(refused.json()["errors"][0]["pointer"], "/lines/1/n");
}
