//! Roots music: blues, country, bluegrass, folk and Celtic dances.

use super::{
    Drum::{ClosedHat, FloorTom, Kick, Ride, SideStick, Snare, Tambourine},
    Feel,
    Figure::{Answers, Block, Broken, GuideTones, Hold, Line, Strum, Tune, Walk},
    MeterKind,
    Role::{Arpeggio, Bass, Comping, CounterMelody, Melody, Pad},
    Style, TuneFeel, TuneScale, Words, seat,
};
use crate::harmony::Dialect;

pub(super) const BLUES: Style = Style {
    name: "blues",
    tempo_bpm: (62.0, 132.0),
    meter: MeterKind::Four,
    other_meter: 0.0,
    dialect: Dialect::Blues,
    minor: 0.25,
    modal: 0.0,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 9.0,
        laid_back_ms: 7.0,
    },
    drums: 0.9,
    kits: &["drums"],
    grooves: &[
        &[
            (Kick, "x.....x....."),
            (Snare, "...X.....X.."),
            (ClosedHat, "x.xx.xx.xx.x"),
        ],
        &[
            (Kick, "x....xx....."),
            (Snare, "...X.....X.."),
            (Ride, "x.xx.xx.xx.x"),
        ],
        &[
            (Kick, "x.....x....."),
            (Snare, "...X....gX.."),
            (ClosedHat, "xooxooxooxoo"),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.95,
            &["bass guitar", "upright bass"],
            &[
                Line("R--3--5--7--"),
                Line("R-R3-R5-57-a"),
                Line("R-RR-R5-5R-a"),
                Walk,
            ],
        ),
        seat(
            Comping,
            0.97,
            &[
                "electric guitar",
                "piano",
                "organ",
                "acoustic guitar",
                "honky-tonk piano",
            ],
            &[
                Block("x-xx-xx-xx-x"),
                Block("X-.x-.X-.x-."),
                Block("x----x---x--"),
                Block("x-----x----x"),
            ],
        ),
        seat(Pad, 0.3, &["organ"], &[Hold]),
        seat(
            Melody,
            0.75,
            &[
                "electric guitar",
                "overdriven guitar",
                "harmonica",
                "saxophone",
                "piano",
            ],
            &[Tune],
        ),
        seat(CounterMelody, 0.2, &["brass", "organ"], &[Answers]),
    ],
    solos: &[
        "electric guitar",
        "acoustic guitar",
        "piano",
        "honky-tonk piano",
    ],
    tune: TuneFeel {
        scale: TuneScale::Blues,
        density: 1.3,
        syncopation: 0.4,
    },
    energy: 0.5,
    words: Words {
        names: &[
            "blues shuffle",
            "twelve-bar blues feel",
            "electric blues",
            "blues tune",
        ],
        adjectives: &["gritty", "soulful", "shuffling", "raw", "earthy"],
        scenes: &[
            "a roadside bar",
            "a smoky club",
            "a front porch",
            "a long highway",
            "a whiskey commercial",
        ],
        eras: &["50s", "60s", "old-time", "classic", "vintage"],
        bright: &["laid-back", "cool", "playful", "swaggering"],
        dark: &["mournful", "lonesome", "weary", "brooding", "sad"],
    },
};

pub(super) const COUNTRY: Style = Style {
    name: "country",
    tempo_bpm: (86.0, 136.0),
    other_meter: 0.25,
    dialect: Dialect::Folk,
    minor: 0.2,
    modal: 0.03,
    feel: Feel {
        swing: 0.1,
        swings_sixteenths: false,
        jitter_ms: 7.0,
        laid_back_ms: 3.0,
    },
    drums: 0.8,
    kits: &["drums", "brushed drums"],
    grooves: &[
        &[
            (Kick, "x.......x......."),
            (Snare, "....x.......x..."),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
        ],
        &[(Kick, "x...x...x...x..."), (Snare, "..x.x.xx..x.x.xx")],
        &[
            (Kick, "x.......x......."),
            (SideStick, "....x.......x..."),
            (Tambourine, "x.o.x.o.x.o.x.o."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.97,
            &["bass guitar", "upright bass"],
            &[
                Line("R-------5-------"),
                Line("R-------5---3-a-"),
                Line("R---R---5---5---"),
            ],
        ),
        seat(
            Comping,
            1.0,
            &[
                "acoustic guitar",
                "acoustic guitar",
                "electric guitar",
                "honky-tonk piano",
            ],
            &[
                Block("x---X---x---X---"),
                Strum("d---d-u-d---d-u-"),
                Strum("d---D-u---u-D-u-"),
            ],
        ),
        seat(
            Arpeggio,
            0.3,
            &["banjo", "electric guitar", "acoustic guitar"],
            &[Broken("1-2-3-2-4-2-3-2-"), Broken("1234123412341234")],
        ),
        seat(Pad, 0.15, &["organ", "strings"], &[Hold]),
        seat(
            Melody,
            0.75,
            &[
                "electric guitar",
                "fiddle",
                "harmonica",
                "acoustic guitar",
                "banjo",
                "piano",
            ],
            &[Tune],
        ),
    ],
    solos: &["acoustic guitar", "banjo"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 1.4,
        syncopation: 0.2,
    },
    energy: 0.5,
    words: Words {
        names: &["country song", "country music", "americana", "honky-tonk"],
        adjectives: &["twangy", "homespun", "warm", "rootsy", "easygoing"],
        scenes: &[
            "a dusty road",
            "a barn dance",
            "a pickup truck commercial",
            "a campfire",
            "a small-town story",
        ],
        eras: &["50s", "70s", "90s", "classic", "traditional"],
        bright: &[
            "cheerful",
            "warm",
            "good-natured",
            "heartwarming",
            "carefree",
        ],
        dark: &["lonesome", "wistful", "weary", "heartbroken"],
    },
    ..BLUES
};

pub(super) const BLUEGRASS: Style = Style {
    name: "bluegrass",
    tempo_bpm: (108.0, 160.0),
    dialect: Dialect::Folk,
    minor: 0.2,
    modal: 0.12,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 6.0,
        laid_back_ms: 0.0,
    },
    drums: 0.0,
    kits: &["brushed drums"],
    grooves: &[&[(Kick, "x.......x......."), (Snare, "....x.......x...")]],
    seats: &[
        seat(
            Bass,
            0.97,
            &["upright bass"],
            &[Line("R-------5-------"), Line("R-------5-----a-")],
        ),
        seat(
            Comping,
            1.0,
            &["acoustic guitar"],
            &[Block("x---X---x---X---"), Strum("d-d-D-dud-d-D-du")],
        ),
        seat(
            Arpeggio,
            0.85,
            &["banjo"],
            &[
                Broken("1324132413241324"),
                Broken("3124312432143214"),
                Broken("1-24132413-41324"),
            ],
        ),
        seat(
            Melody,
            0.8,
            &["fiddle", "fiddle", "banjo", "acoustic guitar"],
            &[Tune],
        ),
    ],
    solos: &["banjo", "acoustic guitar"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 2.2,
        syncopation: 0.1,
    },
    energy: 0.65,
    words: Words {
        names: &["bluegrass tune", "old-time string band", "mountain music"],
        adjectives: &["lively", "picking", "rustic", "fast-fingered", "acoustic"],
        scenes: &[
            "a barn dance",
            "a county fair",
            "a mountain hike",
            "a front-porch jam",
            "a road-chase comedy",
        ],
        eras: &["traditional", "old-time", "classic"],
        bright: &["joyful", "spirited", "fun", "energetic"],
        dark: &["lonesome", "restless", "yearning"],
    },
    ..BLUES
};

pub(super) const FOLK: Style = Style {
    name: "folk",
    tempo_bpm: (72.0, 124.0),
    other_meter: 0.45,
    dialect: Dialect::Folk,
    minor: 0.45,
    modal: 0.2,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 10.0,
        laid_back_ms: 3.0,
    },
    drums: 0.2,
    kits: &["brushed drums", "drums"],
    grooves: &[
        &[(Kick, "x.......x......."), (Tambourine, "....x.......x...")],
        &[(Kick, "x...x...x...x..."), (SideStick, "..o...o...o...o.")],
    ],
    seats: &[
        seat(
            Bass,
            0.5,
            &["upright bass", "bass guitar"],
            &[
                Line("R-------5-------"),
                Line("R-------R-------"),
                Line("R---5---R---a---"),
            ],
        ),
        seat(
            Comping,
            1.0,
            &["acoustic guitar", "nylon guitar"],
            &[
                Broken("b-3-f-2-b-4-f-3-"),
                Broken("b-2-3-4-3-2-3-2-"),
                Strum("d---d-u---u-d-u-"),
                Strum("d---d---d-u-d-u-"),
            ],
        ),
        seat(
            Arpeggio,
            0.2,
            &["harp", "dulcimer", "banjo"],
            &[Broken("1-2-3-4-3-2-3-4-")],
        ),
        seat(Pad, 0.2, &["accordion", "strings"], &[Hold]),
        seat(
            Melody,
            0.7,
            &[
                "flute",
                "harmonica",
                "violin",
                "recorder",
                "acoustic guitar",
                "clarinet",
                "accordion",
                "whistle",
            ],
            &[Tune],
        ),
        seat(CounterMelody, 0.2, &["cello", "viola"], &[GuideTones]),
    ],
    solos: &[
        "acoustic guitar",
        "nylon guitar",
        "dulcimer",
        "acoustic guitar",
    ],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.2,
        syncopation: 0.1,
    },
    energy: 0.3,
    words: Words {
        names: &["folk song", "acoustic folk", "folk music"],
        adjectives: &["fingerpicked", "organic", "simple", "warm", "rustic"],
        scenes: &[
            "a campfire",
            "a cabin in the woods",
            "a travel vlog",
            "an autumn walk",
            "a storyteller's evening",
        ],
        eras: &["60s", "70s", "traditional", "timeless"],
        bright: &["gentle", "hopeful", "peaceful", "tender", "innocent"],
        dark: &[
            "melancholic",
            "wistful",
            "nostalgic",
            "sombre",
            "reflective",
        ],
    },
    ..BLUES
};

pub(super) const CELTIC: Style = Style {
    name: "celtic",
    tempo_bpm: (88.0, 126.0),
    meter: MeterKind::SixEight,
    other_meter: 0.2,
    dialect: Dialect::Folk,
    minor: 0.35,
    modal: 0.45,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 7.0,
        laid_back_ms: 0.0,
    },
    drums: 0.35,
    kits: &["drums"],
    grooves: &[
        &[(Kick, "x..x.."), (Tambourine, "x.ox.o")],
        &[
            (Kick, "x..x.."),
            (FloorTom, "x.xx.x"),
            (SideStick, "..o..o"),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.55,
            &["upright bass"],
            &[Line("R--R--"), Line("R-----"), Line("R--5--")],
        ),
        seat(
            Comping,
            0.95,
            &["acoustic guitar", "harp", "accordion", "dulcimer"],
            &[
                Block("x-xx-x"),
                Block("x--x--"),
                Broken("123432"),
                Broken("b23b43"),
            ],
        ),
        seat(Pad, 0.25, &["strings", "accordion"], &[Hold]),
        seat(
            Melody,
            0.95,
            &[
                "fiddle",
                "flute",
                "whistle",
                "recorder",
                "bagpipe",
                "accordion",
            ],
            &[Tune],
        ),
        seat(CounterMelody, 0.25, &["fiddle", "flute"], &[GuideTones]),
    ],
    solos: &["harp", "acoustic guitar"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 2.6,
        syncopation: 0.0,
    },
    energy: 0.55,
    words: Words {
        names: &["Irish jig", "celtic folk", "jig", "Irish folk"],
        adjectives: &["lilting", "dancing", "rustic", "sprightly", "traditional"],
        scenes: &[
            "a pub session",
            "a medieval fair",
            "a fantasy village",
            "green hills",
            "a ceilidh",
        ],
        eras: &["traditional", "medieval", "old-time", "ancient"],
        bright: &["merry", "joyful", "spirited", "festive"],
        dark: &["mystical", "haunting", "wistful", "windswept"],
    },
};
