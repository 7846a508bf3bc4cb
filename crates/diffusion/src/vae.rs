//! The autoencoder between spectrograms and latents: AudioLDM's `AutoencoderKL`.
//!
//! Channels-last: spectrograms are `[batch, frames, bands, 1]`, latents
//! `[batch, time, rows, channels]`. With a patch size of 2, four neighbouring points become the
//! channels of one before the first convolution, and back after the last.

use crate::error::{Error, Result};
use mustool_nn::{Conv2d, DType, GroupNorm, Tensor, Weights, attention, reshape, upsample_nearest};
use serde::Deserialize;

/// Sizes, from either layout of `vae_config.json`.
#[derive(Debug, Clone)]
pub struct VaeConfig {
    /// Width of each resolution, finest first.
    pub channels: Vec<usize>,
    /// Residual blocks per resolution when encoding; one more when decoding.
    pub num_res_blocks: usize,
    /// Channels before `quant_conv`.
    pub z_channels: usize,
    /// Channels of the latent.
    pub embed_dim: usize,
    /// Latents are multiplied by this for diffusion.
    pub scale_factor: f64,
    /// Side of the patches that become channels; 1 for none.
    pub patch_size: usize,
    /// Groups of every norm.
    pub norm_groups: usize,
}

/// The file as published, and its flat form with this project's extensions.
#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Published {
        embed_dim: usize,
        scale_factor: f64,
        ddconfig: Published,
    },
    Flat {
        channels: Vec<usize>,
        num_res_blocks: usize,
        z_channels: usize,
        embed_dim: usize,
        patch_size: usize,
        norm_groups: usize,
    },
}

#[derive(Deserialize)]
struct Published {
    z_channels: usize,
    ch: usize,
    ch_mult: Vec<usize>,
    num_res_blocks: usize,
}

impl VaeConfig {
    /// Reads `vae_config.json`.
    pub fn from_json(json: &str) -> Result<Self> {
        let bad = |reason: String| Error::Config {
            file: "vae_config.json".to_owned(),
            reason,
        };
        let cfg = match serde_json::from_str(json).map_err(|e| bad(e.to_string()))? {
            File::Published {
                embed_dim,
                scale_factor,
                ddconfig,
            } => Self {
                channels: ddconfig.ch_mult.iter().map(|m| m * ddconfig.ch).collect(),
                num_res_blocks: ddconfig.num_res_blocks,
                z_channels: ddconfig.z_channels,
                embed_dim,
                scale_factor,
                patch_size: 1,
                norm_groups: 32,
            },
            File::Flat {
                channels,
                num_res_blocks,
                z_channels,
                embed_dim,
                patch_size,
                norm_groups,
            } => Self {
                channels,
                num_res_blocks,
                z_channels,
                embed_dim,
                scale_factor: 1.0,
                patch_size,
                norm_groups,
            },
        };
        let groups = cfg.norm_groups;
        let widths_fit = !cfg.channels.is_empty()
            && cfg.channels.len() <= 8
            && cfg
                .channels
                .iter()
                .all(|c| (1..=4096).contains(c) && groups > 0 && c % groups == 0);
        if !widths_fit || !(1..=2).contains(&cfg.patch_size) || cfg.num_res_blocks > 8 {
            return Err(bad(format!("impossible sizes: {cfg:?}")));
        }
        Ok(cfg)
    }

    /// Spectrogram frames (and bands) per latent cell.
    pub fn downscale(&self) -> usize {
        self.patch_size << (self.channels.len() - 1)
    }
}

#[derive(Debug)]
struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    norm2: GroupNorm,
    conv2: Conv2d,
    nin_shortcut: Option<Conv2d>,
}

impl ResnetBlock {
    fn new(from: usize, to: usize, groups: usize, weights: &Weights) -> Self {
        Self {
            norm1: GroupNorm::new(groups, from, 1e-6, &weights.pp("norm1")),
            conv1: Conv2d::new(from, to, 3, &weights.pp("conv1")),
            norm2: GroupNorm::new(groups, to, 1e-6, &weights.pp("norm2")),
            conv2: Conv2d::new(to, to, 3, &weights.pp("conv2")),
            nin_shortcut: (from != to)
                .then(|| Conv2d::new(from, to, 1, &weights.pp("nin_shortcut"))),
        }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let h = self.conv1.forward(&self.norm1.forward_silu(x)?)?;
        let h = self.norm2.forward_silu(&h)?;
        match &self.nin_shortcut {
            Some(shortcut) => Ok(self.conv2.forward_add(&h, &shortcut.forward(x)?)?),
            None => Ok(self.conv2.forward_add(&h, x)?),
        }
    }
}

/// A residual block, attention of one head over all positions, a residual block.
#[derive(Debug)]
struct Mid {
    block_1: ResnetBlock,
    norm: GroupNorm,
    q: Conv2d,
    k: Conv2d,
    v: Conv2d,
    proj_out: Conv2d,
    block_2: ResnetBlock,
}

impl Mid {
    fn new(dim: usize, groups: usize, weights: &Weights) -> Self {
        let attn = weights.pp("attn_1");
        let conv = |name: &str| Conv2d::new(dim, dim, 1, &attn.pp(name));
        Self {
            block_1: ResnetBlock::new(dim, dim, groups, &weights.pp("block_1")),
            norm: GroupNorm::new(groups, dim, 1e-6, &attn.pp("norm")),
            q: conv("q"),
            k: conv("k"),
            v: conv("v"),
            proj_out: conv("proj_out"),
            block_2: ResnetBlock::new(dim, dim, groups, &weights.pp("block_2")),
        }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.block_1.forward(x)?;
        let (batch, time, rows, dim) = x.dims4()?;
        let h = self.norm.forward(&x)?;
        let flat = |conv: &Conv2d| {
            let y = conv.forward(&h)?;
            reshape(&y, (batch, time * rows, dim)).map_err(Error::from)
        };
        let scale = (dim as f64).powf(-0.5);
        let h = attention(
            &flat(&self.q)?,
            &flat(&self.k)?,
            &flat(&self.v)?,
            1,
            scale,
            None,
        )?;
        let x = self
            .proj_out
            .forward_add(&reshape(&h, (batch, time, rows, dim))?, &x)?;
        self.block_2.forward(&x)
    }
}

#[derive(Debug)]
struct Level {
    blocks: Vec<ResnetBlock>,
    resample: Option<Conv2d>,
}

#[derive(Debug)]
struct Encoder {
    conv_in: Conv2d,
    down: Vec<Level>,
    mid: Mid,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Encoder {
    fn new(cfg: &VaeConfig, weights: &Weights) -> Self {
        let (groups, levels) = (cfg.norm_groups, cfg.channels.len());
        let mut from = cfg.channels[0];
        let conv_in = Conv2d::new(
            cfg.patch_size * cfg.patch_size,
            from,
            3,
            &weights.pp("conv_in"),
        );
        let down = (0..levels)
            .map(|level| {
                let weights = weights.pp(format!("down.{level}"));
                let to = cfg.channels[level];
                let blocks = (0..cfg.num_res_blocks)
                    .map(|i| {
                        let width = std::mem::replace(&mut from, to);
                        ResnetBlock::new(width, to, groups, &weights.pp(format!("block.{i}")))
                    })
                    .collect();
                let resample = (level + 1 < levels).then(|| {
                    Conv2d::new(to, to, 3, &weights.pp("downsample.conv"))
                        .strided(2, [[0, 1], [0, 1]])
                });
                Level { blocks, resample }
            })
            .collect();
        Self {
            conv_in,
            down,
            mid: Mid::new(from, groups, &weights.pp("mid")),
            norm_out: GroupNorm::new(groups, from, 1e-6, &weights.pp("norm_out")),
            conv_out: Conv2d::new(from, 2 * cfg.z_channels, 3, &weights.pp("conv_out")),
        }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut h = self.conv_in.forward(x)?;
        for level in &self.down {
            for block in &level.blocks {
                h = block.forward(&h)?;
            }
            if let Some(resample) = &level.resample {
                h = resample.forward(&h)?;
            }
        }
        let h = self.norm_out.forward_silu(&self.mid.forward(&h)?)?;
        Ok(self.conv_out.forward(&h)?)
    }
}

#[derive(Debug)]
struct Decoder {
    conv_in: Conv2d,
    mid: Mid,
    up: Vec<Level>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Decoder {
    fn new(cfg: &VaeConfig, weights: &Weights) -> Self {
        let (groups, levels) = (cfg.norm_groups, cfg.channels.len());
        let mut from = cfg.channels[levels - 1];
        let conv_in = Conv2d::new(cfg.z_channels, from, 3, &weights.pp("conv_in"));
        let mid = Mid::new(from, groups, &weights.pp("mid"));
        // Keys count from the finest level; the coarsest comes first here.
        let up = (0..levels)
            .rev()
            .map(|level| {
                let weights = weights.pp(format!("up.{level}"));
                let to = cfg.channels[level];
                let blocks = (0..=cfg.num_res_blocks)
                    .map(|i| {
                        let width = std::mem::replace(&mut from, to);
                        ResnetBlock::new(width, to, groups, &weights.pp(format!("block.{i}")))
                    })
                    .collect();
                let resample =
                    (level > 0).then(|| Conv2d::new(to, to, 3, &weights.pp("upsample.conv")));
                Level { blocks, resample }
            })
            .collect();
        Self {
            conv_in,
            mid,
            up,
            norm_out: GroupNorm::new(groups, from, 1e-6, &weights.pp("norm_out")),
            conv_out: Conv2d::new(
                from,
                cfg.patch_size * cfg.patch_size,
                3,
                &weights.pp("conv_out"),
            ),
        }
    }

    fn forward(&self, z: &Tensor) -> Result<Tensor> {
        let mut h = self.mid.forward(&self.conv_in.forward(z)?)?;
        for level in &self.up {
            for block in &level.blocks {
                h = block.forward(&h)?;
            }
            if let Some(resample) = &level.resample {
                let (_, time, rows, _) = h.dims4()?;
                h = resample.forward(&upsample_nearest(&h, [2 * time, 2 * rows])?)?;
            }
        }
        Ok(self.conv_out.forward(&self.norm_out.forward_silu(&h)?)?)
    }
}

/// Encoder and decoder with their 1×1 convolutions.
#[derive(Debug)]
pub struct Vae {
    encoder: Encoder,
    decoder: Decoder,
    quant_conv: Conv2d,
    post_quant_conv: Conv2d,
    embed_dim: usize,
    scale_factor: f64,
    patch: usize,
    dtype: DType,
}

/// The distribution that a spectrogram is encoded to; both `[batch, time, rows, embed_dim]`, `f32`.
#[derive(Debug)]
pub struct Posterior {
    /// The most likely latent, not yet scaled.
    pub mean: Tensor,
    /// Logarithm of the variance, −30 to 20.
    pub logvar: Tensor,
}

impl Vae {
    /// Keys `encoder.`, `decoder.`, `quant_conv.`, `post_quant_conv.`.
    pub fn new(cfg: &VaeConfig, weights: &Weights) -> Self {
        let (z, embed) = (cfg.z_channels, cfg.embed_dim);
        Self {
            encoder: Encoder::new(cfg, &weights.pp("encoder")),
            decoder: Decoder::new(cfg, &weights.pp("decoder")),
            quant_conv: Conv2d::new(2 * z, 2 * embed, 1, &weights.pp("quant_conv")),
            post_quant_conv: Conv2d::new(embed, z, 1, &weights.pp("post_quant_conv")),
            embed_dim: embed,
            scale_factor: cfg.scale_factor,
            patch: cfg.patch_size,
            dtype: weights.dtype(),
        }
    }

    /// What latents are multiplied by for diffusion.
    pub fn scale_factor(&self) -> f64 {
        self.scale_factor
    }

    /// `latents`: `[batch, time, rows, embed_dim]` as diffusion has them → spectrogram
    /// `[batch, frames, bands, 1]`, `f32`.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let z = (latents / self.scale_factor)?.to_dtype(self.dtype)?;
        let y = self.decoder.forward(&self.post_quant_conv.forward(&z)?)?;
        let (batch, time, rows, _) = y.dims4()?;
        let p = self.patch;
        let y = y
            .reshape(&[batch, time, rows, p, p])?
            .permute([0, 1, 3, 2, 4])?;
        Ok(y.reshape((batch, time * p, rows * p, 1))?
            .to_dtype(DType::F32)?)
    }

    /// `spectrogram`: `[batch, frames, bands, 1]` → the latent's distribution.
    pub fn encode(&self, spectrogram: &Tensor) -> Result<Posterior> {
        let (batch, frames, bands, _) = spectrogram.dims4()?;
        let p = self.patch;
        let x = spectrogram.reshape(&[batch, frames / p, p, bands / p, p])?;
        let x = x
            .permute([0, 1, 3, 2, 4])?
            .reshape((batch, frames / p, bands / p, p * p))?;
        let moments = self
            .quant_conv
            .forward(&self.encoder.forward(&x.to_dtype(self.dtype)?)?)?;
        let moments = moments.to_dtype(DType::F32)?;
        Ok(Posterior {
            mean: moments.narrow(3, 0, self.embed_dim)?,
            logvar: moments
                .narrow(3, self.embed_dim, self.embed_dim)?
                .clamp(-30f32, 20f32)?,
        })
    }
}
