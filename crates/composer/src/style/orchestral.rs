//! Music for many: the orchestra, the film and the parade.

use super::{
    Drum::{Crash, FloorTom, Kick, MidTom, Snare},
    Figure::{Answers, Block, Broken, GuideTones, Hold, Line, Tune},
    Role::{Arpeggio, Bass, Comping, CounterMelody, Melody, Pad},
    Style, TuneFeel, TuneScale, Words,
    classical::CLASSICAL,
    seat,
};
use crate::harmony::Dialect;

pub(super) const ORCHESTRAL: Style = Style {
    name: "orchestral",
    tempo_bpm: (66.0, 140.0),
    dialect: Dialect::Cinematic,
    minor: 0.5,
    modal: 0.1,
    drums: 0.3,
    kits: &["drums"],
    grooves: &[
        &[(FloorTom, "x...x...x...x.xx"), (Snare, "....o.......o.oo")],
        &[
            (FloorTom, "x.......x......."),
            (Crash, "x...............|................"),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.95,
            &["upright bass", "tuba"],
            &[
                Line("R-------R-------"),
                Line("R---R---R---R---"),
                Line("R-R-R-R-R-R-R-R-"),
            ],
        ),
        seat(
            Comping,
            0.85,
            &["strings", "pizzicato strings", "brass", "harp"],
            &[
                Block("x-x-x-x-x-x-x-x-"),
                Block("X---x---X---x---"),
                Block("x--x--x-x--x--x-"),
                Broken("1-2-3-4-3-2-3-2-"),
            ],
        ),
        seat(Pad, 0.85, &["strings", "choir", "brass"], &[Hold]),
        seat(
            Arpeggio,
            0.25,
            &["harp", "celesta"],
            &[Broken("1234321-1234321-"), Broken("1-2-3-4-3-2-3-2-")],
        ),
        seat(
            Melody,
            0.85,
            &[
                "french horn",
                "violin",
                "flute",
                "trumpet",
                "oboe",
                "cello",
                "clarinet",
                "strings",
                "piccolo",
            ],
            &[Tune],
        ),
        seat(
            CounterMelody,
            0.45,
            &[
                "cello",
                "french horn",
                "trombone",
                "english horn",
                "bassoon",
            ],
            &[GuideTones, Answers],
        ),
    ],
    solos: &["harp", "strings"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.0,
        syncopation: 0.05,
    },
    energy: 0.55,
    words: Words {
        names: &[
            "symphonic music",
            "orchestral piece",
            "full orchestra",
            "film-score style",
        ],
        adjectives: &["sweeping", "grand", "majestic", "lush", "colourful"],
        scenes: &[
            "a film score",
            "an adventure game",
            "a royal entrance",
            "a nature documentary",
            "an opening ceremony",
        ],
        eras: &[
            "romantic-era",
            "golden-age Hollywood",
            "modern",
            "late-romantic",
        ],
        bright: &["heroic", "triumphant", "noble", "uplifting", "adventurous"],
        dark: &["dramatic", "tragic", "ominous", "stormy", "solemn"],
    },
    ..CLASSICAL
};

pub(super) const CINEMATIC: Style = Style {
    name: "cinematic",
    tempo_bpm: (58.0, 122.0),
    minor: 0.75,
    modal: 0.1,
    other_meter: 0.4,
    drums: 0.45,
    grooves: &[
        &[(FloorTom, "X..x..x.X..x..x."), (MidTom, "....o.......o.oo")],
        &[(FloorTom, "X...x.x.X...x.xx"), (Kick, "x.......x.......")],
        &[(Kick, "X..............."), (FloorTom, "........x.....xx")],
    ],
    seats: &[
        seat(
            Bass,
            0.85,
            &["synth bass", "upright bass"],
            &[
                Line("R---------------"),
                Line("R-------R-------"),
                Line("R-R-R-R-R-R-R-R-"),
            ],
        ),
        seat(
            Comping,
            0.7,
            &["piano", "strings", "pizzicato strings", "electric piano"],
            &[
                Broken("1-2-3-2-1-2-3-2-"),
                Block("x-x-x-x-x-x-x-x-"),
                Block("x-------x-------"),
                Broken("1232123212321232"),
            ],
        ),
        seat(
            Pad,
            1.0,
            &["strings", "synth pad", "choir", "synth strings", "brass"],
            &[Hold],
        ),
        seat(
            Arpeggio,
            0.35,
            &["piano", "celesta", "harp", "synth strings"],
            &[Broken("1-3-2-3-4-3-2-3-"), Broken("4-3-2-1-4-3-2-1-")],
        ),
        seat(
            Melody,
            0.65,
            &[
                "cello",
                "piano",
                "violin",
                "french horn",
                "synth lead",
                "shakuhachi",
                "english horn",
            ],
            &[Tune],
        ),
        seat(
            CounterMelody,
            0.35,
            &["cello", "viola", "french horn"],
            &[GuideTones],
        ),
    ],
    solos: &["piano", "strings"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 0.7,
        syncopation: 0.1,
    },
    energy: 0.5,
    words: Words {
        names: &[
            "soundtrack",
            "film music",
            "trailer music",
            "cinematic score",
        ],
        adjectives: &["epic", "sweeping", "atmospheric", "building", "vast"],
        scenes: &[
            "a movie trailer",
            "a title sequence",
            "a space scene",
            "a drone shot over mountains",
            "a moment of truth",
        ],
        eras: &["modern", "contemporary", "2010s"],
        bright: &["inspiring", "hopeful", "triumphant", "wondrous"],
        dark: &[
            "suspenseful",
            "tense",
            "emotional",
            "sorrowful",
            "mysterious",
        ],
    },
    ..ORCHESTRAL
};

pub(super) const MARCH: Style = Style {
    name: "march",
    tempo_bpm: (102.0, 128.0),
    dialect: Dialect::Classical,
    minor: 0.2,
    modal: 0.0,
    other_meter: 0.2,
    drums: 0.95,
    kits: &["drums"],
    grooves: &[
        &[(Kick, "x.......x......."), (Snare, "x..xx.xxx..xx.xx")],
        &[
            (Kick, "x...x...x...x..."),
            (Snare, "..x...x...x.xxx."),
            (Crash, "x...............|................"),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["tuba", "upright bass"],
            &[Line("R-..5-..R-..5-.."), Line("R-..R-..5-..a-..")],
        ),
        seat(
            Comping,
            1.0,
            &["brass", "accordion", "piano"],
            &[Block("..x...x...x...x."), Block("x-x-x-x-x-x-x-x-")],
        ),
        seat(
            Melody,
            1.0,
            &["trumpet", "piccolo", "clarinet", "flute", "trombone"],
            &[Tune],
        ),
        seat(
            CounterMelody,
            0.55,
            &["trombone", "french horn", "saxophone"],
            &[GuideTones, Answers],
        ),
    ],
    solos: &["accordion", "piano"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.5,
        syncopation: 0.05,
    },
    energy: 0.7,
    words: Words {
        names: &[
            "marching band",
            "military march",
            "parade music",
            "brass band",
        ],
        adjectives: &["stately", "brassy", "strict", "proud", "pompous"],
        scenes: &[
            "a parade",
            "a graduation",
            "a circus",
            "a sports opening",
            "a toy-soldier cartoon",
        ],
        eras: &[
            "19th-century",
            "early-20th-century",
            "traditional",
            "old-fashioned",
        ],
        bright: &["patriotic", "festive", "proud", "jolly"],
        dark: &["stern", "solemn", "ominous", "grim"],
    },
    ..CLASSICAL
};
