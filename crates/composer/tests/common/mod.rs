//! A soundfont built in memory: one looped tone for every program and every drum.

/// Appends a RIFF chunk.
fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = id.to_vec();
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    bytes.extend(vec![0; content.len() % 2]);
    bytes
}

fn list(id: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut content = id.to_vec();
    chunks.iter().for_each(|chunk| content.extend(chunk));
    chunk(b"LIST", &content)
}

fn name(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(20, 0);
    bytes
}

fn words(values: &[u16]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// A SoundFont 2 file whose only sample is `samples` at `rate`, looped, recorded at MIDI note 69.
pub(crate) fn soundfont(samples: &[i16], rate: u32) -> Vec<u8> {
    let preset = |title: &str, program: u16, bank: u16, bag: u16| {
        [name(title), words(&[program, bank, bag]), vec![0; 12]].concat()
    };
    let instrument = |title: &str, bag: u16| [name(title), words(&[bag])].concat();
    let len = samples.len() as u32;
    let mut header = name("tone");
    [0, len, 0, len, rate]
        .iter()
        .for_each(|value: &u32| header.extend(value.to_le_bytes()));
    header.extend([69, 0]);
    header.extend(words(&[0, 1]));
    let end_header = [name("EOS"), vec![0; 26]].concat();
    // Samples are followed by silence, as the standard asks.
    let sound: Vec<u8> = samples
        .iter()
        .chain(&[0; 64])
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let (instrument_link, sample_modes, sample_link) = (41, 54, 53);
    let info = [
        chunk(b"ifil", &words(&[2, 1])),
        chunk(b"isng", b"EMU8000\0"),
        chunk(b"INAM", b"test\0\0"),
    ];
    let presets = [
        preset("tone", 0, 0, 0),
        preset("kit", 0, 128, 1),
        preset("EOP", 0, 0, 2),
    ];
    let pdta = [
        chunk(b"phdr", &presets.concat()),
        chunk(b"pbag", &words(&[0, 0, 1, 0, 2, 0])),
        chunk(b"pmod", &[0; 10]),
        chunk(
            b"pgen",
            &words(&[instrument_link, 0, instrument_link, 0, 0, 0]),
        ),
        chunk(
            b"inst",
            &[instrument("tone", 0), instrument("EOI", 1)].concat(),
        ),
        chunk(b"ibag", &words(&[0, 0, 2, 0])),
        chunk(b"imod", &[0; 10]),
        chunk(b"igen", &words(&[sample_modes, 1, sample_link, 0, 0, 0])),
        chunk(b"shdr", &[header, end_header].concat()),
    ];
    let mut body = b"sfbk".to_vec();
    body.extend(list(b"INFO", &info));
    body.extend(list(b"sdta", &[chunk(b"smpl", &sound)]));
    body.extend(list(b"pdta", &pdta));
    chunk(b"RIFF", &body)
}

/// Whole periods of a sine, about a second long.
pub(crate) fn sine(frequency_hz: f64, rate: u32) -> Vec<i16> {
    let period = f64::from(rate) / frequency_hz;
    let len = (frequency_hz.floor() * period).round() as usize;
    let phase = |i: usize| std::f64::consts::TAU * i as f64 * frequency_hz.floor() / len as f64;
    (0..len)
        .map(|i| (16_000.0 * phase(i).sin()) as i16)
        .collect()
}
