//! Music of the dance floor, made with machines: house, techno, trance, drum and bass.

use super::{
    Drum::{Cabasa, Clap, ClosedHat, Kick, OpenHat, Ride, SideStick, Snare},
    Feel,
    Figure::{Block, Broken, Hold, Line, Tune},
    MeterKind,
    Role::{Arpeggio, Bass, Comping, Melody, Pad},
    Style, TuneFeel, TuneScale, Words, seat,
};
use crate::harmony::Dialect;

pub(super) const MACHINE: Feel = Feel {
    swing: 0.0,
    swings_sixteenths: true,
    jitter_ms: 1.0,
    laid_back_ms: 0.0,
};

pub(super) const HOUSE: Style = Style {
    name: "house",
    tempo_bpm: (118.0, 128.0),
    meter: MeterKind::Four,
    other_meter: 0.0,
    dialect: Dialect::Club,
    minor: 0.6,
    modal: 0.15,
    feel: Feel {
        swing: 0.2,
        ..MACHINE
    },
    drums: 1.0,
    kits: &["electronic drums", "electronic drums", "drums"],
    grooves: &[
        &[
            (Kick, "X...X...X...X..."),
            (Clap, "....x.......x..."),
            (OpenHat, "..x...x...x...x."),
            (ClosedHat, "o.o.o.o.o.o.o.oo"),
        ],
        &[
            (Kick, "X...X...X...X..."),
            (Clap, "....x.......x..x"),
            (ClosedHat, "..x...x...x..xx."),
            (Cabasa, "oooooooooooooooo"),
        ],
        &[
            (Kick, "X...X...X...X..."),
            (SideStick, "...x..x....x..x."),
            (Clap, "....x.......x..."),
            (OpenHat, "..x...x...x...x."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["synth bass", "synth bass", "bass guitar"],
            &[
                Line("R..R..R..R..R.7."),
                Line("R-R-..R-R-R-..a-"),
                Line("R.R...8.R.R...7."),
                Line("R---..R---R-..R-"),
            ],
        ),
        seat(
            Comping,
            0.95,
            &["piano", "electric piano", "organ", "synth brass"],
            &[
                Block("X-.x-.x-.x-.x-.."),
                Block("x--x--x-----x---"),
                Block("x-..x-..x--x..x-"),
            ],
        ),
        seat(
            Pad,
            0.55,
            &["synth pad", "strings", "synth strings", "choir"],
            &[Hold],
        ),
        seat(
            Arpeggio,
            0.35,
            &["synth lead", "marimba", "organ"],
            &[Broken("1.3.2.4.1.3.2.4."), Broken("12341234123412..")],
        ),
        seat(
            Melody,
            0.45,
            &["synth lead", "saxophone", "vibraphone", "flute"],
            &[Tune],
        ),
    ],
    solos: &["electric piano", "organ"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 1.3,
        syncopation: 0.5,
    },
    energy: 0.7,
    words: Words {
        names: &["deep house", "house track", "house music", "club house"],
        adjectives: &["groovy", "pumping", "four-on-the-floor", "looping", "deep"],
        scenes: &[
            "a club at midnight",
            "a rooftop party",
            "a fashion runway",
            "a pool party",
            "a warm-up set",
        ],
        eras: &["90s", "modern", "Chicago-style", "2010s"],
        bright: &["uplifting", "euphoric", "feel-good", "summery"],
        dark: &["deep", "hypnotic", "nocturnal", "moody"],
    },
};

pub(super) const TECHNO: Style = Style {
    name: "techno",
    tempo_bpm: (124.0, 142.0),
    dialect: Dialect::Club,
    minor: 0.85,
    modal: 0.2,
    feel: MACHINE,
    kits: &["electronic drums"],
    grooves: &[
        &[
            (Kick, "X...X...X...X..."),
            (ClosedHat, "..x...x...x...x."),
            (Clap, "....o.......o..."),
        ],
        &[
            (Kick, "X...X...X...X..."),
            (ClosedHat, "xoxoxoxoxoxoxoxo"),
            (OpenHat, "..x...x...x...x."),
            (SideStick, "...x......x..x.."),
        ],
        &[
            (Kick, "X...X...X...X.x."),
            (Ride, "..x...x...x...x."),
            (Clap, "....x.......x..."),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["synth bass"],
            &[
                Line("RRRRRRRRRRRRRRRR"),
                Line("R.RR.RR.R.RR.R8."),
                Line("..R-..R-..R-..R-"),
                Line("R..R..R.R..R..R."),
            ],
        ),
        seat(
            Comping,
            0.85,
            &["synth brass", "synth strings", "organ", "electric piano"],
            &[
                Block("X-.x-.x-.x-.x-.x"),
                Block("X---..x-..X-..x-"),
                Block("X--.....X--....."),
            ],
        ),
        seat(
            Arpeggio,
            0.6,
            &["synth lead", "synth brass", "clavinet", "marimba"],
            &[
                Broken("1231231231231234"),
                Broken("1.2.3.1.2.3.4.2."),
                Broken("4321432143214321"),
            ],
        ),
        seat(Pad, 0.6, &["synth pad", "choir", "synth strings"], &[Hold]),
        seat(Melody, 0.3, &["synth lead"], &[Tune]),
    ],
    solos: &["synth pad"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 1.4,
        syncopation: 0.4,
    },
    energy: 0.85,
    words: Words {
        names: &["techno track", "warehouse techno", "melodic techno"],
        adjectives: &[
            "driving",
            "mechanical",
            "pulsing",
            "repetitive",
            "industrial",
        ],
        scenes: &[
            "a dark warehouse",
            "a sunrise rave",
            "a night run",
            "a cyberpunk city",
            "a peak-time set",
        ],
        eras: &["90s", "modern", "Detroit-style", "Berlin-style"],
        bright: &["euphoric", "energetic", "trippy"],
        dark: &["dark", "hypnotic", "tense", "relentless", "cold"],
    },
    ..HOUSE
};

pub(super) const TRANCE: Style = Style {
    name: "trance",
    tempo_bpm: (132.0, 144.0),
    dialect: Dialect::Pop,
    minor: 0.8,
    modal: 0.05,
    feel: MACHINE,
    kits: &["electronic drums"],
    grooves: &[
        &[
            (Kick, "X...X...X...X..."),
            (Clap, "....x.......x..."),
            (OpenHat, "..x...x...x...x."),
        ],
        &[
            (Kick, "X...X...X...X..."),
            (Snare, "....x.......x..."),
            (OpenHat, "..x...x...x...x."),
            (ClosedHat, "xoxoxoxoxoxoxoxo"),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["synth bass"],
            &[
                Line("R.RRR.RRR.RRR.RR"),
                Line("..R-..R-..R-..R-"),
                Line("R-RRR-RRR-RRR-RR"),
            ],
        ),
        seat(
            Comping,
            0.7,
            &["synth brass", "synth strings"],
            &[Block("x--x--x-x--x--x-"), Block("x-x.x-x.x-x.x-x.")],
        ),
        seat(
            Arpeggio,
            0.85,
            &["synth lead", "synth brass", "harp", "marimba"],
            &[
                Broken("1234123412341234"),
                Broken("1323142413231424"),
                Broken("4.3.2.1.4.3.2.3."),
            ],
        ),
        seat(Pad, 0.9, &["synth pad", "synth strings", "choir"], &[Hold]),
        seat(
            Melody,
            0.55,
            &["synth lead", "synth lead", "piano", "bells"],
            &[Tune],
        ),
    ],
    solos: &["synth pad", "piano"],
    tune: TuneFeel {
        scale: TuneScale::Diatonic,
        density: 1.6,
        syncopation: 0.35,
    },
    words: Words {
        names: &["trance anthem", "uplifting trance", "trance track"],
        adjectives: &["soaring", "arpeggiated", "anthemic", "pulsing", "glossy"],
        scenes: &[
            "a festival main stage",
            "a sunrise on the beach",
            "a space flight",
            "a laser show",
        ],
        eras: &["late-90s", "2000s", "classic", "modern"],
        bright: &["euphoric", "uplifting", "ecstatic", "hopeful"],
        dark: &["emotional", "epic", "yearning", "mesmerising"],
    },
    ..HOUSE
};

pub(super) const DRUM_AND_BASS: Style = Style {
    name: "drum and bass",
    tempo_bpm: (165.0, 178.0),
    dialect: Dialect::Club,
    minor: 0.8,
    modal: 0.15,
    feel: Feel {
        jitter_ms: 2.0,
        ..MACHINE
    },
    kits: &["drums", "electronic drums"],
    grooves: &[
        &[
            (Kick, "X.........X....."),
            (Snare, "....X.......X..."),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
        ],
        &[
            (Kick, "X.x.......x....."),
            (Snare, "....X..g.g..X..g"),
            (ClosedHat, "x.x.x.x.x.x.x.x."),
            (Ride, "x...x...x...x..."),
        ],
        &[
            (Kick, "X.......x.x....."),
            (Snare, "....X..x....X.x."),
            (ClosedHat, "xoxoxoxoxoxoxoxo"),
        ],
    ],
    seats: &[
        seat(
            Bass,
            1.0,
            &["synth bass"],
            &[
                Line("R-----..R---..R-"),
                Line("R-------R-----8-"),
                Line("R---..R-..R-7---"),
            ],
        ),
        seat(
            Comping,
            0.7,
            &["electric piano", "piano", "organ"],
            &[
                Block("X-------x-------"),
                Block("x-----x---x-----"),
                Block("X-.....x-....x-."),
            ],
        ),
        seat(
            Arpeggio,
            0.4,
            &["vibraphone", "synth lead", "marimba"],
            &[Broken("1-2-3-4-3-2-4-3-"), Broken("1-3-2-4-1-3-2-4-")],
        ),
        seat(
            Pad,
            0.85,
            &["synth pad", "strings", "choir", "synth strings"],
            &[Hold],
        ),
        seat(Melody, 0.4, &["synth lead", "flute", "saxophone"], &[Tune]),
    ],
    solos: &["electric piano"],
    tune: TuneFeel {
        scale: TuneScale::Pentatonic,
        density: 0.9,
        syncopation: 0.4,
    },
    energy: 0.85,
    words: Words {
        names: &["drum'n'bass", "liquid drum and bass", "jungle", "dnb"],
        adjectives: &[
            "frantic",
            "rolling",
            "breakbeat-driven",
            "bass-heavy",
            "liquid",
        ],
        scenes: &[
            "a racing game",
            "a night bus ride",
            "a late rave",
            "an action sequence",
            "a skate edit",
        ],
        eras: &["90s", "modern", "2000s"],
        bright: &["uplifting", "energetic", "exhilarating", "breezy"],
        dark: &["dark", "atmospheric", "urgent", "futuristic"],
    },
    ..HOUSE
};
