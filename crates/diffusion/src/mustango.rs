//! The sizes of the published Mustango, for the files that its folder does not have.
//!
//! Melechovsky et al. 2023 (arXiv:2311.08355). The text encoder and the chord predictor are
//! FLAN-T5-large (arXiv:2210.11416), the beat predictor is DeBERTa-v3-large (arXiv:2111.09543); the
//! noise schedule is that of Stable Diffusion 2.1, the vocoder AudioLDM's. What is in the folder
//! itself is read from there (`model_files`).

use serde_json::{Value, json};

/// `model.json`: what the model is, as far as its card says.
pub(crate) fn model() -> Value {
    json!({
        "id": "mustango", "trained": true, "max_duration_s": 60.0,
        "default_steps": 100, "default_guidance": 3.0, "default_scheduler": "ddpm",
    })
}

/// FLAN-T5-large, both halves of it.
pub fn t5() -> Value {
    json!({
        "vocab_size": 32_128, "d_model": 1024, "d_kv": 64, "d_ff": 2816, "num_layers": 24,
        "num_decoder_layers": 24, "num_heads": 16, "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": false,
    })
}

/// DeBERTa-v3-large.
pub fn deberta() -> Value {
    json!({
        "vocab_size": 128_100, "hidden_size": 1024, "num_hidden_layers": 24,
        "num_attention_heads": 16, "intermediate_size": 4096, "max_position_embeddings": 512,
        "position_buckets": 256, "layer_norm_eps": 1e-7,
    })
}

/// MuNet.
pub fn unet() -> Value {
    let music = |name: &str| format!("CrossAttn{name}Block2DMusic");
    json!({
        "in_channels": 8, "out_channels": 8, "sample_size": [32, 2],
        "block_out_channels": [320, 640, 1280, 1280], "attention_head_dim": [5, 10, 20, 20],
        "layers_per_block": 2, "cross_attention_dim": 1024, "norm_num_groups": 32,
        "norm_eps": 1e-5,
        "down_block_types": [music("Down"), music("Down"), music("Down"), "DownBlock2D"],
        "up_block_types": ["UpBlock2D", music("Up"), music("Up"), music("Up")],
    })
}

/// AudioLDM's autoencoder.
pub fn vae() -> Value {
    json!({
        "embed_dim": 8, "scale_factor": 0.922_791_421_413_421_6,
        "ddconfig": { "z_channels": 8, "ch": 128, "ch_mult": [1, 2, 4], "num_res_blocks": 2 },
    })
}

/// AudioLDM's HiFi-GAN at 16 kHz.
pub fn hifigan() -> Value {
    json!({
        "num_mels": 64, "upsample_initial_channel": 1024,
        "upsample_rates": [5, 4, 2, 2, 2], "upsample_kernel_sizes": [16, 16, 8, 4, 4],
        "resblock_kernel_sizes": [3, 7, 11],
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
    })
}

/// The spectrogram that the autoencoder was trained on.
pub(crate) fn stft() -> Value {
    json!({
        "filter_length": 1024, "hop_length": 160, "win_length": 1024, "n_mel_channels": 64,
        "sampling_rate": 16_000, "mel_fmin": 0.0, "mel_fmax": 8000.0,
    })
}

/// Stable Diffusion 2.1's schedule. Its repository was withdrawn, so it is stated here.
pub(crate) fn scheduler() -> Value {
    json!({
        "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000,
        "prediction_type": "v_prediction", "steps_offset": 1,
    })
}

/// The constructor's defaults of the beat and chord features.
pub fn features() -> Value {
    json!({
        "d_fme": 1024, "d_pe": 1024, "d_beat": 1024, "d_chord": 1024, "base": 1.0,
        "d_oh_beat_type": 7, "beat_len": 50, "d_oh_chord_type": 12, "d_oh_inv_type": 4,
        "chord_len": 20,
    })
}
