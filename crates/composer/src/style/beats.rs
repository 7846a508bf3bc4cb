//! Music made with machines for listening: synthwave, hip-hop, trap, lo-fi and ambient.

use super::{
    Drum::{Cabasa, Clap, ClosedHat, Kick, OpenHat, SideStick, Snare},
    Feel,
    Figure::{Answers, Block, Broken, Hold, Line, Tune},
    Role::{Arpeggio, Bass, Comping, CounterMelody, Melody, Pad},
    Style, TuneFeel, TuneScale, Words,
    electronic::{HOUSE, MACHINE},
    seat,
};
use crate::harmony::Dialect;

pub(super) const SYNTHWAVE: Style = Style {
    name: "synthwave",
    tempo_bpm: (82.0, 118.0),
    dialect: Dialect::Pop,
    minor: 0.75,
    modal: 0.1,
    feel: Feel {
        jitter_ms: 2.0,
        ..MACHINE
    },
    kits: &["electronic drums"],
    grooves: &[
        &[
            (Kick, "X...X...X...X..."),
            (Snare, "....X.......X..."),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
        ],
        &[
            (Kick, "X.......X.x....."),
            (Snare, "....X.......X..."),
            (ClosedHat, "xoxoxoxoxoxoxoxo"),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["synth bass"],
            &[
                Line("R-R-R-R-R-R-R-R-"),
                Line("RRRRRRRRRRRRRRRR"),
                Line("R-8-R-8-R-8-R-8-"),
            ],
        ),
        seat(
            Comping,
            0.7,
            &["synth brass", "synth strings", "electric piano"],
            &[
                Block("X-------x-------"),
                Block("X-----X---X-----"),
                Block("x-x-..x-x-x-..x-"),
            ],
        ),
        seat(
            Arpeggio,
            0.65,
            &["synth lead", "synth brass", "electric guitar"],
            &[
                Broken("1231231231231234"),
                Broken("1-2-3-4-3-2-3-2-"),
                Broken("1424342414243424"),
            ],
        ),
        seat(Pad, 0.9, &["synth pad", "synth strings", "choir"], &[Hold]),
        seat(
            Melody,
            0.65,
            &["synth lead", "saxophone", "electric guitar"],
            &[Tune],
        ),
    ],
    solos: &["synth pad", "electric piano"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.1,
        syncopation: 0.3,
    },
    energy: 0.6,
    words: Words {
        names: &["retrowave", "outrun", "80s synth-pop", "synthwave track"],
        adjectives: &["retro", "neon", "analog", "pulsing", "glossy"],
        scenes: &[
            "a night drive",
            "a neon city",
            "an arcade",
            "a sci-fi title sequence",
            "a training montage",
        ],
        eras: &["80s", "retro", "eighties"],
        bright: &["nostalgic", "triumphant", "dreamy", "heroic"],
        dark: &["nocturnal", "mysterious", "melancholic", "cool", "lonely"],
    },
    ..HOUSE
};

pub(super) const HIP_HOP: Style = Style {
    name: "hip-hop",
    tempo_bpm: (80.0, 102.0),
    dialect: Dialect::Loop,
    minor: 0.7,
    modal: 0.15,
    feel: Feel {
        swing: 0.35,
        swings_sixteenths: true,
        jitter_ms: 6.0,
        laid_back_ms: 9.0,
    },
    kits: &["drums", "electronic drums"],
    grooves: &[
        &[
            (Kick, "X......x..x....."),
            (Snare, "....X.......X..."),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
        ],
        &[
            (Kick, "X.x....x..x....."),
            (Snare, "....X.......X..g"),
            (ClosedHat, "x.xox.xox.xox.xo"),
        ],
        &[
            (Kick, "X.....x.xx......"),
            (Clap, "....X.......X..."),
            (ClosedHat, "x.x.x.xxx.x.x.x."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["synth bass", "bass guitar", "upright bass"],
            &[
                Line("R------R..R-----"),
                Line("R-----R-R---..a-"),
                Line("R--R......R--R.."),
            ],
        ),
        seat(
            Comping,
            0.9,
            &[
                "electric piano",
                "piano",
                "nylon guitar",
                "electric guitar",
                "vibraphone",
            ],
            &[
                Block("x---..x-x---..x-"),
                Block("X-------x-------"),
                Block("x--x--x-x--x----"),
                Broken("1-2-3-4-2-3-4-3-"),
            ],
        ),
        seat(Pad, 0.45, &["strings", "synth pad", "choir"], &[Hold]),
        seat(
            Melody,
            0.45,
            &["synth lead", "flute", "muted trumpet", "saxophone", "sitar"],
            &[Tune],
        ),
        seat(CounterMelody, 0.25, &["brass", "strings"], &[Answers]),
    ],
    solos: &["electric piano", "piano"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 1.0,
        syncopation: 0.5,
    },
    energy: 0.55,
    words: Words {
        names: &["boom bap", "hip-hop beat", "instrumental hip-hop"],
        adjectives: &[
            "head-nodding",
            "sampled-sounding",
            "punchy",
            "looping",
            "dusty",
        ],
        scenes: &[
            "a street scene",
            "a freestyle session",
            "a basketball game",
            "a late-night walk",
            "a graffiti film",
        ],
        eras: &["90s", "golden-age", "old-school", "modern"],
        bright: &["confident", "cool", "laid-back", "playful"],
        dark: &["gritty", "moody", "streetwise", "pensive"],
    },
    ..HOUSE
};

pub(super) const TRAP: Style = Style {
    name: "trap",
    tempo_bpm: (64.0, 82.0),
    dialect: Dialect::Loop,
    minor: 0.9,
    modal: 0.2,
    feel: Feel {
        jitter_ms: 2.0,
        ..MACHINE
    },
    kits: &["electronic drums"],
    grooves: &[
        &[
            (Kick, "X.....x...x....."),
            (Clap, "........X......."),
            (ClosedHat, "xxxxxxxxxxxxxxxx"),
        ],
        &[
            (Kick, "X..x......x..x.."),
            (Snare, "........X......."),
            (ClosedHat, "x.x.x.x.x.x.xxxx"),
            (OpenHat, "......x........."),
        ],
        &[
            (Kick, "X.......x.x....."),
            (Clap, "....X.......X..."),
            (ClosedHat, "xxxxxxoxxxoxxxxx"),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["synth bass"],
            &[
                Line("R-----..R-R-----"),
                Line("R--R------R--R--"),
                Line("R-------..R---8-"),
            ],
        ),
        seat(
            Comping,
            0.8,
            &["piano", "synth pad", "bells", "electric piano"],
            &[
                Block("x-------x-------"),
                Block("X---------x-----"),
                Broken("1-3-2-3-4-3-2-3-"),
            ],
        ),
        seat(
            Arpeggio,
            0.4,
            &["bells", "harp", "music box", "pizzicato strings"],
            &[Broken("1-2-3-2-4-3-2-3-"), Broken("4-3-1-2-4-3-1-2-")],
        ),
        seat(Pad, 0.65, &["strings", "choir", "synth pad"], &[Hold]),
        seat(
            Melody,
            0.5,
            &["flute", "synth lead", "bells", "pan flute"],
            &[Tune],
        ),
    ],
    solos: &["piano", "bells"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 1.6,
        syncopation: 0.35,
    },
    energy: 0.6,
    words: Words {
        names: &["trap beat", "southern hip-hop", "trap music"],
        adjectives: &["hard", "sparse", "booming", "rattling", "808-heavy"],
        scenes: &[
            "a gaming stream",
            "a gym session",
            "a music video",
            "a car with big speakers",
        ],
        eras: &["2010s", "modern", "contemporary"],
        bright: &["confident", "flashy", "swaggering"],
        dark: &["dark", "menacing", "cold", "eerie", "brooding"],
    },
    ..HOUSE
};

pub(super) const LO_FI: Style = Style {
    name: "lo-fi",
    tempo_bpm: (64.0, 90.0),
    other_meter: 0.15,
    dialect: Dialect::Soul,
    minor: 0.5,
    modal: 0.08,
    feel: Feel {
        swing: 0.45,
        swings_sixteenths: true,
        jitter_ms: 11.0,
        laid_back_ms: 14.0,
    },
    drums: 0.88,
    kits: &["drums", "electronic drums", "brushed drums"],
    grooves: &[
        &[
            (Kick, "x......x..x....."),
            (SideStick, "....x.......x..."),
            (ClosedHat, "o.o.o.o.o.o.o.o."),
        ],
        &[
            (Kick, "x.....x...x....."),
            (Snare, "....x.......x..g"),
            (ClosedHat, "x.o.x.oox.o.x.o."),
        ],
        &[
            (Kick, "x..x......x....."),
            (Snare, "....o.......o..."),
            (Cabasa, "oooooooooooooooo"),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.9,
            &["upright bass", "bass guitar", "synth bass"],
            &[
                Line("R------R--5-----"),
                Line("R-----5-R-----a-"),
                Line("R-------R---7---"),
            ],
        ),
        seat(
            Comping,
            1.0,
            &[
                "electric piano",
                "piano",
                "nylon guitar",
                "jazz guitar",
                "vibraphone",
            ],
            &[
                Block("x-------x--x----"),
                Block("x---..x-----..x-"),
                Block("x---------------"),
                Broken("1-2-3-4---3-2---"),
            ],
        ),
        seat(Pad, 0.4, &["synth pad", "strings", "choir"], &[Hold]),
        seat(
            Melody,
            0.55,
            &[
                "vibraphone",
                "piano",
                "muted trumpet",
                "flute",
                "saxophone",
                "music box",
                "kalimba",
                "jazz guitar",
            ],
            &[Tune],
        ),
    ],
    solos: &["electric piano", "piano", "nylon guitar", "jazz guitar"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 0.8,
        syncopation: 0.45,
    },
    energy: 0.25,
    words: Words {
        names: &["lofi", "lo-fi hip-hop", "chillhop", "lo-fi beats"],
        adjectives: &["mellow", "hazy", "soft", "dusty", "cozy"],
        scenes: &[
            "studying",
            "a rainy afternoon",
            "a late-night desk",
            "a quiet café",
            "journaling",
            "a sleepy train ride",
        ],
        eras: &["2010s", "modern", "tape-era"],
        bright: &["relaxed", "calm", "cozy", "dreamy", "gentle"],
        dark: &["nostalgic", "melancholic", "sleepy", "wistful", "lonely"],
    },
    ..HOUSE
};

pub(super) const AMBIENT: Style = Style {
    name: "ambient",
    tempo_bpm: (50.0, 86.0),
    other_meter: 0.35,
    dialect: Dialect::Ambient,
    minor: 0.5,
    modal: 0.3,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 12.0,
        laid_back_ms: 6.0,
    },
    drums: 0.06,
    kits: &["electronic drums"],
    grooves: &[
        &[(Kick, "x.........x....."), (Cabasa, "o.o.o.o.o.o.o.o.")],
        &[(Kick, "x..............."), (SideStick, "........o.......")],
    ],
    seats: &[
        seat(
            Bass,
            0.5,
            &["synth bass", "fretless bass"],
            &[Line("R---------------"), Line("R-------R-------")],
        ),
        seat(
            Pad,
            1.0,
            &["synth pad", "strings", "synth strings", "choir"],
            &[Hold],
        ),
        seat(
            Comping,
            0.35,
            &["piano", "electric piano", "vibraphone"],
            &[Block("x---------------"), Block("x-------o-------")],
        ),
        seat(
            Arpeggio,
            0.55,
            &[
                "harp",
                "piano",
                "kalimba",
                "music box",
                "electric guitar",
                "celesta",
                "marimba",
            ],
            &[
                Broken("1---2---3---4---"),
                Broken("1-2-3-4-3-2-1-2-"),
                Broken("1---3---2---4-3-"),
            ],
        ),
        seat(
            Melody,
            0.35,
            &[
                "flute",
                "synth lead",
                "shakuhachi",
                "piano",
                "pan flute",
                "cello",
            ],
            &[Tune],
        ),
    ],
    solos: &["synth pad", "piano", "harp", "kalimba"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 0.45,
        syncopation: 0.2,
    },
    energy: 0.1,
    words: Words {
        names: &["ambient music", "atmospheric music", "soundscape"],
        adjectives: &["spacious", "floating", "ethereal", "slow-moving", "airy"],
        scenes: &[
            "meditation",
            "a yoga class",
            "a starry night",
            "falling asleep",
            "a nature documentary",
            "a spa",
        ],
        eras: &["modern", "new-age", "timeless"],
        bright: &["peaceful", "serene", "calm", "dreamy", "weightless"],
        dark: &[
            "mysterious",
            "melancholic",
            "haunting",
            "lonely",
            "introspective",
        ],
    },
    ..HOUSE
};
