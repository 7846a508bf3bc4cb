"""The default model's sizes, in the form of the configuration files shipped beside its weights."""

SAMPLE_RATE, HOP, BANDS, LOWEST_MIDI = 24000, 240, 96, 31
FRAMES, CLIP_SECONDS = 1024, 10.24
CELL_SECONDS, CELLS, ROWS = 0.08, 128, 12
MEAN, STD = -6.0, 2.2  # of the corpus's log spectrogram, replaced by the measured ones in stats.json

VAE = {
    "embed_dim": 16, "z_channels": 16, "double_z": True, "patch_size": 2,
    "channels": [48, 96, 160], "num_res_blocks": 1, "norm_groups": 16, "num_bands": BANDS,
    "mean": MEAN, "std": STD,
}
VOCODER = {
    "num_bands": BANDS, "lowest_midi": LOWEST_MIDI, "control_channels": 24, "dim": 256,
    "intermediate_dim": 768, "num_layers": 8, "n_fft": 1536, "hop_length": HOP,
    "sample_rate": SAMPLE_RATE, "mean": MEAN, "std": STD,
}
TEXT = {
    "vocab_size": 4096, "d_model": 256, "d_kv": 64, "d_ff": 384, "num_layers": 3, "num_heads": 4,
    "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128,
    "layer_norm_epsilon": 1e-6, "feed_forward_proj": "gated-gelu", "dropout_rate": 0.0,
    "tie_word_embeddings": True, "pad_token_id": 0, "eos_token_id": 1, "unk_token_id": 2,
    "max_length": 96,
}
PLANNER = {  # and "tokens", the list of plan tokens
    **TEXT, "d_kv": 32, "d_ff": 384, "num_layers": 2, "tie_word_embeddings": False,
    "decoder_start_token_id": 0, "max_length": 96,
}
UNET = {
    "in_channels": 16, "out_channels": 16, "sample_size": [CELLS, ROWS],
    "block_out_channels": [96, 144, 192], "attention_head_dim": [3, 3, 4], "layers_per_block": 1,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2DMusic", "CrossAttnDownBlock2DMusic"],
    "mid_block_type": "UNetMidBlock2DCrossAttnMusic",
    "up_block_types": ["CrossAttnUpBlock2DMusic", "CrossAttnUpBlock2DMusic", "UpBlock2D"],
    "norm_num_groups": 16, "norm_eps": 1e-5, "cross_attention_dim": 256, "feed_forward_mult": 2,
    "attention_sets": ["text"], "control_channels": 38, "act_fn": "silu",
    "use_linear_projection": True, "flip_sin_to_cos": True, "freq_shift": 0,
    "downsample_padding": 1,
    "class_labels": [],  # the planner's tokens for styles and instruments
}
SCHEDULER = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000, "prediction_type": "v_prediction", "clip_sample": False,
    "set_alpha_to_one": False, "steps_offset": 1, "skip_prk_steps": True, "trained_betas": None,
}
