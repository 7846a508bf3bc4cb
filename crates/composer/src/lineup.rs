//! Who plays what: instruments take seats in the band of a style.

use crate::instrument::{Instrument, Nature};
use crate::rng::Rng;
use crate::style::{Figure, MeterKind, Role, Seat, Style};

/// A player.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chair {
    pub(crate) role: Role,
    pub(crate) instrument: &'static Instrument,
    pub(crate) program: u8,
    pub(crate) figure: Figure,
    /// The metre in which the figure is written.
    pub(crate) written: MeterKind,
}

/// How many players a piece has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ensemble {
    /// One instrument, with chords and often a tune, or with a tune alone.
    Solo,
    /// Two or three.
    Small,
    /// The style's band.
    Full,
    /// The drummer alone.
    DrumsOnly,
}

/// Chooses instruments for an ensemble in a style.
pub(crate) fn choose(style: &Style, ensemble: Ensemble, rng: &mut Rng) -> Vec<&'static Instrument> {
    let mut names: Vec<&'static str> = Vec::new();
    let add = |names: &mut Vec<&'static str>, seat: &Seat, rng: &mut Rng| {
        let name = rng.pick(seat.instruments);
        if !names.contains(&name) {
            names.push(name);
        }
    };
    match ensemble {
        Ensemble::DrumsOnly => names.push(rng.pick(style.kits)),
        Ensemble::Solo => {
            let sings =
                |name: &&str| Instrument::named(name).is_some_and(|it| it.nature == Nature::Solo);
            let tunes = style.seats.iter().filter(|seat| seat.role == Role::Melody);
            let singers: Vec<&'static str> = tunes
                .flat_map(|seat| seat.instruments.iter().copied())
                .filter(sings)
                .collect();
            if !singers.is_empty() && rng.chance(0.3) {
                names.push(rng.pick(&singers));
            } else {
                names.push(rng.pick(style.solos));
            }
        }
        Ensemble::Small => {
            let chordal: Vec<&Seat> = style
                .seats
                .iter()
                .filter(|seat| states_chords(seat.role))
                .collect();
            let others: Vec<&Seat> = style
                .seats
                .iter()
                .filter(|seat| matches!(seat.role, Role::Bass | Role::Melody | Role::CounterMelody))
                .collect();
            add(&mut names, weighted_seat(&chordal, rng), rng);
            let partner = weighted_seat(&others, rng);
            add(&mut names, partner, rng);
            let third: Vec<&Seat> = others
                .into_iter()
                .filter(|seat| seat.role != partner.role)
                .collect();
            if rng.chance(0.5) {
                if rng.chance(0.3 * style.drums) {
                    names.push(rng.pick(style.kits));
                } else {
                    add(&mut names, weighted_seat(&third, rng), rng);
                }
            }
        }
        Ensemble::Full => {
            if rng.chance(style.drums) {
                names.push(rng.pick(style.kits));
            }
            for seat in style.seats {
                if names.len() < 6 && rng.chance(seat.chance) {
                    add(&mut names, seat, rng);
                }
            }
            let has_chords = |names: &[&str]| {
                let states = |seat: &&Seat| states_chords(seat.role);
                let seats = style.seats.iter().filter(states);
                seats
                    .flat_map(|seat| seat.instruments)
                    .any(|name| names.contains(name))
            };
            if !has_chords(&names)
                && let Some(seat) = style.seats.iter().find(|seat| states_chords(seat.role))
            {
                add(&mut names, seat, rng);
            }
        }
    }
    names.into_iter().filter_map(Instrument::named).collect()
}

fn states_chords(role: Role) -> bool {
    matches!(role, Role::Comping | Role::Pad)
}

fn weighted_seat<'a>(seats: &[&'a Seat], rng: &mut Rng) -> &'a Seat {
    let weights: Vec<f64> = seats.iter().map(|seat| seat.chance).collect();
    seats[rng.weighted(&weights)]
}

/// Gives every instrument its part; one instrument alone plays several.
pub(crate) fn seat(
    style: &'static Style,
    instruments: &[&'static Instrument],
    meter: MeterKind,
    rng: &mut Rng,
) -> Vec<Chair> {
    let mut chairs: Vec<Chair> = Vec::new();
    for &instrument in instruments {
        let taken: Vec<Role> = chairs.iter().map(|chair| chair.role).collect();
        let role = role_of(style, instrument, &taken, rng);
        chairs.push(chair(style, role, instrument, meter, rng));
    }
    let pitched = |chair: &&Chair| chair.role != Role::Drums;
    if chairs.iter().filter(pitched).count() == 1 {
        alone(style, &mut chairs, meter, rng);
    }
    let has_bass = chairs.iter().any(|chair| chair.role == Role::Bass);
    let low_chords = chairs
        .iter()
        .find(|chair| chair.instrument.plays_chords() && chair.instrument.low <= 45)
        .copied();
    if let (false, Some(left_hand)) = (has_bass, low_chords) {
        let fingers = left_hand.role == Role::Comping && !left_hand.instrument.strings.is_empty();
        if !fingers {
            let figure = left_hand_figure(left_hand.instrument, meter, rng);
            chairs.push(Chair {
                role: Role::Bass,
                figure,
                written: meter,
                ..left_hand
            });
        }
    }
    chairs
}

/// The seat of the style that this instrument usually takes and that is free; else by its nature.
fn role_of(style: &Style, instrument: &Instrument, taken: &[Role], rng: &mut Rng) -> Role {
    let seats: Vec<&Seat> = style
        .seats
        .iter()
        .filter(|seat| seat.instruments.contains(&instrument.name) && !taken.contains(&seat.role))
        .collect();
    let chords_missing = !taken.iter().any(|&role| states_chords(role));
    if chords_missing && let Some(seat) = seats.iter().find(|seat| states_chords(seat.role)) {
        return seat.role;
    }
    if !seats.is_empty() {
        return weighted_seat(&seats, rng).role;
    }
    let free = |wanted: &[Role]| wanted.iter().copied().find(|role| !taken.contains(role));
    let by_nature = match instrument.nature {
        Nature::Drums => Some(Role::Drums),
        Nature::Bass => Some(Role::Bass),
        Nature::Solo => free(&[Role::Melody, Role::CounterMelody]),
        Nature::Struck => free(&[Role::Comping, Role::Arpeggio, Role::Melody]),
        Nature::Held => free(&[Role::Pad, Role::Comping, Role::CounterMelody]),
    };
    by_nature.unwrap_or(Role::CounterMelody)
}

fn chair(
    style: &'static Style,
    role: Role,
    instrument: &'static Instrument,
    meter: MeterKind,
    rng: &mut Rng,
) -> Chair {
    let any_program = rng.pick(instrument.programs);
    let own: Vec<Figure> = style
        .seats
        .iter()
        .filter(|seat| seat.role == role)
        .flat_map(|seat| seat.figures.iter().copied())
        .filter(|figure| playable(*figure, instrument))
        .collect();
    let figure = if meter == style.meter && !own.is_empty() {
        rng.pick(&own)
    } else {
        generic(role, instrument, meter, &own, rng)
    };
    // Struck chords want the quickest of the held sounds, which is listed first.
    let quick = role == Role::Comping && !matches!(figure, Figure::Hold);
    let program = match instrument.nature {
        Nature::Held if quick => instrument.programs[0],
        _ => any_program,
    };
    Chair {
        role,
        instrument,
        program,
        figure,
        written: meter,
    }
}

fn playable(figure: Figure, instrument: &Instrument) -> bool {
    match figure {
        Figure::Strum(_) => !instrument.strings.is_empty(),
        Figure::Broken(pattern) if pattern.contains(['b', 'f']) => instrument.low <= 50,
        _ => true,
    }
}

const FOUR: [&[Figure]; 4] = [
    &[
        Figure::Line("R-------R-------"),
        Figure::Line("R---R---5---R-a-"),
    ],
    &[
        Figure::Block("x-------x-------"),
        Figure::Block("x---x---x---x---"),
    ],
    &[
        Figure::Strum("d---d-u---u-d-u-"),
        Figure::Strum("d---d---d-u-d-u-"),
    ],
    &[
        Figure::Broken("1-2-3-4-3-2-3-2-"),
        Figure::Broken("1-3-2-3-1-3-2-3-"),
    ],
];
const THREE: [&[Figure]; 4] = [
    &[
        Figure::Line("R-----"),
        Figure::Line("R---a-"),
        Figure::Line("R-----|5---a-"),
    ],
    &[
        Figure::Block("x-x-x-"),
        Figure::Block("x---x-"),
        Figure::Block("x-----"),
        Figure::Block("..x-x-"),
    ],
    &[
        Figure::Strum("d-d-d-"),
        Figure::Strum("d-dud-"),
        Figure::Strum("D-d-du"),
    ],
    &[
        Figure::Broken("123432"),
        Figure::Broken("1-2-3-"),
        Figure::Broken("1-3-2-"),
    ],
];
const SIX_EIGHT: [&[Figure]; 4] = [
    &[
        Figure::Line("R--R--"),
        Figure::Line("R--5--"),
        Figure::Line("R-----"),
    ],
    &[
        Figure::Block("x--x--"),
        Figure::Block("xooxoo"),
        Figure::Block("x-xx-x"),
    ],
    &[
        Figure::Strum("d-ud-u"),
        Figure::Strum("dududu"),
        Figure::Strum("D--d-u"),
    ],
    &[
        Figure::Broken("123432"),
        Figure::Broken("123123"),
        Figure::Broken("132432"),
    ],
];

/// A figure for a metre that the style was not written in, of the kind that it would be.
fn generic(
    role: Role,
    instrument: &Instrument,
    meter: MeterKind,
    own: &[Figure],
    rng: &mut Rng,
) -> Figure {
    let table = match meter {
        MeterKind::Four => FOUR,
        MeterKind::Three => THREE,
        MeterKind::SixEight => SIX_EIGHT,
    };
    let kind = own.get(rng.below(own.len())).copied();
    match role {
        Role::Bass => match kind {
            Some(Figure::Walk) if meter == MeterKind::Three => Figure::Walk,
            _ => rng.pick(table[0]),
        },
        Role::Pad => Figure::Hold,
        Role::Melody | Role::Drums => Figure::Tune,
        Role::CounterMelody => kind.unwrap_or(Figure::GuideTones),
        Role::Arpeggio => rng.pick(table[3]),
        Role::Comping => match kind {
            Some(Figure::Strum(_)) => rng.pick(table[2]),
            Some(Figure::Broken(_)) => rng.pick(table[3]),
            _ if instrument.nature == Nature::Held && rng.chance(0.4) => Figure::Hold,
            _ => rng.pick(table[1]),
        },
    }
}

/// One pitched instrument fills the texture: two hands, or fingers and thumb, and often a tune.
fn alone(style: &'static Style, chairs: &mut Vec<Chair>, meter: MeterKind, rng: &mut Rng) {
    let Some(player) = chairs.iter_mut().find(|chair| chair.role != Role::Drums) else {
        return;
    };
    if !player.instrument.plays_chords() {
        if player.instrument.nature != Nature::Bass {
            player.role = Role::Melody;
            player.figure = Figure::Tune;
        }
        return;
    }
    player.role = Role::Comping;
    let keys = player.instrument.strings.is_empty();
    player.figure = match (player.instrument.nature, keys) {
        (Nature::Held, _) if rng.chance(0.5) => Figure::Hold,
        (_, false) => finger_figure(meter, rng),
        _ => chair(style, Role::Comping, player.instrument, meter, rng).figure,
    };
    let player = *player;
    let sings = match player.instrument.nature {
        Nature::Held => 0.3,
        _ if keys => 0.65,
        _ => 0.3,
    };
    if rng.chance(sings) && player.instrument.high >= 81 {
        chairs.push(Chair {
            role: Role::Melody,
            figure: Figure::Tune,
            ..player
        });
    }
}

/// Guitar and banjo alone: thumb and fingers, or strummed.
fn finger_figure(meter: MeterKind, rng: &mut Rng) -> Figure {
    let figures: &[Figure] = match meter {
        MeterKind::Four => &[
            Figure::Broken("b-3-2-4-b-3-2-4-"),
            Figure::Broken("b-2-3-4-3-2-3-2-"),
            Figure::Broken("b-3-f-4-b-3-f-4-"),
            Figure::Broken("b-2-f-3-b-4-f-2-"),
            Figure::Strum("d---d-u---u-d-u-"),
            Figure::Broken("b---4-3-2-3-4-3-"),
        ],
        MeterKind::Three => &[
            Figure::Broken("b-3-4-"),
            Figure::Broken("b23432"),
            Figure::Strum("d-dudu"),
            Figure::Broken("b-4-3-"),
        ],
        MeterKind::SixEight => &[
            Figure::Broken("b23432"),
            Figure::Broken("b34b34"),
            Figure::Strum("d-ud-u"),
        ],
    };
    rng.pick(figures)
}

fn left_hand_figure(instrument: &Instrument, meter: MeterKind, rng: &mut Rng) -> Figure {
    if instrument.sustains() {
        return Figure::Line("R---");
    }
    let figures: &[Figure] = match meter {
        MeterKind::Four => &[
            Figure::Line("R-------R-------"),
            Figure::Line("R-------5-------"),
            Figure::Line("R---5---8---5---"),
            Figure::Line("R-----5-R-----5-"),
        ],
        MeterKind::Three => &[
            Figure::Line("R-----"),
            Figure::Line("R-5-8-"),
            Figure::Line("R---5-"),
        ],
        MeterKind::SixEight => &[
            Figure::Line("R--5--"),
            Figure::Line("R-58-5"),
            Figure::Line("R-----"),
        ],
    };
    rng.pick(figures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::STYLES;

    #[test]
    fn every_band_states_its_chords_and_a_soloist_those_or_a_tune() {
        for style in STYLES {
            for seed in 0..40 {
                for ensemble in [Ensemble::Solo, Ensemble::Small, Ensemble::Full] {
                    let mut rng = Rng::new(seed, style.name);
                    let band = choose(style, ensemble, &mut rng);
                    assert!(
                        (1..=6).contains(&band.len()),
                        "{}: {}",
                        style.name,
                        band.len()
                    );
                    let chairs = seat(style, &band, style.meter, &mut rng);
                    let chordal =
                        |c: &Chair| matches!(c.role, Role::Comping | Role::Pad | Role::Arpeggio);
                    let tune =
                        |c: &Chair| c.role == Role::Melody && c.instrument.nature == Nature::Solo;
                    let stated = chairs.iter().any(chordal)
                        || ensemble == Ensemble::Solo && chairs.iter().all(tune);
                    assert!(stated, "{}: {band:?}", style.name);
                    for chair in &chairs {
                        assert!(chair.instrument.programs.contains(&chair.program));
                    }
                }
            }
        }
    }

    #[test]
    fn roles_are_taken_once_by_different_instruments() {
        for style in STYLES {
            let mut rng = Rng::new(11, style.name);
            let band = choose(style, Ensemble::Full, &mut rng);
            let chairs = seat(style, &band, style.meter, &mut rng);
            let melodies = chairs.iter().filter(|c| c.role == Role::Melody).count();
            assert!(melodies <= 1, "{}", style.name);
            assert!(chairs.iter().filter(|c| c.role == Role::Bass).count() <= 1);
        }
    }

    #[test]
    fn a_lone_piano_has_a_left_hand() {
        let piano = Instrument::named("piano").unwrap();
        let style = Style::named("ballad").unwrap();
        let chairs = seat(style, &[piano], MeterKind::Three, &mut Rng::new(0, "alone"));
        assert!(chairs.iter().any(|c| c.role == Role::Bass));
        assert!(chairs.iter().all(|c| c.instrument == piano));
    }
}
