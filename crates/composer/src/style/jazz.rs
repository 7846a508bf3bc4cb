//! Jazz and its neighbours: swing, the jazz waltz, the jazz ballad and bossa nova.

use super::{
    Drum::{Cabasa, ClosedHat, Kick, PedalHat, Ride, SideStick, Snare},
    Feel,
    Figure::{Answers, Block, Broken, GuideTones, Hold, Line, Tune, Walk},
    MeterKind,
    Role::{Bass, Comping, CounterMelody, Melody, Pad},
    Style, TuneFeel, TuneScale, Words, seat,
};
use crate::harmony::Dialect;

pub(super) const SWING: Style = Style {
    name: "jazz swing",
    tempo_bpm: (112.0, 190.0),
    meter: MeterKind::Four,
    other_meter: 0.0,
    dialect: Dialect::Jazz,
    minor: 0.4,
    modal: 0.08,
    feel: Feel {
        swing: 0.9,
        swings_sixteenths: false,
        jitter_ms: 8.0,
        laid_back_ms: 6.0,
    },
    drums: 0.85,
    kits: &["brushed drums", "brushed drums", "drums"],
    grooves: &[
        &[
            (Ride, "x.xox.xo"),
            (PedalHat, "..x...x."),
            (Kick, "o.o.o.o."),
        ],
        &[
            (Ride, "X.xox.xo"),
            (PedalHat, "..x...x."),
            (Snare, "...g...o"),
            (Kick, "o...o..."),
        ],
        &[
            (Ride, "x.xox.x."),
            (PedalHat, "..x...x."),
            (SideStick, "......x."),
            (Kick, "o.o.o.o."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.97,
            &["upright bass"],
            &[Walk, Walk, Walk, Line("R---5---")],
        ),
        seat(
            Comping,
            0.97,
            &["piano", "piano", "jazz guitar", "organ", "vibraphone"],
            &[
                Block("x--x---."),
                Block("x-.x-.x-"),
                Block("x---.x--"),
                Block("x-x-x-x-"),
                Block("X--x-.x-"),
            ],
        ),
        seat(
            Melody,
            0.8,
            &[
                "saxophone",
                "trumpet",
                "muted trumpet",
                "clarinet",
                "piano",
                "jazz guitar",
                "vibraphone",
                "trombone",
                "flute",
            ],
            &[Tune],
        ),
        seat(
            CounterMelody,
            0.25,
            &["brass", "trombone", "saxophone"],
            &[Answers, GuideTones],
        ),
    ],
    solos: &["piano", "jazz guitar"],
    tune: TuneFeel {
        scale: TuneScale::Chromatic,
        density: 1.6,
        syncopation: 0.5,
    },
    energy: 0.55,
    words: Words {
        names: &["jazz", "swing", "swing jazz", "bebop", "small-combo jazz"],
        adjectives: &["swinging", "sophisticated", "lively", "smoky", "walking"],
        scenes: &[
            "a jazz club",
            "a cocktail bar",
            "a black-and-white film",
            "a dinner party",
            "a rainy city street",
        ],
        eras: &["40s", "50s", "60s", "vintage", "classic"],
        bright: &["playful", "upbeat", "witty", "charming", "carefree"],
        dark: &["cool", "smoky", "sly", "nocturnal", "bluesy"],
    },
};

pub(super) const JAZZ_WALTZ: Style = Style {
    name: "jazz waltz",
    tempo_bpm: (110.0, 180.0),
    meter: MeterKind::Three,
    grooves: &[
        &[(Ride, "x.xox."), (PedalHat, "..x..."), (Kick, "o.....")],
        &[
            (Ride, "x..ox."),
            (PedalHat, "..x.x."),
            (Snare, "...g.."),
            (Kick, "x....."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.97,
            &["upright bass"],
            &[Walk, Line("R-----|R---a-"), Line("R-5-3-"), Line("R---5-")],
        ),
        seat(
            Comping,
            0.97,
            &["piano", "jazz guitar", "vibraphone", "electric piano"],
            &[
                Block("x--x--"),
                Block("x---.x"),
                Block("x-x-x-"),
                Block("x-----|..x-x-"),
            ],
        ),
        seat(
            Melody,
            0.8,
            &[
                "saxophone",
                "flute",
                "piano",
                "jazz guitar",
                "clarinet",
                "violin",
                "soprano saxophone",
            ],
            &[Tune],
        ),
    ],
    words: Words {
        names: &["waltz-time jazz", "jazz in three"],
        adjectives: &["lilting", "swinging", "elegant", "light", "flowing"],
        scenes: &[
            "a jazz café",
            "an autumn stroll",
            "a Paris street",
            "a holiday film",
        ],
        eras: &["60s", "50s", "vintage", "classic"],
        bright: &["charming", "graceful", "playful", "breezy"],
        dark: &["wistful", "pensive", "cool", "nocturnal"],
    },
    ..SWING
};

pub(super) const JAZZ_BALLAD: Style = Style {
    name: "jazz ballad",
    tempo_bpm: (54.0, 78.0),
    feel: Feel {
        swing: 0.6,
        swings_sixteenths: false,
        jitter_ms: 12.0,
        laid_back_ms: 14.0,
    },
    drums: 0.6,
    kits: &["brushed drums"],
    grooves: &[
        &[
            (Ride, "o.xoo.xo"),
            (PedalHat, "..x...x."),
            (Kick, "o......."),
        ],
        &[
            (Snare, "g.o.g.o."),
            (PedalHat, "..x...x."),
            (Kick, "o...o..."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.9,
            &["upright bass"],
            &[Line("R---5---"), Line("R---R-5a"), Line("R-----a-")],
        ),
        seat(
            Comping,
            1.0,
            &["piano", "jazz guitar", "electric piano", "vibraphone"],
            &[
                Block("x-------"),
                Block("x---x---"),
                Block("x--x----"),
                Broken("1-234---"),
            ],
        ),
        seat(Pad, 0.25, &["strings"], &[Hold]),
        seat(
            Melody,
            0.85,
            &[
                "saxophone",
                "muted trumpet",
                "trumpet",
                "clarinet",
                "piano",
                "trombone",
                "violin",
            ],
            &[Tune],
        ),
    ],
    solos: &["piano", "jazz guitar"],
    tune: TuneFeel {
        scale: TuneScale::Chromatic,
        density: 1.2,
        syncopation: 0.35,
    },
    energy: 0.2,
    words: Words {
        names: &["slow jazz", "late-night jazz", "smooth jazz ballad"],
        adjectives: &["intimate", "brushed", "slow", "lush", "breathy"],
        scenes: &[
            "a hotel bar at closing time",
            "a candlelit dinner",
            "a noir film",
            "a quiet evening",
            "a rainy Sunday",
        ],
        eras: &["50s", "60s", "vintage", "timeless"],
        bright: &["romantic", "tender", "warm", "soothing"],
        dark: &["melancholic", "smoky", "lonely", "wistful", "sad"],
    },
    ..SWING
};

pub(super) const BOSSA_NOVA: Style = Style {
    name: "bossa nova",
    tempo_bpm: (92.0, 146.0),
    dialect: Dialect::Bossa,
    minor: 0.45,
    modal: 0.0,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 8.0,
        laid_back_ms: 4.0,
    },
    drums: 0.75,
    kits: &["brushed drums", "drums"],
    grooves: &[
        &[
            (Kick, "x..xx..xx..xx..x"),
            (SideStick, "x.....x.....x...|....x.....x....."),
            (ClosedHat, "o.o.o.o.o.o.o.o."),
        ],
        &[
            (Kick, "x..xx..xx..xx..x"),
            (SideStick, "x.....x.....x...|....x.....x....."),
            (Cabasa, "x.o.x.o.x.o.x.o."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.92,
            &["upright bass", "nylon guitar", "bass guitar"],
            &[
                Line("R-----5-5-----R-"),
                Line("R-----5-R-----5-"),
                Line("R-----R-5-----a-"),
            ],
        ),
        seat(
            Comping,
            1.0,
            &["nylon guitar", "nylon guitar", "piano", "electric piano"],
            &[
                Block("x--x--x---x--x--"),
                Block("x-----x---x-----|..x---x---x-----"),
                Block("x---x--x---x-x--"),
            ],
        ),
        seat(Pad, 0.3, &["strings", "synth pad"], &[Hold]),
        seat(
            Melody,
            0.75,
            &[
                "flute",
                "saxophone",
                "piano",
                "clarinet",
                "muted trumpet",
                "vibraphone",
                "nylon guitar",
                "trombone",
            ],
            &[Tune],
        ),
        seat(CounterMelody, 0.2, &["flute", "strings"], &[GuideTones]),
    ],
    solos: &["nylon guitar", "nylon guitar", "piano"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.1,
        syncopation: 0.55,
    },
    energy: 0.3,
    words: Words {
        names: &["bossa", "Brazilian jazz", "bossa nova tune"],
        adjectives: &["gentle", "swaying", "sophisticated", "soft", "breezy"],
        scenes: &[
            "a beach café",
            "a lounge",
            "a sunset in Rio",
            "a lazy afternoon",
            "an elevator",
            "a summer terrace",
        ],
        eras: &["60s", "vintage", "classic"],
        bright: &["relaxed", "sunny", "romantic", "easy-going", "tender"],
        dark: &["wistful", "bittersweet", "longing", "mellow"],
    },
    ..SWING
};
