//! The outline of a waveform for a picture of it: its lowest and highest value in each column.
//!
//! Nothing is drawn here; colours and pixels belong to whoever shows it.

use serde::Serialize;

use crate::Waveform;

/// Lowest and highest sample of any channel in one column of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Peak {
    /// Lowest sample value.
    pub min: f32,
    /// Highest sample value.
    pub max: f32,
}

/// `num_columns` peaks that share the waveform evenly, each over one frame at least.
///
/// With more columns than frames, frames repeat; an empty sound gives zeros.
pub fn peaks(waveform: &Waveform, num_columns: usize) -> Vec<Peak> {
    let (num_frames, channels) = (waveform.num_frames(), usize::from(waveform.channels()));
    if num_frames == 0 {
        return vec![Peak::default(); num_columns];
    }
    let edge = |column: usize| (column as u128 * num_frames as u128 / num_columns as u128) as usize;
    let column = |column: usize| {
        let start = edge(column);
        let end = edge(column + 1).max(start + 1);
        let samples = &waveform.samples()[start * channels..end * channels];
        let widen = |peak: Peak, &x: &f32| Peak {
            min: peak.min.min(x),
            max: peak.max.max(x),
        };
        samples.iter().fold(
            Peak {
                min: samples[0],
                max: samples[0],
            },
            widen,
        )
    };
    (0..num_columns).map(column).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_share_the_sound() {
        let sound = Waveform::new(vec![0.1, -0.2, 0.3, 0.0, 0.5, 0.4, -0.9, 0.0], 2, 8000).unwrap();
        let found = peaks(&sound, 2);
        assert_eq!(
            found,
            [
                Peak {
                    min: -0.2,
                    max: 0.3
                },
                Peak {
                    min: -0.9,
                    max: 0.5
                }
            ]
        );
        assert!(peaks(&sound, 0).is_empty());
        assert_eq!(
            peaks(&Waveform::mono(vec![], 8000).unwrap(), 3),
            [Peak::default(); 3]
        );
    }

    proptest! {
        #[test]
        fn the_outline_holds_every_sample(
            samples in prop::collection::vec(-1.0_f32..1.0, 1..300),
            num_columns in 1_usize..400,
        ) {
            let found = peaks(&Waveform::mono(samples.clone(), 8000).unwrap(), num_columns);
            prop_assert_eq!(found.len(), num_columns);
            let (low, high) = samples.iter().fold((1.0_f32, -1.0_f32), |(l, h), &x| (l.min(x), h.max(x)));
            prop_assert!(found.iter().all(|peak| low <= peak.min && peak.min <= peak.max && peak.max <= high));
            prop_assert!(found.iter().any(|peak| peak.min == low));
            prop_assert!(found.iter().any(|peak| peak.max == high));
        }
    }
}
