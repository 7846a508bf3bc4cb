//! A picture of a piece: time from left to right, pitch from bottom to top, loudness as colour.
//!
//! A mel spectrogram with a logarithm, as [`mustool_audio::mel`] makes it, drawn as a PNG with a
//! palette of 256 colours that grow evenly lighter, so that it reads in grey as well.

use mustool_audio::Waveform;
use mustool_audio::mel::{LogMel, MelConfig};

/// Rows of the picture: bands of the spectrogram.
pub const HEIGHT: usize = 128;
/// Most columns; longer pieces get wider steps.
pub const MAX_WIDTH: usize = 2_048;
/// Samples of one transform.
const N_FFT: usize = 2_048;
/// Lowest frequency in Hz: the lowest note of a bass guitar is at 41.
const F_MIN_HZ: f64 = 30.0;
/// Frames a second where the piece is short enough.
const FRAMES_PER_S: u32 = 100;
/// What lies this far below the loudest point is drawn as silence, in dB.
const RANGE_DB: f32 = 80.0;
/// Nothing quieter than this counts as the loudest point, so that silence stays dark: the floor of
/// the spectrogram, ln 1e-5, and [`RANGE_DB`] above it.
const LEAST_TOP: f32 = -2.3;
/// Colours from silence to the loudest point; those between are mixed.
const STOPS: [[u8; 3]; 6] = [
    [8, 10, 24],
    [40, 24, 92],
    [126, 34, 116],
    [212, 66, 84],
    [250, 146, 60],
    [255, 244, 200],
];

/// The picture as PNG. Channels are mixed; an empty sound gives one dark column.
///
/// Fails if the sample rate is too low for the bands (below about 200 Hz).
pub fn png(waveform: &Waveform) -> crate::Result<Vec<u8>> {
    let mono = waveform.to_mono();
    let least_hop = (waveform.sample_rate() / FRAMES_PER_S).max(1) as usize;
    let hop_length = least_hop.max(mono.num_frames().div_ceil(MAX_WIDTH - 1));
    // Columns further apart than the transform is long would miss what lies between them.
    let filter_length = N_FFT.max(hop_length.next_power_of_two());
    let log_mel = LogMel::new(&MelConfig {
        filter_length,
        hop_length,
        win_length: filter_length,
        n_mel_channels: HEIGHT,
        sampling_rate: waveform.sample_rate(),
        mel_fmin: F_MIN_HZ,
        mel_fmax: f64::from(waveform.sample_rate()) / 2.0,
    })?;
    let spectrogram = log_mel.compute(mono.samples());
    let width = spectrogram.num_frames().max(1);
    let top = spectrogram
        .values()
        .iter()
        .copied()
        .fold(LEAST_TOP, f32::max);
    let range = RANGE_DB / 20.0 * std::f32::consts::LN_10;
    let shade = |value: f32| (((value - top) / range + 1.0).clamp(0.0, 1.0) * 255.0).round() as u8;
    let mut pixels = vec![0; width * HEIGHT];
    for (x, frame) in spectrogram.frames().enumerate() {
        for (band, &value) in frame.iter().enumerate() {
            pixels[(HEIGHT - 1 - band) * width + x] = shade(value);
        }
    }
    Ok(encode(&pixels, width))
}

fn encode(pixels: &[u8], width: usize) -> Vec<u8> {
    const FITS: &str = "width and height are small, and writing to memory does not fail";
    let mut bytes = Vec::new();
    let width = u32::try_from(width).expect(FITS);
    let mut encoder = png::Encoder::new(&mut bytes, width, HEIGHT as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette());
    let mut writer = encoder.write_header().expect(FITS);
    writer.write_image_data(pixels).expect(FITS);
    writer.finish().expect(FITS);
    bytes
}

/// 256 colours along [`STOPS`], each as red, green and blue.
fn palette() -> Vec<u8> {
    let mix = |shade: usize| {
        let place = shade as f32 / 255.0 * (STOPS.len() - 1) as f32;
        let index = (place as usize).min(STOPS.len() - 2);
        let share = place - index as f32;
        let (low, high) = (STOPS[index], STOPS[index + 1]);
        let channel = |c: usize| f32::from(low[c]) * (1.0 - share) + f32::from(high[c]) * share;
        [0, 1, 2].map(|c| channel(c).round() as u8)
    };
    (0..256).flat_map(mix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Width and shades of a picture.
    fn decode(bytes: &[u8]) -> (usize, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::IDENTITY);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(
            (info.height as usize, info.color_type),
            (HEIGHT, png::ColorType::Indexed)
        );
        (info.width as usize, pixels)
    }

    fn sine(frequency_hz: f32, seconds: f32, sample_rate: u32) -> Waveform {
        let step = std::f32::consts::TAU * frequency_hz / sample_rate as f32;
        let samples =
            (0..(seconds * sample_rate as f32) as usize).map(|t| 0.5 * (step * t as f32).sin());
        Waveform::mono(samples.collect(), sample_rate).unwrap()
    }

    /// Row of the brightest pixel in the middle column.
    fn brightest_row(waveform: &Waveform) -> usize {
        let (width, pixels) = decode(&png(waveform).unwrap());
        let rows = (0..HEIGHT).map(|row| pixels[row * width + width / 2]);
        rows.enumerate().max_by_key(|&(_, shade)| shade).unwrap().0
    }

    #[test]
    fn higher_notes_lie_higher() {
        let rows: Vec<usize> = [110.0, 440.0, 1760.0, 7040.0]
            .map(|hz| brightest_row(&sine(hz, 1.0, 16_000)))
            .into();
        assert!(
            rows.windows(2).all(|pair| pair[0] > pair[1] + 5),
            "{rows:?}"
        );
        assert!(rows[0] < HEIGHT && rows[3] < 20);
    }

    #[test]
    fn time_runs_to_the_right_and_width_is_bounded() {
        let silence_then_tone = mustool_audio::edit::concat(
            &Waveform::mono(vec![0.0; 16_000], 16_000).unwrap(),
            &sine(440.0, 1.0, 16_000),
        );
        let (width, pixels) = decode(&png(&silence_then_tone.unwrap()).unwrap());
        assert_eq!(width, 201);
        let column = |x: usize| {
            (0..HEIGHT)
                .map(|row| pixels[row * width + x])
                .max()
                .unwrap()
        };
        assert_eq!(column(40), 0);
        assert!(column(160) > 240, "{}", column(160));
        let long = Waveform::mono(vec![0.1; 16_000 * 90], 16_000).unwrap();
        let (width, _) = decode(&png(&long).unwrap());
        assert!((1_900..=MAX_WIDTH).contains(&width), "{width}");
    }

    #[test]
    fn silence_is_dark_and_nothing_is_a_picture_too() {
        for num_frames in [0, 1, 5_000] {
            let (_, pixels) =
                decode(&png(&Waveform::mono(vec![0.0; num_frames], 24_000).unwrap()).unwrap());
            assert!(pixels.iter().all(|&shade| shade == 0), "{num_frames}");
        }
    }

    #[test]
    fn colours_grow_lighter() {
        let palette = palette();
        assert_eq!(palette.len(), 768);
        assert_eq!(
            (&palette[..3], &palette[765..]),
            (&STOPS[0][..], &STOPS[5][..])
        );
        let light = |c: &[u8]| {
            0.2126 * f64::from(c[0]) + 0.7152 * f64::from(c[1]) + 0.0722 * f64::from(c[2])
        };
        let lights: Vec<f64> = palette.chunks(3).map(light).collect();
        assert!(lights.windows(2).all(|pair| pair[1] >= pair[0] - 0.8));
    }
}
