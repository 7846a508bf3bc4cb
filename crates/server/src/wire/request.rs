//! What a client asks for: `POST /v1/generations`, the plans and the variations of a piece.
//!
//! Whether the values make sense is checked in `validate`.

use std::collections::BTreeMap;

use mustool_audio::encode::Format;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::limits::MAX_SEED;
use super::music::{BeatSpec, ChordSpec, PlanSpec};

/// A piece of music to be made. Fields that are left out are chosen by the model or at random.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerationRequest {
    /// Model; the only one, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, examples("semitone"))]
    pub model: Option<String>,
    /// What the music should sound like.
    #[schema(
        min_length = 1,
        max_length = 2000,
        pattern = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*[^\s\x00-\x20\x7F-\xA0][^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$"
    )]
    pub prompt: String,
    /// What it should not sound like.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(
        max_length = 1000,
        pattern = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$"
    )]
    pub negative_prompt: String,
    /// Length in seconds; 10, or that of the plan, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 60)]
    pub duration_s: Option<f64>,
    /// The same seed gives the same bytes; a random one, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub seed: Option<u64>,
    /// How many pieces; their seeds count up from the first.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 4, default = 1)]
    pub n: u32,
    /// Denoising steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 200)]
    pub steps: Option<u32>,
    /// Strength of the prompt; 1 turns guidance off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 50)]
    pub guidance_scale: Option<f64>,
    /// Sampler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<Scheduler>,
    /// Facts that win over what the prompt says or leaves open.
    #[serde(default)]
    pub controls: Controls,
    /// A whole plan, as `/v1/plans` answers it; then `controls` must be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanSpec>,
    /// Sound to start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_audio: Option<InputAudio>,
    /// Form of the files.
    #[serde(default)]
    pub output: OutputFormat,
    /// `high` is for administrators.
    #[serde(default)]
    pub priority: Priority,
    /// Seconds after its end when everything of the job is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60, maximum = 2592000)]
    pub expires_after_s: Option<u32>,
    /// Who is told when the job ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// Labels of the client; returned as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

pub(super) fn one() -> u32 {
    1
}

/// How denoising steps are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheduler {
    /// Ancestral sampling.
    Ddpm,
    /// Deterministic steps.
    Ddim,
    /// DPM-Solver++(2M).
    #[serde(rename = "dpm++2m")]
    DpmSolver,
}

/// Stated facts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Controls {
    /// Felt beats per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 20, maximum = 400)]
    pub tempo_bpm: Option<f64>,
    /// Metre: `4/4`, `6/8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        pattern = r"^([1-9]|[12][0-9]|3[0-2])/(1|2|4|8|16|32)$",
        examples("4/4")
    )]
    pub time_signature: Option<String>,
    /// Key: `A:min`, `F# major`, `D dorian`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        pattern = r"^[A-G](b|#)?( (major|minor|dorian|phrygian|lydian|mixolydian|locrian)|:(maj|min))$",
        examples("A:min")
    )]
    pub key: Option<String>,
    /// Beats in order, within the piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 512)]
    pub beats: Option<Vec<BeatSpec>>,
    /// Chords in order, within the piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 256)]
    pub chords: Option<Vec<ChordSpec>>,
    /// What happens to facts that are left open.
    #[serde(default)]
    pub fill: Fill,
}

/// What happens to facts that are left open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fill {
    /// The model chooses them by the prompt and the seed.
    #[default]
    Predict,
}

impl Controls {
    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Existing audio and what is to be done with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InputAudio {
    /// Id of an upload, or of an output as `gen_…/0`.
    #[schema(min_length = 1, max_length = 64)]
    pub file_id: String,
    /// What is to be done.
    #[serde(default)]
    pub mode: InputMode,
    /// How far to move from it, for `vary`; 0.6 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub strength: Option<f64>,
    /// Second where the new span begins, for `inpaint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 60)]
    pub start_s: Option<f64>,
    /// Second where the new span ends, for `inpaint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 60)]
    pub end_s: Option<f64>,
}

/// What is to be done with existing audio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputMode {
    /// Make it anew, like it.
    #[default]
    Vary,
    /// Go on after its end.
    Extend,
    /// Make a span anew.
    Inpaint,
    /// Make its end lead into its beginning.
    Loop,
}

/// Form of the files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutputFormat {
    /// Kind of file.
    pub format: AudioFormat,
    /// Sample rate in Hz; the model's, if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 8000, maximum = 96000)]
    pub sample_rate: Option<u32>,
    /// Bit rate of the lossy kinds in kbit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 32, maximum = 320)]
    pub bitrate_kbps: Option<u32>,
    /// How loud.
    pub loudness: LoudnessTarget,
    /// Whether prompt, seed and plan travel inside the file.
    pub embed_metadata: bool,
    /// Whether pictures are sent while denoising, where the model can.
    pub previews: bool,
}

impl Default for OutputFormat {
    fn default() -> Self {
        Self {
            format: AudioFormat::default(),
            sample_rate: None,
            bitrate_kbps: None,
            loudness: LoudnessTarget::default(),
            embed_metadata: true,
            previews: false,
        }
    }
}

/// How loud a file is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoudnessTarget {
    /// Integrated loudness in LUFS.
    #[schema(minimum = -70, maximum = 0)]
    pub target_lufs: f64,
    /// Highest true peak in dBTP.
    #[schema(minimum = -20, maximum = 0)]
    pub true_peak_dbtp: f64,
}

impl Default for LoudnessTarget {
    /// What streaming services play at.
    fn default() -> Self {
        Self {
            target_lufs: -14.0,
            true_peak_dbtp: -1.0,
        }
    }
}

/// Kinds of audio files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AudioFormat {
    /// Uncompressed, 16 bit.
    #[default]
    Wav,
    /// Compressed without loss.
    Flac,
    /// MPEG-1 layer III.
    Mp3,
    /// Opus in Ogg.
    Ogg,
    /// Bare 16-bit little-endian samples.
    Pcm,
}

impl AudioFormat {
    /// All kinds, in the order in which they are offered.
    pub const ALL: [Self; 5] = [Self::Wav, Self::Flac, Self::Mp3, Self::Ogg, Self::Pcm];

    /// Media type.
    pub fn media_type(self) -> &'static str {
        Format::from(self).media_type()
    }

    /// Name, also of the file's extension.
    pub fn name(self) -> &'static str {
        Format::from(self).name()
    }
}

impl From<AudioFormat> for Format {
    fn from(format: AudioFormat) -> Self {
        match format {
            AudioFormat::Wav => Self::Wav,
            AudioFormat::Flac => Self::Flac,
            AudioFormat::Mp3 => Self::Mp3,
            AudioFormat::Ogg => Self::Ogg,
            AudioFormat::Pcm => Self::Pcm,
        }
    }
}

/// Who goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// After everybody else.
    Low,
    /// In turn.
    #[default]
    Normal,
    /// Before everybody else.
    High,
}

impl Priority {
    /// Larger goes first.
    pub fn rank(self) -> i64 {
        match self {
            Self::Low => -1,
            Self::Normal => 0,
            Self::High => 1,
        }
    }
}

/// Who is told when a job ends; signed as Standard Webhooks has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// HTTPS address.
    #[schema(max_length = 2048, pattern = r"^https://")]
    pub url: String,
    /// What is told; all, if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 3)]
    pub events: Vec<WebhookEvent>,
}

/// What a webhook can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WebhookEvent {
    /// The music is there.
    Completed,
    /// It could not be made.
    Failed,
    /// Somebody stopped it, or its time was over.
    Canceled,
}

/// What a plan is made from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// What the music should sound like.
    #[schema(
        min_length = 1,
        max_length = 2000,
        pattern = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*[^\s\x00-\x20\x7F-\xA0][^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$"
    )]
    pub prompt: String,
    /// Length in seconds; 10 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 60)]
    pub duration_s: Option<f64>,
    /// The same seed gives the same plan.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub seed: u64,
    /// Facts that win over what the prompt says or leaves open.
    #[serde(default)]
    pub controls: Controls,
}

/// A seed short enough to be typed again.
pub fn random_seed() -> u64 {
    let mut bytes = [0_u8; 4];
    // Without random numbers the clock will do: a seed need not be secret.
    if getrandom::fill(&mut bytes).is_err() {
        return super::now_ms().unsigned_abs() & MAX_SEED;
    }
    u64::from(u32::from_le_bytes(bytes))
}
