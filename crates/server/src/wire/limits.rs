//! How much one request, one key and the whole service may ask for.

use serde::Serialize;
use utoipa::ToSchema;

/// Longest prompt, in characters.
pub const MAX_PROMPT_CHARS: usize = 2_000;
/// Longest negative prompt, in characters.
pub const MAX_NEGATIVE_CHARS: usize = 1_000;
/// Most pieces of one request.
pub const MAX_OUTPUTS: u32 = 4;
/// Most denoising steps.
pub const MAX_STEPS: u32 = 200;
/// Shortest piece in seconds.
pub const MIN_DURATION_S: f64 = 1.0;
/// Length of a piece if nothing else says it, in seconds.
pub const DEFAULT_DURATION_S: f64 = 10.0;
/// The largest seed that JavaScript counts exactly.
pub const MAX_SEED: u64 = (1 << 53) - 1;
/// Most entries of `metadata`, and most bytes of all of them.
pub const MAX_METADATA: (usize, usize) = (16, 4_096);

/// What the service takes; shown at `/info`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Limits {
    /// Largest JSON body in bytes.
    pub max_body_bytes: usize,
    /// Largest upload in bytes.
    pub max_upload_bytes: u64,
    /// Longest decoded upload in seconds.
    pub max_upload_s: f64,
    /// Longest prompt in characters.
    pub max_prompt_chars: usize,
    /// Longest negative prompt in characters.
    pub max_negative_prompt_chars: usize,
    /// Longest piece in seconds; the model may allow less.
    pub max_duration_s: f64,
    /// Most pieces of one request.
    pub max_outputs: u32,
    /// Most denoising steps.
    pub max_steps: u32,
    /// Most beats of a request.
    pub max_beats: usize,
    /// Most chords of a request.
    pub max_chords: usize,
    /// Most jobs that wait.
    pub max_queue: u64,
    /// Most jobs of one key that wait or run.
    pub max_queue_per_key: u64,
    /// Most lines of a batch.
    pub max_batch_lines: usize,
    /// Most connections at a time.
    pub max_connections: usize,
    /// Most event streams of one key.
    pub max_streams_per_key: usize,
    /// Longest synchronous wait in seconds.
    pub max_wait_s: u64,
    /// Days that audio is kept.
    pub audio_retention_days: u32,
    /// Days that jobs are listed.
    pub job_retention_days: u32,
    /// Most bytes of audio that are kept; the oldest go first.
    pub max_audio_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body_bytes: 256 << 10,
            max_upload_bytes: 64 << 20,
            max_upload_s: 600.0,
            max_prompt_chars: MAX_PROMPT_CHARS,
            max_negative_prompt_chars: MAX_NEGATIVE_CHARS,
            max_duration_s: 60.0,
            max_outputs: MAX_OUTPUTS,
            max_steps: MAX_STEPS,
            max_beats: mustool_music::MAX_BEATS,
            max_chords: mustool_music::MAX_CHORDS,
            max_queue: 100,
            max_queue_per_key: 8,
            max_batch_lines: 1_000,
            max_connections: 1_024,
            max_streams_per_key: 16,
            max_wait_s: 60,
            audio_retention_days: 7,
            job_retention_days: 30,
            max_audio_bytes: 10 << 30,
        }
    }
}
