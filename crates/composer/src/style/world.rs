//! Dances of Latin America and Spain: salsa, samba, tango and flamenco.

use super::{
    Drum::{
        Cabasa, Clap, Claves, Cowbell, Guiro, HighAgogo, HighBongo, HighTimbale, Kick, LowAgogo,
        LowBongo, LowConga, Maracas, MuteConga, OpenConga, SideStick, Snare, Triangle,
    },
    Feel,
    Figure::{Answers, Block, Broken, GuideTones, Hold, Line, Strum, Tune},
    MeterKind,
    Role::{Bass, Comping, CounterMelody, Melody, Pad},
    Style, TuneFeel, TuneScale, Words, seat,
};
use crate::harmony::Dialect;

pub(super) const SALSA: Style = Style {
    name: "salsa",
    tempo_bpm: (84.0, 112.0),
    meter: MeterKind::Four,
    other_meter: 0.0,
    dialect: Dialect::Latin,
    minor: 0.65,
    modal: 0.1,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: true,
        jitter_ms: 6.0,
        laid_back_ms: 1.0,
    },
    drums: 1.0,
    kits: &["drums"],
    grooves: &[
        &[
            (Claves, "x..x..x...x.x..."),
            (MuteConga, "x.x...x.x.x...x."),
            (OpenConga, "....o.xx....o.xx"),
            (Cowbell, "x...x.x.x...x.x."),
            (Maracas, "x.xxx.xxx.xxx.xx"),
        ],
        &[
            (Kick, "...x..x....x..x."),
            (HighTimbale, "x.xxx.x.xx.xx.x."),
            (Claves, "..x.x...x..x..x."),
            (OpenConga, "......xx......xx"),
            (LowConga, "....x.......x..."),
        ],
        &[
            (HighBongo, "x.oxx.o.x.oxx.o."),
            (LowBongo, "......x.......x."),
            (Guiro, "x---x.x.x---x.x."),
            (Claves, "x..x..x...x.x..."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["upright bass", "bass guitar"],
            &[
                Line("R-....5-....8-.."),
                Line("R--...5-R-....5-"),
                Line("R-..5-..8-..5-.."),
            ],
        ),
        seat(
            Comping,
            1.0,
            &["piano", "piano", "electric piano"],
            &[
                Block("x-x-.xx-.xx-.xx-"),
                Block("x-.xx-.x-xx-.x-x"),
                Broken("1-34.3-41-34.3-4"),
            ],
        ),
        seat(Pad, 0.15, &["strings"], &[Hold]),
        seat(
            Melody,
            0.8,
            &["trumpet", "trombone", "flute", "saxophone", "piano"],
            &[Tune],
        ),
        seat(
            CounterMelody,
            0.55,
            &["brass", "trombone"],
            &[Answers, GuideTones],
        ),
    ],
    solos: &["piano"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.6,
        syncopation: 0.55,
    },
    energy: 0.75,
    words: Words {
        names: &["latin", "son cubano", "latin dance", "mambo"],
        adjectives: &["fiery", "syncopated", "percussive", "danceable", "brassy"],
        scenes: &[
            "a dance class",
            "a street carnival",
            "a Havana night",
            "a rooftop bar",
            "a wedding dance floor",
        ],
        eras: &["50s", "70s", "classic", "vintage"],
        bright: &["festive", "joyful", "hot", "exuberant"],
        dark: &["passionate", "sultry", "dramatic", "proud"],
    },
};

pub(super) const SAMBA: Style = Style {
    name: "samba",
    tempo_bpm: (92.0, 124.0),
    dialect: Dialect::Bossa,
    minor: 0.35,
    modal: 0.0,
    grooves: &[
        &[
            (Kick, "x..xx..xx..xx..x"),
            (Snare, "xgxxgxgxxgxxgxgx"),
            (HighAgogo, "x.x.....x.x....."),
            (LowAgogo, "....x.x.....x.x."),
        ],
        &[
            (Kick, "x..xx..xx..xx..x"),
            (SideStick, "x.x..x.x.x.x..x."),
            (Cabasa, "xoxoxoxoxoxoxoxo"),
            (Triangle, "..x...x...x...x."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.97,
            &["bass guitar", "upright bass"],
            &[
                Line("R--RR--R5--55--5"),
                Line("R--55--5R--55--a"),
                Line("R-----5-R-----5-"),
            ],
        ),
        seat(
            Comping,
            1.0,
            &["nylon guitar", "nylon guitar", "piano", "electric piano"],
            &[
                Block("x-x..x-x.x-x..x-"),
                Block("x..x-.x-.x-x.x-."),
                Strum("d-udd-udd-udd-ud"),
            ],
        ),
        seat(
            Melody,
            0.75,
            &[
                "flute",
                "trombone",
                "clarinet",
                "whistle",
                "accordion",
                "trumpet",
            ],
            &[Tune],
        ),
        seat(CounterMelody, 0.3, &["brass", "flute"], &[Answers]),
    ],
    solos: &["nylon guitar"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.6,
        syncopation: 0.5,
    },
    energy: 0.75,
    words: Words {
        names: &["Brazilian samba", "samba groove", "carnival samba"],
        adjectives: &["percussive", "bustling", "rhythmic", "swaying", "lively"],
        scenes: &[
            "a carnival parade",
            "a football celebration",
            "a beach party",
            "a travel show",
        ],
        eras: &["traditional", "60s", "classic"],
        bright: &["joyful", "festive", "sunny", "exuberant"],
        dark: &["bittersweet", "passionate", "longing"],
    },
    ..SALSA
};

pub(super) const TANGO: Style = Style {
    name: "tango",
    tempo_bpm: (104.0, 132.0),
    dialect: Dialect::Tango,
    minor: 0.9,
    modal: 0.0,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: true,
        jitter_ms: 9.0,
        laid_back_ms: 0.0,
    },
    drums: 0.0,
    grooves: &[&[(SideStick, "x...x...x...x...")]],
    seats: &[
        seat(
            Bass,
            0.95,
            &["upright bass"],
            &[
                Line("R-..R-..R-..R-a-"),
                Line("R-----R-R---R---"),
                Line("R-..5-..R-..5-.."),
            ],
        ),
        seat(
            Comping,
            1.0,
            &["bandoneon", "piano", "accordion", "piano"],
            &[
                Block("X-..X-..X-..X-.."),
                Block("X-----x-X---X---"),
                Block("X--x--x-X--x--x-"),
            ],
        ),
        seat(Pad, 0.3, &["strings"], &[Hold]),
        seat(
            Melody,
            0.95,
            &[
                "violin",
                "bandoneon",
                "accordion",
                "piano",
                "cello",
                "clarinet",
            ],
            &[Tune],
        ),
        seat(
            CounterMelody,
            0.35,
            &["violin", "cello", "strings"],
            &[GuideTones, Answers],
        ),
    ],
    solos: &["bandoneon", "accordion", "piano"],
    tune: TuneFeel {
        scale: TuneScale::Chromatic,
        density: 1.4,
        syncopation: 0.3,
    },
    energy: 0.55,
    words: Words {
        names: &["Argentine tango", "tango dance", "milonga"],
        adjectives: &["dramatic", "staccato", "theatrical", "elegant", "sharp"],
        scenes: &[
            "a tango hall",
            "a stage duel",
            "a smoky Buenos Aires bar",
            "a dramatic dance scene",
        ],
        eras: &["30s", "golden-age", "traditional", "vintage"],
        bright: &["flirtatious", "proud", "elegant"],
        dark: &[
            "passionate",
            "dramatic",
            "intense",
            "melancholic",
            "seductive",
        ],
    },
    ..SALSA
};

pub(super) const FLAMENCO: Style = Style {
    name: "flamenco",
    tempo_bpm: (92.0, 128.0),
    other_meter: 0.35,
    dialect: Dialect::Flamenco,
    minor: 0.95,
    modal: 0.25,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: true,
        jitter_ms: 9.0,
        laid_back_ms: 0.0,
    },
    drums: 0.35,
    grooves: &[
        &[
            (Clap, "x..x..x.x..x..x."),
            (Kick, "x.......x......."),
            (SideStick, "....x.......x..."),
        ],
        &[
            (Clap, "..x...x...x.x.x."),
            (Kick, "x.......x......."),
            (LowBongo, "....x..x....x..x"),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.5,
            &["upright bass", "bass guitar"],
            &[Line("R---..R-R---5-a-"), Line("R-----R-5-----R-")],
        ),
        seat(
            Comping,
            1.0,
            &["nylon guitar"],
            &[
                Strum("D--dududD--dudud"),
                Strum("D--d-uD-D--d-udu"),
                Broken("b-234323b-234323"),
                Broken("b23432b23432b234"),
            ],
        ),
        seat(
            Melody,
            0.8,
            &["nylon guitar", "nylon guitar", "flute", "violin"],
            &[Tune],
        ),
    ],
    solos: &["nylon guitar", "nylon guitar", "nylon guitar"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 2.4,
        syncopation: 0.2,
    },
    energy: 0.65,
    words: Words {
        names: &["Spanish guitar", "rumba flamenca", "Spanish flamenco"],
        adjectives: &["fiery", "rhythmic", "strummed", "virtuosic", "percussive"],
        scenes: &[
            "an Andalusian courtyard",
            "a tapas bar",
            "a desert ride",
            "a dance performance",
        ],
        eras: &["traditional", "classic", "timeless"],
        bright: &["spirited", "proud", "festive"],
        dark: &["passionate", "fierce", "mysterious", "dramatic"],
    },
    ..SALSA
};
