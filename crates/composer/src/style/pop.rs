//! Songs of the charts: pop, indie and the ballad.

use super::{
    Drum::{Clap, ClosedHat, Kick, OpenHat, Ride, SideStick, Snare, Tambourine},
    Feel,
    Figure::{Answers, Block, Broken, GuideTones, Hold, Line, Strum, Tune},
    MeterKind,
    Role::{Arpeggio, Bass, Comping, CounterMelody, Melody, Pad},
    Style, TuneFeel, TuneScale, Words, seat,
};
use crate::harmony::Dialect;

pub(super) const POP: Style = Style {
    name: "pop",
    tempo_bpm: (84.0, 132.0),
    meter: MeterKind::Four,
    other_meter: 0.15,
    dialect: Dialect::Pop,
    minor: 0.42,
    modal: 0.04,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 5.0,
        laid_back_ms: 3.0,
    },
    drums: 0.92,
    kits: &["drums", "drums", "electronic drums"],
    grooves: &[
        &[
            (Kick, "x.......x.x....."),
            (Snare, "....X.......X..."),
            (ClosedHat, "x.o.x.o.x.o.x.o."),
        ],
        &[
            (Kick, "x.....x.x......."),
            (Snare, "....X.......X..."),
            (ClosedHat, "xoxoxoxoxoxoxoxo"),
        ],
        &[
            (Kick, "x...x...x...x..."),
            (Clap, "....x.......x..."),
            (ClosedHat, "..x...x...x...x."),
            (Tambourine, "o.o.o.o.o.o.o.o."),
        ],
        &[
            (Kick, "x..x..x...x....."),
            (Snare, "....X.......X..g"),
            (ClosedHat, "x.o.x.o.x.o.x..."),
            (OpenHat, "..............x."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.95,
            &["bass guitar", "bass guitar", "synth bass"],
            &[
                Line("R-R-R-R-R-R-R-a-"),
                Line("R-----R-R---5---"),
                Line("R--R--R-R---R-a-"),
                Line("R---R---R---R---"),
            ],
        ),
        seat(
            Comping,
            0.95,
            &[
                "piano",
                "electric piano",
                "acoustic guitar",
                "electric guitar",
            ],
            &[
                Block("X---x---x---x---"),
                Block("X-----x---x-----"),
                Block("X--x--x---x-x---"),
                Block("x-------x-------"),
            ],
        ),
        seat(
            Arpeggio,
            0.35,
            &["electric guitar", "synth pad", "marimba", "piano"],
            &[
                Broken("1-2-3-4-3-2-3-2-"),
                Broken("1-3-2-4-1-3-2-4-"),
                Broken("4-3-2-3-4-3-2-3-"),
            ],
        ),
        seat(
            Pad,
            0.45,
            &["strings", "synth pad", "synth strings", "choir"],
            &[Hold],
        ),
        seat(
            Melody,
            0.75,
            &[
                "synth lead",
                "piano",
                "electric guitar",
                "flute",
                "saxophone",
            ],
            &[Tune],
        ),
        seat(
            CounterMelody,
            0.25,
            &["strings", "synth lead", "glockenspiel"],
            &[GuideTones, Answers],
        ),
    ],
    solos: &["piano", "acoustic guitar", "electric piano"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.4,
        syncopation: 0.35,
    },
    energy: 0.6,
    words: Words {
        names: &["pop song", "radio pop", "pop music", "mainstream pop"],
        adjectives: &["catchy", "polished", "melodic", "hooky", "clean"],
        scenes: &[
            "a car ride",
            "a summer playlist",
            "a shop radio",
            "a phone commercial",
            "a makeover scene",
        ],
        eras: &["2010s", "modern", "90s", "chart"],
        bright: &[
            "cheerful",
            "happy",
            "feel-good",
            "carefree",
            "sunny",
            "optimistic",
        ],
        dark: &["wistful", "bittersweet", "longing", "emotional", "restless"],
    },
};

pub(super) const INDIE: Style = Style {
    name: "indie",
    tempo_bpm: (100.0, 150.0),
    dialect: Dialect::Pop,
    minor: 0.4,
    modal: 0.12,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 8.0,
        laid_back_ms: 4.0,
    },
    drums: 0.9,
    kits: &["drums"],
    grooves: &[
        &[
            (Kick, "x.....x.x.....x."),
            (Snare, "....X.......X..."),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
        ],
        &[
            (Kick, "x...x...x...x..."),
            (Snare, "....x.......x..."),
            (Tambourine, "x.o.x.o.x.o.x.o."),
        ],
        &[
            (Kick, "x.....x...x....."),
            (SideStick, "....x.......x..."),
            (Ride, "x.o.x.o.x.o.x.o."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.95,
            &["bass guitar"],
            &[
                Line("R-R-R-R-R-R-R-R-"),
                Line("R---R---5---R-a-"),
                Line("R--R--R---5-R-a-"),
            ],
        ),
        seat(
            Comping,
            0.95,
            &["electric guitar", "acoustic guitar"],
            &[
                Strum("d---d-u---u-d-u-"),
                Strum("d-d-d-d-d-d-dudu"),
                Strum("D---d-u-D-u-d-u-"),
            ],
        ),
        seat(
            Arpeggio,
            0.45,
            &["electric guitar", "glockenspiel", "music box"],
            &[Broken("1-3-2-4-3-4-2-3-"), Broken("4-3-2-3-4-3-1-3-")],
        ),
        seat(Pad, 0.3, &["synth pad", "organ", "accordion"], &[Hold]),
        seat(
            Melody,
            0.6,
            &[
                "electric guitar",
                "synth lead",
                "trumpet",
                "glockenspiel",
                "whistle",
            ],
            &[Tune],
        ),
    ],
    solos: &["acoustic guitar", "electric guitar"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 1.2,
        syncopation: 0.3,
    },
    energy: 0.6,
    words: Words {
        names: &["indie rock", "indie pop", "jangle pop"],
        adjectives: &["jangly", "dreamy", "warm", "homemade", "shimmering"],
        scenes: &[
            "a coming-of-age film",
            "a bedroom recording",
            "a festival afternoon",
            "a coffee shop",
            "a bike ride",
        ],
        eras: &["2000s", "2010s", "modern", "college-radio"],
        bright: &["hopeful", "carefree", "youthful", "quirky", "uplifting"],
        dark: &["nostalgic", "wistful", "introspective", "yearning"],
    },
    ..POP
};

pub(super) const BALLAD: Style = Style {
    name: "ballad",
    tempo_bpm: (54.0, 84.0),
    other_meter: 0.4,
    dialect: Dialect::Ballad,
    minor: 0.45,
    modal: 0.0,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 9.0,
        laid_back_ms: 6.0,
    },
    drums: 0.55,
    kits: &["drums"],
    grooves: &[
        &[
            (Kick, "x.........x....."),
            (SideStick, "........x......."),
            (ClosedHat, "x.o.x.o.x.o.x.o."),
        ],
        &[
            (Kick, "x.....x...x....."),
            (Snare, "....x.......x..."),
            (ClosedHat, "xgogxgogxgogxgog"),
        ],
        &[
            (Kick, "x..x......x....."),
            (Snare, "....x.......x..."),
            (Ride, "x.o.x.o.x.o.x.o."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.85,
            &["bass guitar", "fretless bass", "upright bass"],
            &[
                Line("R-------R-------"),
                Line("R-----5-R-----a-"),
                Line("R-----R-5-----a-"),
            ],
        ),
        seat(
            Comping,
            0.95,
            &["piano", "electric piano", "acoustic guitar", "nylon guitar"],
            &[
                Block("x---o---x---o---"),
                Broken("1-2-3-4-3-2-3-2-"),
                Broken("b-2-3-4-3-2-3-2-"),
                Block("x-------x-------"),
            ],
        ),
        seat(
            Pad,
            0.6,
            &["strings", "synth pad", "choir", "synth strings"],
            &[Hold],
        ),
        seat(
            Melody,
            0.75,
            &[
                "piano",
                "saxophone",
                "violin",
                "cello",
                "flute",
                "electric guitar",
                "oboe",
            ],
            &[Tune],
        ),
        seat(
            CounterMelody,
            0.35,
            &["cello", "french horn", "strings"],
            &[GuideTones],
        ),
    ],
    solos: &[
        "piano",
        "piano",
        "electric piano",
        "acoustic guitar",
        "nylon guitar",
    ],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 0.9,
        syncopation: 0.25,
    },
    energy: 0.3,
    words: Words {
        names: &["power ballad", "love song"],
        adjectives: &["tender", "unhurried", "heartfelt", "expressive", "gentle"],
        scenes: &[
            "a wedding dance",
            "a farewell scene",
            "end credits",
            "a candlelit dinner",
            "a rainy window",
        ],
        eras: &["80s", "90s", "classic", "modern"],
        bright: &["romantic", "warm", "touching", "hopeful", "sentimental"],
        dark: &["sad", "heartbroken", "melancholic", "mournful", "lonely"],
    },
    ..POP
};
