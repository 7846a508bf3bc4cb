//! From a plan to a score: the band sits down, every part is written and played.

use crate::error::{Error, Result};
use crate::form::Form;
use crate::humanise::{Touch, perform};
use crate::instrument::Instrument;
use crate::lineup::{self, Chair, Ensemble};
use crate::mood;
use crate::parts::comping::Register;
use crate::parts::{Event, bass, comping, drums, lines, melody};
use crate::rng::Rng;
use crate::score::{Mix, Note, Part, Score};
use crate::style::{Figure, MeterKind, Role, Style};
use crate::timeline::Timeline;
use mustool_music::Plan;

/// [`crate::Composer::arrange`].
pub(crate) fn arrange(
    plan: &Plan,
    style: &'static Style,
    instruments: &[String],
    seed: u64,
) -> Result<Score> {
    plan.validate()?;
    let named = |name: &String| {
        Instrument::nearest(name).ok_or_else(|| Error::UnknownInstrument { name: name.clone() })
    };
    let mut band = instruments.iter().map(named).collect::<Result<Vec<_>>>()?;
    if band.is_empty() {
        let mut rng = Rng::new(seed, "band");
        band = lineup::choose(style, Ensemble::Full, &mut rng);
    }
    Ok(write(plan, style, &band, seed))
}

/// [`arrange`] for a plan and a band that are known to be playable.
pub(crate) fn write(
    plan: &Plan,
    style: &'static Style,
    band: &[&'static Instrument],
    seed: u64,
) -> Score {
    let rng = Rng::new(seed, "arrange");
    let timeline = Timeline::new(plan);
    let chairs = lineup::seat(style, band, meter_kind(&timeline), &mut rng.fork("seats"));
    let roles: Vec<Role> = chairs.iter().map(|chair| chair.role).collect();
    let form = Form::new(&timeline, &roles, &mut rng.fork("form"));
    let writer = Writer {
        plan,
        style,
        timeline: &timeline,
        form: &form,
        chairs: &chairs,
        rng: &rng,
    };
    let mut parts = writer.parts();
    // A part that is hardly heard would make the list of instruments a lie.
    let heard = |part: &Part| {
        let inside = |note: &&Note| note.start_s + note.duration_s > 0.3;
        let sounding_s: f64 = part
            .notes
            .iter()
            .filter(inside)
            .map(|note| note.duration_s)
            .sum();
        part.notes.iter().filter(inside).count() >= 3 || sounding_s > 0.25 * plan.duration_s
    };
    if parts.iter().any(heard) {
        parts.retain(heard);
    }
    let mut score = Score {
        plan: plan.clone(),
        style,
        mood: Vec::new(),
        sections: form.sections(&timeline, plan.duration_s),
        mix: mix(style, &mut rng.fork("mix")),
        parts,
    };
    score.plan.style = Some(style.name.to_owned());
    score.plan.instruments = score
        .instruments()
        .iter()
        .map(|i| i.name.to_owned())
        .collect();
    score.mood = mood::of(&score, &mut rng.fork("mood"));
    score
}

/// The metre of patterns that suits a timeline.
pub(crate) fn meter_kind(timeline: &Timeline) -> MeterKind {
    let beats = timeline.bars.iter().map(|bar| bar.beats).max().unwrap_or(4);
    match (timeline.compound, beats) {
        (true, _) => MeterKind::SixEight,
        (false, 3) => MeterKind::Three,
        (false, _) => MeterKind::Four,
    }
}

struct Writer<'a> {
    plan: &'a Plan,
    style: &'static Style,
    timeline: &'a Timeline,
    form: &'a Form,
    chairs: &'a [Chair],
    rng: &'a Rng,
}

impl Writer<'_> {
    fn parts(&self) -> Vec<Part> {
        let tune: Vec<Event> = self
            .chairs
            .iter()
            .enumerate()
            .find(|(_, chair)| chair.role == Role::Melody)
            .map(|(i, chair)| self.events(i, chair, &[]))
            .unwrap_or_default();
        let mut parts = Vec::new();
        for (i, chair) in self.chairs.iter().enumerate() {
            let mut events = self.events(i, chair, &tune);
            events.retain(|event| self.form.plays(chair.role, event.at));
            let touch = Touch {
                feel: self.style.feel,
                role: chair.role,
                instrument: chair.instrument,
                intensity: &|position| self.form.intensity(position),
                duration_s: self.plan.duration_s,
            };
            let mut rng = self.stream("play", i);
            let notes = perform(&events, &touch, self.timeline, &mut rng);
            let (pan, level_db) = place(chair, i, &mut rng);
            let Chair {
                role,
                instrument,
                program,
                ..
            } = *chair;
            parts.push(Part {
                role,
                instrument,
                program,
                notes,
                pan,
                level_db,
            });
        }
        parts
    }

    fn stream(&self, what: &str, chair: usize) -> Rng {
        self.rng.fork(&format!("{what} {chair}"))
    }

    fn events(&self, index: usize, chair: &Chair, tune: &[Event]) -> Vec<Event> {
        let mut rng = self.stream("write", index);
        let Chair {
            instrument,
            figure,
            written,
            ..
        } = *chair;
        let timeline = self.timeline;
        match (chair.role, figure) {
            (Role::Drums, _) => self.drums(&mut rng),
            (Role::Bass, figure) => bass::play(figure, written, instrument, timeline, &mut rng),
            (Role::Melody, _) => melody::play(
                self.style.tune,
                self.plan.key,
                instrument,
                timeline,
                &mut rng,
            ),
            (Role::CounterMelody, Figure::Answers) => {
                lines::answers(tune, instrument, timeline, &mut rng)
            }
            (Role::CounterMelody, _) => lines::guide_tones(instrument, timeline, &mut rng),
            (Role::Comping | Role::Arpeggio | Role::Pad, figure) => {
                let register = self.register(chair.role, &mut rng);
                comping::play(figure, written, instrument, register, timeline, &mut rng)
            }
        }
    }

    fn drums(&self, rng: &mut Rng) -> Vec<Event> {
        let meter = meter_kind(self.timeline);
        let groove = drums::groove_for(self.style.grooves, self.style.meter, meter, rng);
        let kit = drums::Kit {
            groove,
            meter,
            energy: self.style.energy,
            section_starts: &self.form.first_bars(),
        };
        drums::play(kit, self.timeline, rng)
    }

    fn register(&self, role: Role, rng: &mut Rng) -> Register {
        let shift = rng.below(5) as i32 - 2;
        let num_voices = if self.style.energy < 0.35 && rng.chance(0.4) {
            5
        } else {
            4
        };
        let (low, high) = match role {
            Role::Arpeggio => (57, 82),
            Role::Pad => (50, 77),
            _ => (51, 75),
        };
        Register {
            low: low + shift,
            high: high + shift,
            num_voices,
        }
    }
}

/// Pan and level of a chair: bass, drums and tune in the middle, the rest beside and behind them.
fn place(chair: &Chair, index: usize, rng: &mut Rng) -> (f64, f64) {
    let side = if index.is_multiple_of(2) { 1.0 } else { -1.0 };
    let (pan, loudness_db) = match chair.role {
        Role::Drums => (0.0, -34.0),
        Role::Bass => (0.0, -34.0),
        Role::Comping => (0.35, -35.0),
        Role::Arpeggio => (0.45, -37.0),
        Role::Pad => (0.2, -38.0),
        Role::Melody => (0.05, -35.5),
        Role::CounterMelody => (0.5, -38.5),
    };
    let level_db = loudness_db - chair.instrument.loudness_db + 1.2 * rng.gauss();
    (
        side * pan * rng.between(0.5, 1.0),
        level_db.clamp(-24.0, 0.0),
    )
}

fn mix(style: &Style, rng: &mut Rng) -> Mix {
    let dry = rng.chance(0.35);
    let wet = rng.between(0.12, 0.45) + 0.3 * (0.4 - style.energy).max(0.0);
    Mix {
        reverb: if dry { 0.0 } else { wet },
        chorus: if dry || rng.chance(0.6) {
            0.0
        } else {
            rng.between(0.1, 0.4)
        },
        tilt_db: 1.6 * rng.gauss(),
    }
}
