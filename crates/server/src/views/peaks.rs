//! The outline of a piece for a picture of its waveform.
//!
//! JSON in the form of BBC `audiowaveform`, version 2
//! (<https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md>), which peaks.js and
//! wavesurfer.js read: minimum and maximum of each column, as 16-bit numbers.

use mustool_audio::Waveform;
use serde::Serialize;
use utoipa::ToSchema;

/// Columns if nobody asks for another number.
pub const DEFAULT_COLUMNS: usize = 1_000;
/// Most columns.
pub const MAX_COLUMNS: usize = 10_000;

/// Lowest and highest value of each column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Peaks {
    /// Version of the form: 2.
    pub version: u8,
    /// Channels: 1, over all channels of the piece.
    pub channels: u8,
    /// Frames a second of the piece.
    pub sample_rate: u32,
    /// Frames of each column; the last one may have fewer.
    pub samples_per_pixel: usize,
    /// Size of a number: 16.
    pub bits: u8,
    /// Number of columns.
    pub length: usize,
    /// Minimum and maximum of each column in turn, full scale at 32767.
    pub data: Vec<i16>,
}

impl Peaks {
    /// The outline in about `num_columns` columns (1 to [`MAX_COLUMNS`]): as many as there are
    /// whole numbers of frames to fill them. An empty sound has none.
    pub fn of(waveform: &Waveform, num_columns: usize) -> Self {
        let num_columns = num_columns.clamp(1, MAX_COLUMNS);
        let samples_per_pixel = waveform.num_frames().div_ceil(num_columns).max(1);
        let column_samples = samples_per_pixel * usize::from(waveform.channels());
        let number = |sample: f32| (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
        let outline = |samples: &[f32]| {
            let (low, high) = samples
                .iter()
                .fold((f32::MAX, f32::MIN), |(low, high), &sample| {
                    (low.min(sample), high.max(sample))
                });
            [number(low), number(high)]
        };
        let data: Vec<i16> = waveform
            .samples()
            .chunks(column_samples)
            .flat_map(outline)
            .collect();
        Self {
            version: 2,
            channels: 1,
            sample_rate: waveform.sample_rate(),
            samples_per_pixel,
            bits: 16,
            length: data.len() / 2,
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_hold_the_extremes_of_all_channels() {
        let sound = Waveform::new(vec![0.5, -1.0, 0.0, 2.0, -0.25, 0.25], 2, 8_000).unwrap();
        let peaks = Peaks::of(&sound, 2);
        assert_eq!((peaks.samples_per_pixel, peaks.length), (2, 2));
        assert_eq!(peaks.data, [-32_767, 32_767, -8_192, 8_192]);
        let json = serde_json::to_value(&peaks).unwrap();
        assert_eq!((&json["version"], &json["bits"]), (&2.into(), &16.into()));
        let empty = Peaks::of(&Waveform::mono(vec![], 8_000).unwrap(), 100);
        assert_eq!((empty.length, empty.data.len()), (0, 0));
    }

    proptest! {
        #[test]
        fn every_column_is_inside_and_the_peak_is_somewhere(
            samples in prop::collection::vec(-1.0_f32..1.0, 1..500), num_columns in 0_usize..600,
        ) {
            let sound = Waveform::mono(samples, 8_000).unwrap();
            let peaks = Peaks::of(&sound, num_columns);
            prop_assert!(peaks.length >= 1 && peaks.length <= num_columns.max(1));
            prop_assert_eq!(peaks.data.len(), 2 * peaks.length);
            prop_assert!((peaks.length - 1) * peaks.samples_per_pixel < sound.num_frames());
            prop_assert!(peaks.data.chunks(2).all(|pair| pair[0] <= pair[1]));
            let peak = (sound.peak() * 32_767.0).round() as i16;
            prop_assert_eq!(peaks.data.iter().map(|x| x.abs()).max(), Some(peak));
        }
    }
}
