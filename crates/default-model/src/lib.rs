//! Carries the default model: its weights, configurations and tokenizer, as part of the program.
//!
//! What it was trained on, how well it does and what it cannot do is in `MODEL_CARD.md`. There is
//! no logic here.

/// Name and contents of a file in `files/`.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../files/", $name)))),*]
    };
}

/// The files of the model, as a model folder has them.
pub const FILES: &[(&str, &[u8])] = files![
    "model.json",
    "planner.safetensors",
    "planner_config.json",
    "scheduler_config.json",
    "text_encoder.safetensors",
    "text_encoder_config.json",
    "tokenizer.json",
    "unet.safetensors",
    "unet_config.json",
    "vae.safetensors",
    "vae_config.json",
    "vocoder.safetensors",
    "vocoder_config.json",
];
