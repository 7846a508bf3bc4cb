//! Chords of a plan as a line of text: read from `Am7@0 Fmaj7@2.86`, `Am7 Fmaj7 C G` or
//! `| Am7 | Dm7 G7 |`, and printed with bar lines.

use super::check::{MAX_CHORDS, at_most, in_order};
use super::{Beat, Plan, beat_grid};
use crate::beat::ChordEvent;
use crate::chord::Chord;
use crate::error::{ParseChordError, PlanError, PlanFault, shown};

/// One bar of the text: the chords that share it. Empty means "as the bar before".
type Bar = Vec<Chord>;

fn not_a_chord(index: usize) -> impl Fn(ParseChordError) -> PlanError {
    move |error| PlanError {
        pointer: format!("/chords/{index}/symbol"),
        reason: error.into(),
    }
}

impl Plan {
    /// Reads chords from a line of text and places them in this plan.
    ///
    /// * `Am7@0 Fmaj7@2.86`: each chord with its time in seconds.
    /// * `Am7 Fmaj7 C G` (also with commas or dashes): one chord a bar, again from the start until
    ///   the piece is full. Where there are more chords than bars, all are spread evenly over the
    ///   beats.
    /// * `| Am7 | Dm7 G7 | % |`: bars as written, chords of one bar sharing it evenly, `%` for the
    ///   bar before; again from the start until the piece is full.
    ///
    /// The first chord also covers an upbeat. A chord that follows itself is one event.
    pub fn chords_from_symbols(&self, text: &str) -> Result<Vec<ChordEvent>, PlanError> {
        if text.contains('@') {
            return self.timed_chords(text);
        }
        let mut events = if text.contains('|') {
            self.place_bars(&read_bars(text)?)
        } else {
            let chords = read_chords(text, 0)?;
            let grid = self.grid();
            let num_bars = downbeats(&grid).count().max(1);
            if chords.len() > num_bars {
                spread(&chords, &grid, self.duration_s)
            } else {
                self.place_bars(
                    &chords
                        .into_iter()
                        .map(|chord| vec![chord])
                        .collect::<Vec<_>>(),
                )
            }
        };
        if let Some(first) = events.first_mut() {
            first.time_s = 0.0;
        }
        events.retain(|event| event.time_s < self.duration_s);
        events.dedup_by(|later, earlier| later.chord == earlier.chord);
        at_most("/chords", events.len(), MAX_CHORDS)?;
        Ok(events)
    }

    /// `Am7@0 Fmaj7@2.86`
    fn timed_chords(&self, text: &str) -> Result<Vec<ChordEvent>, PlanError> {
        let tokens = text
            .split([' ', ',', ';', '\t', '\n', '\r'])
            .filter(|token| !token.is_empty());
        let mut events = Vec::new();
        for (index, token) in tokens.enumerate() {
            at_most("/chords", index + 1, MAX_CHORDS)?;
            let (symbol, time) = token.split_once('@').unwrap_or((token, ""));
            let chord = Chord::parse(symbol).map_err(not_a_chord(index))?;
            // Without a readable time the event is out of range, and says so below.
            let time_s = time
                .strip_suffix('s')
                .unwrap_or(time)
                .parse()
                .unwrap_or(f64::NAN);
            events.push(ChordEvent { time_s, chord });
        }
        in_order(
            "chords",
            events.iter().map(|event| event.time_s),
            self.duration_s,
        )?;
        Ok(events)
    }

    /// The beats of the plan, or those of its tempo where it has none.
    fn grid(&self) -> Vec<Beat> {
        if self.beats.is_empty() {
            return beat_grid(
                self.tempo_bpm,
                self.meter.felt_beats(),
                0.0,
                self.duration_s,
            );
        }
        self.beats.clone()
    }

    /// One bar of text for each bar of the plan, from the start again where the text ends.
    fn place_bars(&self, bars: &[Bar]) -> Vec<ChordEvent> {
        let grid = self.grid();
        let starts: Vec<usize> = downbeats(&grid).collect();
        let starts = if starts.is_empty() { vec![0] } else { starts };
        let mut events = Vec::new();
        if bars.is_empty() {
            return events;
        }
        for (index, &start) in starts.iter().enumerate() {
            let end = match starts.get(index + 1) {
                Some(&next) => next,
                None => start + usize::from(self.felt_beats_per_bar()),
            };
            let bar = &bars[index % bars.len()];
            for (place, &chord) in bar.iter().enumerate() {
                let share = place as f64 * (end - start) as f64 / bar.len() as f64;
                // Chords of one bar change on beats as long as there are enough beats.
                let share = if bar.len() <= end - start {
                    share.round()
                } else {
                    share
                };
                let time_s = self.time_of_beat(&grid, start as f64 + share);
                events.push(ChordEvent { time_s, chord });
            }
            if events.len() > MAX_CHORDS * 2 {
                break;
            }
        }
        events
    }

    /// The time of a beat index with its fraction, going on in tempo behind the last beat.
    fn time_of_beat(&self, grid: &[Beat], index: f64) -> f64 {
        let below = index.floor() as usize;
        let Some(last) = grid.last() else {
            return index * 60.0 / self.tempo_bpm;
        };
        match (grid.get(below), grid.get(below + 1)) {
            (Some(beat), Some(next)) => beat.time_s + index.fract() * (next.time_s - beat.time_s),
            _ => last.time_s + (index - (grid.len() - 1) as f64) * 60.0 / self.tempo_bpm,
        }
    }

    /// The chords as a line of ChordPro with bar lines: `[Am7] | [Dm7] [G7] | [C]`.
    pub fn to_chordpro_line(&self) -> String {
        // Chords recognised from audio change a little before or after the downbeat.
        let tolerance_s = 15.0 / self.tempo_bpm;
        let downbeats: Vec<f64> = downbeats(&self.beats)
            .map(|index| self.beats[index].time_s)
            .collect();
        let bar_s = self.meter.bar_s(self.tempo_bpm);
        let bar_of = |time_s: f64| match downbeats.is_empty() {
            true => ((time_s + tolerance_s) / bar_s).floor() as usize,
            false => downbeats.partition_point(|&downbeat| downbeat <= time_s + tolerance_s),
        };
        let mut line = String::new();
        let mut bar = None;
        for event in &self.chords {
            let now = bar_of(event.time_s);
            line += match bar.replace(now) {
                None => "",
                Some(before) if before == now => " ",
                Some(_) => " | ",
            };
            line += &format!("[{}]", event.chord);
        }
        line
    }
}

/// Indices of the downbeats.
fn downbeats(beats: &[Beat]) -> impl Iterator<Item = usize> {
    beats
        .iter()
        .enumerate()
        .filter(|(_, beat)| beat.number == 1)
        .map(|(index, _)| index)
}

/// Spreads chords evenly, on beats as long as there are enough of them.
fn spread(chords: &[Chord], grid: &[Beat], duration_s: f64) -> Vec<ChordEvent> {
    let num_chords = chords.len();
    let time = |index: usize| match grid.len() {
        num_beats if num_beats >= num_chords => grid[index * num_beats / num_chords].time_s,
        _ => index as f64 * duration_s / num_chords as f64,
    };
    chords
        .iter()
        .enumerate()
        .map(|(index, &chord)| ChordEvent {
            time_s: time(index),
            chord,
        })
        .collect()
}

/// Chords with spaces, commas or dashes between them. `first` is the index of the first, for
/// error messages.
fn read_chords(text: &str, first: usize) -> Result<Vec<Chord>, PlanError> {
    let separator = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '→' | '>' | '—' | '–');
    let mut chords = Vec::new();
    for token in text
        .split(separator)
        .filter(|token| !matches!(*token, "" | "-" | "." | "/"))
    {
        let index = first + chords.len();
        at_most("/chords", index + 1, MAX_CHORDS)?;
        match Chord::parse(token) {
            Ok(chord) => chords.push(chord),
            // `Dm-G-C` is three chords, `C-7` was one.
            Err(error) => {
                let parts: Result<Vec<_>, _> = token.split('-').map(Chord::parse).collect();
                chords.extend(parts.map_err(|_| not_a_chord(index)(error))?);
            }
        }
    }
    at_most("/chords", first + chords.len(), MAX_CHORDS)?;
    Ok(chords)
}

/// Bars between bar lines, with repeats of a bar (`%`) written out.
fn read_bars(text: &str) -> Result<Vec<Bar>, PlanError> {
    let mut bars: Vec<Bar> = Vec::new();
    let mut num_chords = 0;
    for bar in text
        .split(['|', '‖', '[', ']'])
        .map(|bar| bar.trim_matches([':', ' ']))
    {
        let chords = match bar {
            "" => continue,
            "%" => bars
                .last()
                .cloned()
                .ok_or_else(|| not_a_chord(0)(ParseChordError::Root { symbol: shown(bar) }))?,
            symbols => read_chords(symbols, num_chords)?,
        };
        num_chords += chords.len();
        if num_chords > MAX_CHORDS {
            return Err(PlanError {
                pointer: "/chords".to_owned(),
                reason: PlanFault::TooMany {
                    count: num_chords,
                    max: MAX_CHORDS,
                },
            });
        }
        bars.push(chords);
    }
    bars.retain(|bar| !bar.is_empty());
    Ok(bars)
}
