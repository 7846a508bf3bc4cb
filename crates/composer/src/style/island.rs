//! Music of the Caribbean islands: reggae, ska and calypso.

use super::{
    Drum::{ClosedHat, Cowbell, Kick, Maracas, SideStick, Snare},
    Feel,
    Figure::{Answers, Block, Broken, GuideTones, Hold, Line, Tune},
    Role::{Arpeggio, Bass, Comping, CounterMelody, Melody, Pad},
    Style, TuneFeel, TuneScale, Words,
    pop::POP,
    seat,
    world::SALSA,
};
use crate::harmony::Dialect;

pub(super) const REGGAE: Style = Style {
    name: "reggae",
    tempo_bpm: (64.0, 92.0),
    other_meter: 0.0,
    dialect: Dialect::Reggae,
    minor: 0.45,
    modal: 0.1,
    feel: Feel {
        swing: 0.35,
        swings_sixteenths: true,
        jitter_ms: 8.0,
        laid_back_ms: 9.0,
    },
    drums: 0.97,
    kits: &["drums"],
    grooves: &[
        &[
            (Kick, "........x......."),
            (SideStick, "........x......."),
            (ClosedHat, "x.x.x.xox.x.x.xo"),
        ],
        &[
            (Kick, "x.......x......."),
            (SideStick, "....x.......x..."),
            (ClosedHat, "x.o.x.o.x.o.x.o."),
        ],
        &[
            (Kick, "x...x...x...x..."),
            (Snare, "........X......."),
            (ClosedHat, "x.xox.xox.xox.xo"),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["bass guitar", "synth bass"],
            &[
                Line("R---R-..5---3-R-"),
                Line("R-----R-..5-3-a-"),
                Line("R--R..3-5---R-.."),
            ],
        ),
        seat(
            Comping,
            1.0,
            &["electric guitar", "organ", "piano"],
            &[
                Block("..x---x...x---x."),
                Block("....X-......X-.."),
                Block("..x-..x-..x-..x-"),
            ],
        ),
        seat(Pad, 0.55, &["organ", "synth pad"], &[Hold]),
        seat(
            Melody,
            0.6,
            &[
                "trombone",
                "saxophone",
                "harmonica",
                "electric guitar",
                "trumpet",
                "organ",
            ],
            &[Tune],
        ),
        seat(
            Arpeggio,
            0.2,
            &["organ", "clavinet"],
            &[Broken("..2-..4-..3-..4-")],
        ),
    ],
    solos: &["organ"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 1.1,
        syncopation: 0.4,
    },
    energy: 0.45,
    words: Words {
        names: &["roots reggae", "reggae groove", "dub"],
        adjectives: &["laid-back", "bouncy", "offbeat", "skanking", "bass-heavy"],
        scenes: &[
            "a beach bar",
            "an afternoon in the sun",
            "a stroll home",
            "an island holiday",
        ],
        eras: &["70s", "classic", "roots", "80s"],
        bright: &["relaxed", "sunny", "peaceful", "easy-going", "positive"],
        dark: &["meditative", "smoky", "serious", "hypnotic"],
    },
    ..POP
};

pub(super) const SKA: Style = Style {
    name: "ska",
    tempo_bpm: (118.0, 170.0),
    other_meter: 0.0,
    dialect: Dialect::Reggae,
    minor: 0.3,
    modal: 0.0,
    feel: Feel {
        swing: 0.2,
        swings_sixteenths: false,
        jitter_ms: 7.0,
        laid_back_ms: 1.0,
    },
    drums: 1.0,
    kits: &["drums"],
    grooves: &[
        &[
            (Kick, "....x.......x..."),
            (Snare, "....X.......X..."),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
        ],
        &[
            (Kick, "x...x...x...x..."),
            (Snare, "....X.......X..."),
            (ClosedHat, "..X...X...X...X."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["bass guitar", "upright bass"],
            &[
                Line("R---3---5---a---"),
                Line("R---R---5---a---"),
                Line("R---5---8---5---"),
            ],
        ),
        seat(
            Comping,
            1.0,
            &["electric guitar", "piano", "organ"],
            &[Block("..x...x...x...x."), Block("x.X.x.X.x.X.x.X.")],
        ),
        seat(Pad, 0.45, &["organ"], &[Hold]),
        seat(Melody, 0.8, &["trumpet", "saxophone", "trombone"], &[Tune]),
        seat(
            CounterMelody,
            0.5,
            &["brass", "trombone"],
            &[Answers, GuideTones],
        ),
    ],
    solos: &["piano"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.5,
        syncopation: 0.35,
    },
    energy: 0.75,
    words: Words {
        names: &["ska tune", "two-tone ska", "ska music"],
        adjectives: &["bouncy", "offbeat", "brassy", "skanking", "lively"],
        scenes: &[
            "a street carnival",
            "a scooter ride",
            "a summer festival",
            "a cartoon chase",
        ],
        eras: &["60s", "80s", "vintage", "two-tone era"],
        bright: &["cheerful", "fun", "mischievous", "energetic"],
        dark: &["nervous", "sneaky", "rebellious", "edgy"],
    },
    ..POP
};

pub(super) const CALYPSO: Style = Style {
    name: "calypso",
    tempo_bpm: (96.0, 128.0),
    dialect: Dialect::Folk,
    minor: 0.08,
    modal: 0.0,
    feel: Feel {
        swing: 0.1,
        swings_sixteenths: true,
        jitter_ms: 7.0,
        laid_back_ms: 2.0,
    },
    drums: 0.9,
    grooves: &[
        &[
            (Kick, "x...x...x...x..."),
            (SideStick, "x..x..x.x..x..x."),
            (Maracas, "x.xxx.xxx.xxx.xx"),
        ],
        &[
            (Kick, "x.....x.x.....x."),
            (Snare, "...x..x....x..x."),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
            (Cowbell, "x...x...x...x..."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.97,
            &["bass guitar", "upright bass"],
            &[Line("R-----5-R---5---"), Line("R--3--5-R--3--5-")],
        ),
        seat(
            Comping,
            1.0,
            &["acoustic guitar", "nylon guitar", "marimba", "accordion"],
            &[
                Block("..x---x---x---x-"),
                Block("x..x..x-x..x..x-"),
                Block("x--x--x---x-x---"),
            ],
        ),
        seat(
            Arpeggio,
            0.3,
            &["marimba", "steel drums"],
            &[Broken("1-3-2-4-1-3-2-4-")],
        ),
        seat(
            Melody,
            0.95,
            &["steel drums", "steel drums", "flute", "trumpet", "marimba"],
            &[Tune],
        ),
        seat(CounterMelody, 0.2, &["trumpet", "brass"], &[Answers]),
    ],
    solos: &["steel drums", "marimba"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.6,
        syncopation: 0.45,
    },
    energy: 0.6,
    words: Words {
        names: &["Caribbean", "island music", "soca-style calypso"],
        adjectives: &["tropical", "bouncy", "light", "sunlit", "rhythmic"],
        scenes: &[
            "a beach holiday",
            "a cruise ship",
            "a cartoon island",
            "a cocktail by the pool",
        ],
        eras: &["50s", "traditional", "classic"],
        bright: &["cheerful", "carefree", "sunny", "happy", "playful"],
        dark: &["wistful", "lazy", "bittersweet"],
    },
    ..SALSA
};
