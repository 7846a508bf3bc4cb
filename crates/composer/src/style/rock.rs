//! Loud guitars: rock, punk and metal.

use super::{
    Drum::{ClosedHat, Crash, Kick, OpenHat, Ride, Snare},
    Feel,
    Figure::{Block, Broken, GuideTones, Hold, Line, Tune},
    Role::{Arpeggio, Bass, Comping, CounterMelody, Melody, Pad},
    Style, TuneFeel, TuneScale, Words,
    pop::POP,
    seat,
};
use crate::harmony::Dialect;

pub(super) const ROCK: Style = Style {
    name: "rock",
    tempo_bpm: (96.0, 152.0),
    other_meter: 0.12,
    dialect: Dialect::Rock,
    minor: 0.45,
    modal: 0.15,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 7.0,
        laid_back_ms: 2.0,
    },
    drums: 0.97,
    kits: &["drums"],
    grooves: &[
        &[
            (Kick, "x.......x.x....."),
            (Snare, "....X.......X..."),
            (ClosedHat, "X.x.X.x.X.x.X.x."),
        ],
        &[
            (Kick, "x.x.....x.x....."),
            (Snare, "....X.......X..."),
            (Ride, "X.x.X.x.X.x.X.x."),
        ],
        &[
            (Kick, "x..x....x.x..x.."),
            (Snare, "....X..g....X..."),
            (OpenHat, "x...x...x...x..."),
        ],
        &[
            (Kick, "x.....x.x.x....."),
            (Snare, "....X.......X.x."),
            (Crash, "x...x...x...x..."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.98,
            &["bass guitar"],
            &[
                Line("R-R-R-R-R-R-R-R-"),
                Line("R-R-R-R-R-5-R-a-"),
                Line("R---R-R-R---R-a-"),
            ],
        ),
        seat(
            Comping,
            0.98,
            &[
                "overdriven guitar",
                "electric guitar",
                "distorted guitar",
                "organ",
            ],
            &[
                Block("X---x-x-x---x-x-"),
                Block("X-----X-x-----x-"),
                Block("x-x-x-x-x-x-x-x-"),
                Block("X---------x-x---"),
            ],
        ),
        seat(
            Arpeggio,
            0.2,
            &["electric guitar", "acoustic guitar"],
            &[Broken("1-2-3-4-3-2-3-2-"), Broken("1-3-4-3-2-3-4-3-")],
        ),
        seat(Pad, 0.3, &["organ", "strings"], &[Hold]),
        seat(
            Melody,
            0.6,
            &[
                "overdriven guitar",
                "distorted guitar",
                "electric guitar",
                "synth lead",
            ],
            &[Tune],
        ),
    ],
    solos: &["electric guitar", "acoustic guitar"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 1.3,
        syncopation: 0.4,
    },
    energy: 0.8,
    words: Words {
        names: &["rock song", "rock music", "classic rock"],
        adjectives: &["driving", "gritty", "loud", "punchy", "riff-based", "raw"],
        scenes: &[
            "a road trip",
            "a stadium",
            "a garage rehearsal",
            "a sports montage",
            "a motorbike ride",
        ],
        eras: &["70s", "80s", "90s", "classic"],
        bright: &[
            "energetic",
            "triumphant",
            "confident",
            "rebellious",
            "exciting",
        ],
        dark: &["intense", "angry", "brooding", "defiant", "tense"],
    },
    ..POP
};

pub(super) const PUNK: Style = Style {
    name: "punk",
    tempo_bpm: (150.0, 190.0),
    dialect: Dialect::Rock,
    minor: 0.3,
    modal: 0.05,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 8.0,
        laid_back_ms: 0.0,
    },
    drums: 1.0,
    kits: &["drums"],
    grooves: &[
        &[
            (Kick, "x...x...x...x..."),
            (Snare, "..X...X...X...X."),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
        ],
        &[
            (Kick, "x.......x.x....."),
            (Snare, "....X.......X..."),
            (Crash, "x...x...x...x..."),
        ],
        &[
            (Kick, "x..x....x.x....."),
            (Snare, "....X.......X..."),
            (Ride, "x.x.x.x.x.x.x.x."),
        ],
    ],
    seats: &[
        seat(Bass, 1.0, &["bass guitar"], &[Line("R-R-R-R-R-R-R-R-")]),
        seat(
            Comping,
            1.0,
            &["distorted guitar", "overdriven guitar"],
            &[Block("x-x-x-x-x-x-x-x-"), Block("X---x-x-X---x-x-")],
        ),
        seat(
            Melody,
            0.45,
            &["overdriven guitar", "distorted guitar"],
            &[Tune],
        ),
    ],
    solos: &["overdriven guitar"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.3,
        syncopation: 0.2,
    },
    energy: 1.0,
    words: Words {
        names: &["punk rock", "pop punk", "skate punk"],
        adjectives: &["breakneck", "raw", "noisy", "hard-hitting", "no-frills"],
        scenes: &[
            "a skate video",
            "a basement show",
            "a mosh pit",
            "a teenage comedy",
        ],
        eras: &["70s", "90s", "old-school", "2000s"],
        bright: &["energetic", "rebellious", "reckless", "fun"],
        dark: &["angry", "frantic", "defiant", "aggressive"],
    },
    ..ROCK
};

pub(super) const METAL: Style = Style {
    name: "metal",
    tempo_bpm: (100.0, 180.0),
    dialect: Dialect::Metal,
    minor: 0.9,
    modal: 0.15,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 4.0,
        laid_back_ms: 0.0,
    },
    drums: 1.0,
    kits: &["drums"],
    grooves: &[
        &[
            (Kick, "x.xxx.xxx.xxx.xx"),
            (Snare, "....X.......X..."),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
        ],
        &[
            (Kick, "xxxxxxxxxxxxxxxx"),
            (Snare, "....X.......X..."),
            (Crash, "x...x...x...x..."),
        ],
        &[
            (Kick, "x..x..x.x..x..x."),
            (Snare, "........X......."),
            (Crash, "x...x...x...x..."),
        ],
        &[
            (Kick, "x...x...x...x..."),
            (Snare, "..X...X...X...X."),
            (Ride, "x.x.x.x.x.x.x.x."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["bass guitar"],
            &[
                Line("R-rrR-rrR-rrR-rr"),
                Line("R-R-R-R-R-R-R-R-"),
                Line("R--R--R-R--R--R-"),
            ],
        ),
        seat(
            Comping,
            1.0,
            &["distorted guitar"],
            &[
                Block("X-xxx-xxx-xxx-xx"),
                Block("X--x--x-X--x--x-"),
                Block("X---------x-x---"),
            ],
        ),
        seat(
            Arpeggio,
            0.25,
            &["electric guitar", "distorted guitar"],
            &[Broken("1-2-3-4-3-2-3-4-")],
        ),
        seat(Pad, 0.35, &["choir", "strings", "church organ"], &[Hold]),
        seat(
            Melody,
            0.65,
            &["distorted guitar", "overdriven guitar", "synth lead"],
            &[Tune],
        ),
        seat(CounterMelody, 0.2, &["distorted guitar"], &[GuideTones]),
    ],
    solos: &["distorted guitar"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 2.0,
        syncopation: 0.2,
    },
    energy: 1.0,
    words: Words {
        names: &["heavy metal", "metal riff", "thrash metal", "power metal"],
        adjectives: &["heavy", "thunderous", "distorted", "relentless", "crushing"],
        scenes: &[
            "a boss fight",
            "a workout",
            "a monster battle",
            "a racing game",
        ],
        eras: &["80s", "modern", "old-school"],
        bright: &["triumphant", "epic", "powerful"],
        dark: &[
            "aggressive",
            "dark",
            "menacing",
            "furious",
            "brutal",
            "ominous",
        ],
    },
    ..ROCK
};
