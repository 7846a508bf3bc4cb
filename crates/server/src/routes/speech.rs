//! `POST /v1/audio/speech`: music through the clients of OpenAI's speech interface.
//!
//! Its `voice` and `speed` mean nothing here and are taken all the same, so that clients need no
//! change.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::create::sound;
use super::submit::{Arrival, submit};
use super::{Body, Service};
use crate::Error;
use crate::edge::auth::Caller;
use crate::edge::{idempotency, prefer};
use crate::problem::Problem;
use crate::sse::SentEvent;
use crate::wire::{AudioFormat, Fault, GenerationRequest, OutputFormat};

/// Largest answer that is packed into one event, in bytes.
const EVENT_BYTES: usize = 48 << 10;

/// A request as OpenAI's clients send it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpeechRequest {
    /// Any name; the music is made by the model of this server.
    #[schema(max_length = 64)]
    #[serde(default)]
    model: String,
    /// What the music should sound like.
    #[schema(
        min_length = 1,
        max_length = 2000,
        pattern = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*[^\s\x00-\x20\x7F-\xA0][^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$"
    )]
    input: String,
    /// Not used.
    #[serde(default)]
    #[schema(max_length = 64)]
    voice: String,
    /// Not used.
    #[serde(default)]
    #[schema(max_length = 4096)]
    instructions: String,
    /// Not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.25, maximum = 4)]
    speed: Option<f64>,
    /// Kind of file.
    #[serde(default)]
    response_format: SpeechFormat,
    /// `sse` for events with pieces of the file.
    #[serde(default)]
    stream_format: StreamFormat,
}

impl SpeechRequest {
    /// Checks what is not used; the rest is checked as that of a generation.
    fn validate(&self) -> crate::Result<()> {
        let texts = [
            ("/model", &self.model, 64),
            ("/voice", &self.voice, 64),
            ("/instructions", &self.instructions, 4096),
        ];
        let long = |(_, text, max): &(_, &String, usize)| text.chars().count() > *max;
        let mut faults: Vec<Fault> = (texts.into_iter().filter(long))
            .map(|(pointer, _, max)| {
                Fault::new(pointer, format!("must have at most {max} characters"))
            })
            .collect();
        if self
            .speed
            .is_some_and(|speed| !(0.25..=4.0).contains(&speed))
        {
            faults.push(Fault::new("/speed", "must be from 0.25 to 4"));
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Error::Invalid { faults }),
        }
    }
}

/// Kinds of files of OpenAI's interface.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SpeechFormat {
    /// MPEG-1 layer III.
    #[default]
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// Without loss.
    Flac,
    /// Uncompressed.
    Wav,
    /// Bare samples.
    Pcm,
}

/// How the file comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StreamFormat {
    /// As it is.
    #[default]
    Audio,
    /// As `speech.audio.delta` events and a `speech.audio.done`.
    Sse,
}

/// Make music through a client for speech.
#[utoipa::path(post, path = "/v1/audio/speech", tag = "openai", request_body = SpeechRequest,
    responses((status = 200, description = "the sound", content((Vec<u8> = "audio/mpeg"), (Vec<u8> = "audio/wav"), (Vec<u8> = "audio/flac"), (Vec<u8> = "audio/ogg"), (Vec<u8> = "audio/pcm"), (SentEvent = "text/event-stream")))))]
pub(super) async fn speech(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<SpeechRequest>,
) -> Result<Response, Problem> {
    let asked = body.value;
    asked.validate()?;
    let format = match asked.response_format {
        SpeechFormat::Mp3 => AudioFormat::Mp3,
        SpeechFormat::Opus => AudioFormat::Ogg,
        SpeechFormat::Flac => AudioFormat::Flac,
        SpeechFormat::Wav => AudioFormat::Wav,
        SpeechFormat::Pcm => AudioFormat::Pcm,
    };
    let request = GenerationRequest {
        prompt: asked.input,
        n: 1,
        output: OutputFormat {
            format,
            ..OutputFormat::default()
        },
        ..GenerationRequest::default()
    };
    let arrival = Arrival {
        client_id: None,
        idempotency: idempotency::key(&headers)?,
        fingerprint: idempotency::fingerprint("POST", "/v1/audio/speech", &body.bytes),
        cancel_after: prefer::cancel_after(&headers)?,
    };
    let (row, _) = submit(&service, &caller, request, arrival)
        .await
        .map_err(as_input)?;
    let answer = sound(&service, &HeaderMap::new(), row).await?;
    if asked.stream_format == StreamFormat::Audio {
        return Ok(answer);
    }
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    let bytes = bytes.expect("the body is in memory");
    let mut events = String::new();
    let mut push = |event: serde_json::Value| events.push_str(&format!("data: {event}\n\n"));
    for chunk in bytes.chunks(EVENT_BYTES) {
        push(json!({ "type": "speech.audio.delta", "audio": STANDARD.encode(chunk) }));
    }
    push(json!({ "type": "speech.audio.done" }));
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], events).into_response())
}

/// The field is called `input` here.
fn as_input(mut problem: Problem) -> Problem {
    for fault in problem
        .errors
        .iter_mut()
        .filter(|fault| fault.pointer == "/prompt")
    {
        fault.pointer = "/input".to_owned();
    }
    problem
}
