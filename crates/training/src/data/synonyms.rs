//! Other names for styles, instruments and tempi.
//!
//! The first of each row is the canonical name; any of the others may stand for it in a wording.

/// Styles of the composer.
pub(super) const STYLES: &[(&str, &[&str])] = &[
    (
        "jazz swing",
        &[
            "jazz",
            "swing",
            "swinging jazz",
            "straight-ahead jazz",
            "jazz combo",
        ],
    ),
    (
        "jazz waltz",
        &["jazz waltz", "waltzing jazz", "jazz in three"],
    ),
    (
        "jazz ballad",
        &["jazz ballad", "slow jazz", "late-night jazz"],
    ),
    ("hip-hop", &["hip-hop", "hip hop", "boom bap", "rap beat"]),
    (
        "lo-fi",
        &[
            "lo-fi",
            "lofi",
            "lo-fi hip hop",
            "lofi beats",
            "study beats",
        ],
    ),
    (
        "drum and bass",
        &["drum and bass", "dnb", "jungle-like drum and bass"],
    ),
    ("bossa nova", &["bossa nova", "bossa", "brazilian jazz"]),
    (
        "house",
        &["house", "house music", "deep house", "club house"],
    ),
    ("techno", &["techno", "club techno", "rave techno"]),
    ("trance", &["trance", "uplifting trance"]),
    (
        "synthwave",
        &["synthwave", "retrowave", "80s synth music", "outrun"],
    ),
    ("metal", &["metal", "heavy metal", "hard metal"]),
    ("punk", &["punk", "punk rock"]),
    ("indie", &["indie", "indie rock", "indie pop"]),
    ("pop", &["pop", "pop song", "chart pop"]),
    ("rock", &["rock", "rock music", "classic rock"]),
    ("ballad", &["ballad", "pop ballad"]),
    (
        "cinematic",
        &["cinematic", "film score", "soundtrack", "film music"],
    ),
    (
        "orchestral",
        &["orchestral", "symphonic", "orchestra music"],
    ),
    (
        "classical",
        &["classical", "classical music", "chamber music"],
    ),
    ("celtic", &["celtic", "irish folk", "irish trad"]),
    ("folk", &["folk", "acoustic folk"]),
    (
        "country",
        &["country", "country music", "nashville country"],
    ),
    ("salsa", &["salsa", "latin salsa", "latin dance music"]),
    ("samba", &["samba", "carnival samba"]),
    ("soul", &["soul", "soul music", "motown-like soul"]),
    ("funk", &["funk", "funky music"]),
    ("trap", &["trap", "trap beat"]),
    ("ambient", &["ambient", "ambient music", "soundscape"]),
    ("lullaby", &["lullaby", "cradle song"]),
    ("waltz", &["waltz", "viennese waltz"]),
    ("reggae", &["reggae", "roots reggae"]),
    ("calypso", &["calypso", "caribbean music"]),
];

/// Instruments as in [`mustool_music::INSTRUMENTS`].
pub(super) const INSTRUMENTS: &[(&str, &[&str])] = &[
    (
        "drums",
        &["drums", "acoustic drums", "a drum kit", "live drums"],
    ),
    (
        "electronic drums",
        &[
            "electronic drums",
            "a drum machine",
            "808 drums",
            "programmed drums",
        ],
    ),
    ("brushed drums", &["brushed drums", "brushes", "jazz drums"]),
    ("electric piano", &["electric piano", "rhodes", "e-piano"]),
    (
        "nylon guitar",
        &["nylon guitar", "classical guitar", "nylon-string guitar"],
    ),
    (
        "acoustic guitar",
        &["acoustic guitar", "steel-string guitar"],
    ),
    (
        "upright bass",
        &["upright bass", "double bass", "acoustic bass"],
    ),
    ("bass guitar", &["bass guitar", "electric bass", "bass"]),
    (
        "synth bass",
        &["synth bass", "analog bass", "synthesizer bass"],
    ),
    (
        "distorted guitar",
        &["distorted guitar", "heavy guitar", "distortion guitar"],
    ),
    ("strings", &["strings", "string section", "string ensemble"]),
    ("saxophone", &["saxophone", "sax"]),
    ("brass", &["brass", "brass section", "horns"]),
    ("synth pad", &["synth pad", "pads", "warm pad"]),
    ("synth lead", &["synth lead", "lead synth"]),
    ("choir", &["choir", "voices", "choir aahs"]),
    ("organ", &["organ", "hammond organ"]),
    ("vibraphone", &["vibraphone", "vibes"]),
    ("piano", &["piano", "grand piano", "acoustic piano"]),
    ("bells", &["bells", "tubular bells"]),
    ("fiddle", &["fiddle", "folk violin"]),
];

/// Words for tempi below each number of felt beats per minute.
pub(super) const TEMPO_WORDS: &[(f64, &[&str])] = &[
    (60.0, &["very slow", "largo", "slow"]),
    (76.0, &["slow", "adagio", "unhurried"]),
    (96.0, &["relaxed", "andante", "slowish", "laid-back"]),
    (
        116.0,
        &["mid-tempo", "moderate", "medium tempo", "moderato"],
    ),
    (140.0, &["upbeat", "lively", "allegro", "up-tempo"]),
    (168.0, &["fast", "energetic", "quick"]),
    (f64::INFINITY, &["very fast", "presto", "frantic"]),
];
