//! What MuNet is told of a piece: text, beats and chords to attend to, and the map of its plan.
//!
//! A configuration says which of them a model has. With guidance there are two halves: the first is
//! told the negative prompt, no beats and no chords.

use crate::controls::{Grid, control_channels, control_map};
use crate::error::Result;
use crate::features::MusicFeatures;
use crate::munet::Condition;
use mustool_music::{Beat, ChordEvent, Plan};
use mustool_nn::{DType, Tensor, tensor};

/// The condition of one request.
pub(crate) struct Conditioning<'a> {
    /// Negative prompt, then prompt.
    pub(crate) text: Condition,
    /// What is attended to, in order: `text`, `beat`, `chord`.
    pub(crate) attention_sets: &'a [String],
    /// There where beats or chords are attended to.
    pub(crate) features: Option<&'a MusicFeatures>,
    /// The grid of the map, for models that have one.
    pub(crate) map_grid: Option<&'a Grid>,
    /// Class rows of the negative prompt and of the plan; empty for models that have no labels.
    pub(crate) classes: [Vec<f32>; 2],
}

impl Conditioning<'_> {
    /// What a window attends to: `heard` is the plan of the window alone.
    pub(crate) fn sets(&self, heard: &Plan, guided: bool) -> Result<Vec<Condition>> {
        let first = usize::from(!guided);
        let set = |name: &String| {
            let features = match (name.as_str(), self.features) {
                ("beat", Some(layers)) => {
                    let clips: [&[Beat]; 2] = [&[], &heard.beats];
                    layers.beats(&clips[first..])?
                }
                ("chord", Some(layers)) => {
                    let clips: [&[ChordEvent]; 2] = [&[], &heard.chords];
                    layers.chords(&clips[first..])?
                }
                _ => {
                    return Ok(Condition {
                        hidden_states: self.text.hidden_states.narrow(0, first, 2 - first)?,
                        bias: self.text.bias.narrow(0, first, 2 - first)?,
                    });
                }
            };
            Condition::new(features.embedding, &features.mask)
        };
        self.attention_sets.iter().map(set).collect()
    }

    /// Class rows `[batch, class_labels]`, for models that have labels.
    pub(crate) fn classes(&self, guided: bool) -> Result<Option<Tensor>> {
        let rows = &self.classes[usize::from(!guided)..];
        let labels = self.classes[1].len();
        (labels > 0)
            .then(|| tensor(rows.concat(), &[rows.len(), labels], DType::F32))
            .transpose()
            .map_err(Into::into)
    }

    /// The map of a whole piece, `[cells][rows][control_channels]`, for models that have one.
    pub(crate) fn control_map(&self, plan: &Plan, cells: usize) -> Option<Vec<f32>> {
        self.map_grid.map(|grid| control_map(plan, cells, grid))
    }

    /// The part of `map` under `cells`, `[batch, cells, rows, control_channels]`: zeros for the
    /// half that is told nothing.
    pub(crate) fn control(&self, map: &[f32], cells: &[usize], guided: bool) -> Result<Tensor> {
        let grid = self.map_grid.expect("a map has a grid");
        let (rows, channels) = (grid.num_bands / grid.downscale, control_channels(grid));
        let batch = 1 + usize::from(guided);
        let cell_len = rows * channels;
        let mut values = vec![0f32; (batch - 1) * cells.len() * cell_len];
        for cell in cells {
            values.extend_from_slice(&map[cell * cell_len..(cell + 1) * cell_len]);
        }
        let shape = [batch, cells.len(), rows, channels];
        Ok(tensor(values, &shape, DType::F32)?)
    }
}
