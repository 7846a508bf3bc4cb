//! Music for the hips: funk, disco, soul and gospel.

use super::{
    Drum::{Clap, ClosedHat, Cowbell, Kick, OpenHat, Ride, SideStick, Snare, Tambourine},
    Feel,
    Figure::{Answers, Block, Broken, GuideTones, Hold, Line, Strum, Tune},
    MeterKind,
    Role::{Bass, Comping, CounterMelody, Melody, Pad},
    Style, TuneFeel, TuneScale, Words,
    pop::POP,
    seat,
};
use crate::harmony::Dialect;

pub(super) const FUNK: Style = Style {
    name: "funk",
    tempo_bpm: (92.0, 122.0),
    other_meter: 0.0,
    dialect: Dialect::Funk,
    minor: 0.55,
    modal: 0.3,
    feel: Feel {
        swing: 0.12,
        swings_sixteenths: true,
        jitter_ms: 6.0,
        laid_back_ms: 5.0,
    },
    drums: 0.97,
    kits: &["drums"],
    grooves: &[
        &[
            (Kick, "x..x......x..x.."),
            (Snare, "....X..g.g..X..g"),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
            (OpenHat, "..............x."),
        ],
        &[
            (Kick, "x.x....x..x....."),
            (Snare, "....X..g.g.gX..."),
            (ClosedHat, "xoxoxoxoxoxoxoxo"),
        ],
        &[
            (Kick, "x.....x...x..x.."),
            (Snare, "....X.......X.g."),
            (ClosedHat, "x.xxx.xxx.xxx.x."),
            (Cowbell, "x...x...x...x..."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.98,
            &["slap bass", "bass guitar"],
            &[
                Line("R--R..o.R...7-8."),
                Line("R-.R..R.o-.R7-a-"),
                Line("R..o..R...5-7-o."),
            ],
        ),
        seat(
            Comping,
            0.98,
            &["electric guitar", "clavinet", "electric piano", "organ"],
            &[
                Block("X-..x..x..x.x-.."),
                Block("x-x...x-..x-..x."),
                Block("X---..x.x---..x."),
            ],
        ),
        seat(Pad, 0.25, &["organ", "synth strings"], &[Hold]),
        seat(
            Melody,
            0.6,
            &[
                "saxophone",
                "trumpet",
                "synth lead",
                "organ",
                "electric guitar",
            ],
            &[Tune],
        ),
        seat(CounterMelody, 0.5, &["brass", "synth brass"], &[Answers]),
    ],
    solos: &["clavinet", "electric piano"],
    tune: TuneFeel {
        scale: TuneScale::Blues,
        density: 1.6,
        syncopation: 0.6,
    },
    energy: 0.75,
    words: Words {
        names: &["funk groove", "funky jam", "funk music"],
        adjectives: &["funky", "tight", "syncopated", "groovy", "punchy"],
        scenes: &[
            "a block party",
            "a cooking show",
            "a heist scene",
            "a roller rink",
            "a dance floor",
        ],
        eras: &["70s", "80s", "vintage", "old-school"],
        bright: &["playful", "cool", "confident", "fun", "cheeky"],
        dark: &["gritty", "sly", "swaggering", "mysterious"],
    },
    ..POP
};

pub(super) const DISCO: Style = Style {
    name: "disco",
    tempo_bpm: (108.0, 128.0),
    other_meter: 0.0,
    dialect: Dialect::Funk,
    minor: 0.6,
    modal: 0.05,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 5.0,
        laid_back_ms: 2.0,
    },
    drums: 1.0,
    kits: &["drums"],
    grooves: &[
        &[
            (Kick, "x...x...x...x..."),
            (Snare, "....x.......x..."),
            (OpenHat, "..x...x...x...x."),
            (ClosedHat, "x...x...x...x..."),
        ],
        &[
            (Kick, "x...x...x...x..."),
            (Clap, "....x.......x..."),
            (OpenHat, "..x...x...x...x."),
            (ClosedHat, "xo.oxo.oxo.oxo.o"),
            (Tambourine, "o.o.o.o.o.o.o.o."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["bass guitar", "slap bass", "synth bass"],
            &[
                Line("R-8-R-8-R-8-R-8-"),
                Line("R-8-R-8-5-8-R-a-"),
                Line("R--RR-8-R--R7-8-"),
            ],
        ),
        seat(
            Comping,
            0.98,
            &["electric guitar", "electric piano", "piano", "clavinet"],
            &[
                Block("x-x...x-x-x...x."),
                Block("X---..x-x---..x-"),
                Strum("d-dud-dud-dud-du"),
            ],
        ),
        seat(Pad, 0.75, &["strings", "synth strings"], &[Hold]),
        seat(
            Melody,
            0.6,
            &["strings", "synth lead", "trumpet", "flute", "saxophone"],
            &[Tune],
        ),
        seat(
            CounterMelody,
            0.35,
            &["brass", "synth brass", "strings"],
            &[Answers, GuideTones],
        ),
    ],
    solos: &["electric piano"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.4,
        syncopation: 0.4,
    },
    energy: 0.75,
    words: Words {
        names: &["disco track", "disco groove", "nu-disco"],
        adjectives: &[
            "danceable",
            "glittering",
            "four-on-the-floor",
            "groovy",
            "lush",
        ],
        scenes: &[
            "a dance floor",
            "a roller disco",
            "a fashion show",
            "a wedding party",
            "a mirror-ball night",
        ],
        eras: &["70s", "retro", "late-70s", "vintage"],
        bright: &["joyful", "glamorous", "festive", "upbeat", "sparkling"],
        dark: &["seductive", "bittersweet", "nocturnal", "dramatic"],
    },
    ..POP
};

pub(super) const SOUL: Style = Style {
    name: "soul",
    tempo_bpm: (66.0, 104.0),
    other_meter: 0.25,
    dialect: Dialect::Soul,
    minor: 0.45,
    modal: 0.05,
    feel: Feel {
        swing: 0.3,
        swings_sixteenths: true,
        jitter_ms: 9.0,
        laid_back_ms: 10.0,
    },
    drums: 0.9,
    kits: &["drums"],
    grooves: &[
        &[
            (Kick, "x.....x..xx....."),
            (Snare, "....X.......X..."),
            (ClosedHat, "x.o.x.o.x.o.x.o."),
        ],
        &[
            (Kick, "x..x....x.x....."),
            (SideStick, "....x.......x..g"),
            (ClosedHat, "xoxoxoxoxoxoxoxo"),
        ],
        &[
            (Kick, "x.......x.x....."),
            (Snare, "X...X...X...X..."),
            (Tambourine, "....x.......x..."),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.95,
            &["bass guitar", "fretless bass"],
            &[
                Line("R-----R-5---R-a-"),
                Line("R--R..5-R-----a-"),
                Line("R-..R-..R-5-7-a-"),
            ],
        ),
        seat(
            Comping,
            0.95,
            &["electric piano", "organ", "electric guitar", "piano"],
            &[
                Block("x-----x---x-----"),
                Block("x-------x--x----"),
                Block("x---..x-x---..x-"),
            ],
        ),
        seat(Pad, 0.4, &["organ", "strings", "choir"], &[Hold]),
        seat(
            Melody,
            0.65,
            &[
                "saxophone",
                "trumpet",
                "electric guitar",
                "electric piano",
                "harmonica",
            ],
            &[Tune],
        ),
        seat(
            CounterMelody,
            0.4,
            &["brass", "saxophone"],
            &[Answers, GuideTones],
        ),
    ],
    solos: &["electric piano", "organ"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 1.2,
        syncopation: 0.5,
    },
    energy: 0.45,
    words: Words {
        names: &["R&B", "neo-soul", "soul music", "rhythm and blues"],
        adjectives: &["smooth", "soulful", "silky", "warm", "velvety"],
        scenes: &[
            "a late-night drive",
            "a dance in the dark",
            "a candlelit bar",
            "a Sunday morning",
            "a city rooftop",
        ],
        eras: &["60s", "70s", "90s", "modern", "vintage"],
        bright: &["warm", "romantic", "sensual", "content", "uplifting"],
        dark: &["yearning", "smoky", "moody", "heartfelt"],
    },
    ..POP
};

pub(super) const GOSPEL: Style = Style {
    name: "gospel",
    tempo_bpm: (52.0, 84.0),
    meter: MeterKind::SixEight,
    other_meter: 0.1,
    dialect: Dialect::Soul,
    minor: 0.15,
    modal: 0.0,
    feel: Feel {
        swing: 0.0,
        swings_sixteenths: false,
        jitter_ms: 9.0,
        laid_back_ms: 8.0,
    },
    drums: 0.75,
    kits: &["drums"],
    grooves: &[
        &[(Kick, "x....."), (Snare, "...X.."), (ClosedHat, "xooxoo")],
        &[
            (Kick, "x.......x.o."),
            (Snare, "......X....."),
            (Ride, "x.o.o.x.o.o."),
            (Tambourine, "......x....."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            0.95,
            &["bass guitar", "upright bass"],
            &[Line("R--5-a"), Line("R-RR-a"), Line("R--R--")],
        ),
        seat(
            Comping,
            0.98,
            &["organ", "piano", "piano"],
            &[
                Block("xooxoo"),
                Block("x-xx-x"),
                Block("x--x-o"),
                Broken("123432"),
            ],
        ),
        seat(Pad, 0.6, &["choir", "organ"], &[Hold]),
        seat(
            Melody,
            0.6,
            &["saxophone", "piano", "trumpet", "organ"],
            &[Tune],
        ),
        seat(CounterMelody, 0.3, &["choir", "brass"], &[GuideTones]),
    ],
    solos: &["piano", "organ"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 1.5,
        syncopation: 0.2,
    },
    energy: 0.5,
    words: Words {
        names: &["gospel music", "church song", "gospel ballad"],
        adjectives: &["soulful", "rolling", "heartfelt", "swaying", "rich"],
        scenes: &[
            "a Sunday service",
            "a church rehearsal",
            "a moment of thanks",
            "a family reunion",
        ],
        eras: &["60s", "traditional", "old-time", "classic"],
        bright: &["uplifting", "joyful", "grateful", "spiritual", "inspiring"],
        dark: &["solemn", "pleading", "reverent", "soul-searching"],
    },
};
