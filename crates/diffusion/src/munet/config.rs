//! The shape of a MuNet, as its `unet_config.json` states it.

use crate::error::{Error, Result};
use serde::Deserialize;

/// Most class labels that a model may have.
const MAX_CLASS_LABELS: usize = 4096;

/// Fields as in diffusers' configuration; those with defaults are extensions of this project.
#[derive(Debug, Clone, Deserialize)]
pub struct UnetConfig {
    /// Channels of the noisy latent.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Width of each resolution.
    pub block_out_channels: Vec<usize>,
    /// Number of heads (not their width) at each resolution.
    pub attention_head_dim: Vec<usize>,
    /// Residual blocks per resolution on the way down; one more on the way up.
    pub layers_per_block: usize,
    /// `DownBlock2D` or `CrossAttnDownBlock2DMusic`.
    pub down_block_types: Vec<String>,
    /// `UpBlock2D` or `CrossAttnUpBlock2DMusic`.
    pub up_block_types: Vec<String>,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// Epsilon of the group norms outside the transformers.
    pub norm_eps: f64,
    /// Width of text, beat and chord features.
    pub cross_attention_dim: usize,
    /// `[time, rows]` of the latent; `rows` matters where there are frame-aligned controls.
    pub sample_size: [usize; 2],
    /// Inner width of the feed-forward layers over their outer width.
    #[serde(default = "feed_forward_mult")]
    pub feed_forward_mult: usize,
    /// What the transformers of a layer attend to, in order.
    #[serde(default = "attention_sets")]
    pub attention_sets: Vec<String>,
    /// Channels of the frame-aligned control map; 0 when there is none.
    #[serde(default)]
    pub control_channels: usize,
    /// What a piece may be told to have, beside text: instruments by name, styles as `style:NAME`.
    #[serde(default)]
    pub class_labels: Vec<String>,
}

fn feed_forward_mult() -> usize {
    4
}

fn attention_sets() -> Vec<String> {
    ["text", "beat", "chord"].map(str::to_owned).to_vec()
}

impl UnetConfig {
    /// Checks that every list has one entry for each resolution and every size can be built.
    pub fn validate(&self) -> Result<()> {
        let fail = |reason: String| {
            Err(Error::Config {
                file: "unet_config.json".to_owned(),
                reason,
            })
        };
        let levels = self.block_out_channels.len();
        let lists = [
            self.attention_head_dim.len(),
            self.down_block_types.len(),
            self.up_block_types.len(),
        ];
        if levels == 0 || levels > 8 || lists.iter().any(|&len| len != levels) {
            return fail(format!("{levels} widths, but lists of {lists:?}"));
        }
        if self.layers_per_block == 0 || self.layers_per_block > 8 {
            return fail(format!("layers_per_block is {}", self.layers_per_block));
        }
        for (&width, &heads) in self.block_out_channels.iter().zip(&self.attention_head_dim) {
            if width == 0 || width > 8192 || width % self.norm_num_groups.max(1) != 0 {
                return fail(format!(
                    "width {width} with {} groups",
                    self.norm_num_groups
                ));
            }
            if heads == 0 || width % heads != 0 {
                return fail(format!("{heads} heads do not divide width {width}"));
            }
        }
        let known = ["text", "beat", "chord"];
        if self.attention_sets.is_empty()
            || self
                .attention_sets
                .iter()
                .any(|set| !known.contains(&set.as_str()))
        {
            return fail(format!("attention_sets {:?}", self.attention_sets));
        }
        if self.class_labels.len() > MAX_CLASS_LABELS {
            return fail(format!("{} class_labels", self.class_labels.len()));
        }
        Ok(())
    }

    /// Style and instruments as a row for [`Unet::prepare`](super::Unet::prepare): 1 for each class
    /// label that they name, 0 for all others. Names that are no labels change nothing.
    pub fn class_row(&self, style: Option<&str>, instruments: &[String]) -> Vec<f32> {
        let named = |label: &String| match label.strip_prefix("style:") {
            Some(name) => style == Some(name),
            None => instruments.contains(label),
        };
        let number = |label| if named(label) { 1.0 } else { 0.0 };
        self.class_labels.iter().map(number).collect()
    }

    /// Whether the `level`-th block on the way down has transformers.
    pub(super) fn attends_down(&self, level: usize) -> bool {
        self.down_block_types[level].contains("CrossAttn")
    }

    /// Whether the `level`-th block on the way up has transformers.
    pub(super) fn attends_up(&self, level: usize) -> bool {
        self.up_block_types[level].contains("CrossAttn")
    }
}
