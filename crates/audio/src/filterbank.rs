//! Weighted sums of neighbouring frequency bins: the bands of the mel and semitone spectrograms.
//!
//! Each filter is stored from its first to its last bin with a weight. Where the filters lie is
//! decided by [`crate::mel`] and [`crate::semitone`].

use realfft::num_complex::Complex32;

/// One filter for each band, over the bins of one transform.
#[derive(Clone, Debug)]
pub(crate) struct Filterbank {
    /// First bin and weights from there on.
    filters: Vec<(usize, Vec<f32>)>,
}

impl Filterbank {
    /// `rows` are `[bands][bins]`; zeros at the ends are not kept.
    pub(crate) fn new(rows: impl IntoIterator<Item = Vec<f32>>) -> Self {
        let trim = |row: Vec<f32>| {
            let start = row.iter().position(|&weight| weight != 0.0).unwrap_or(0);
            let end = row
                .iter()
                .rposition(|&weight| weight != 0.0)
                .map_or(0, |last| last + 1);
            (start, row.get(start..end).unwrap_or_default().to_vec())
        };
        Self {
            filters: rows.into_iter().map(trim).collect(),
        }
    }

    pub(crate) fn num_bands(&self) -> usize {
        self.filters.len()
    }

    /// Appends one value for each band: the weighted sum of `magnitudes`.
    pub(crate) fn apply(&self, magnitudes: &[f32], out: &mut Vec<f32>) {
        out.extend(self.filters.iter().map(|(start, weights)| {
            let bins = magnitudes[*start..].iter().zip(weights);
            bins.map(|(&bin, &weight)| f64::from(bin) * f64::from(weight))
                .sum::<f64>() as f32
        }));
    }
}

/// Absolute values of one frame into `out`, whose old content is dropped.
pub(crate) fn magnitudes(frame: &[Complex32], out: &mut Vec<f32>) {
    out.clear();
    out.extend(frame.iter().map(|bin| bin.norm()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_full_matrix() {
        let bank = Filterbank::new([
            vec![0.0, 1.0, 0.5, 0.0],
            vec![0.0; 4],
            vec![0.0, 0.0, 0.0, 2.0],
        ]);
        let mut out = Vec::new();
        bank.apply(&[100.0, 1.0, 2.0, 3.0], &mut out);
        assert_eq!(out, [2.0, 0.0, 6.0]);
        assert_eq!(bank.num_bands(), 3);
    }
}
