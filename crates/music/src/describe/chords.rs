//! Chords in a prompt: "Am7 Fmaj7 C G7", "chords: Am7, Fmaj7", "Dm - G - C", "Am7@0 G@2.5".
//!
//! Many chord symbols are also words or names (A, Am, E, B7, C4), so a symbol counts by its company:
//! how plain it is, how many stand in a row, and whether the text speaks of chords.

use super::words::{Gap, Words};
use crate::beat::ChordEvent;
use crate::chord::Chord;
use crate::plan::MAX_CHORDS;

/// What was found, and which words it took.
#[derive(Debug)]
pub(super) struct StatedChords {
    pub(super) plain: Vec<Chord>,
    pub(super) timed: Vec<ChordEvent>,
    pub(super) used: Vec<bool>,
}

/// How surely a word is a chord symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sureness {
    /// One capital letter.
    Letter,
    /// Also a word, a pitch or a product: `Am`, `C4`, `A-`, `N`.
    Doubtful,
    /// Hardly anything else beside another: `Dm`, `Bb`, `G7`.
    Plain,
    /// Nothing else: `Am7`, `Fmaj7`, `Gsus4`.
    Certain,
}

/// A chord as it stands in the text.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    chord: Chord,
    time_s: Option<f64>,
    sureness: Sureness,
    /// In words: `A minor`, `E flat major`.
    spoken: bool,
}

/// Chords in a row, from word `start` to before word `end`.
struct Run {
    symbols: Vec<(Symbol, usize)>,
    end: usize,
}

pub(super) fn stated(words: &Words) -> StatedChords {
    let mut found = StatedChords {
        plain: Vec::new(),
        timed: Vec::new(),
        used: vec![false; words.len()],
    };
    let (mut index, mut introduced) = (0, false);
    while index < words.len() {
        if introduced && words.gap(index) >= Gap::Comma {
            introduced = false;
        }
        let Some(mut run) = run_at(words, index) else {
            introduced =
                introduces(words.lower(index)) || introduced && is_filler(words.lower(index));
            index += 1;
            continue;
        };
        let end = run.end;
        drop_articles(words, &mut run, introduced);
        if is_progression(words, index, &run, introduced) {
            for (symbol, word) in run.symbols {
                found.used[word] = true;
                match symbol.time_s {
                    Some(time_s) => found.timed.push(ChordEvent {
                        time_s,
                        chord: symbol.chord,
                    }),
                    None => found.plain.push(symbol.chord),
                }
            }
            if found.plain.len() >= MAX_CHORDS || found.timed.len() >= MAX_CHORDS {
                break;
            }
        }
        introduced = false;
        index = end;
    }
    found.plain.truncate(MAX_CHORDS);
    found.timed.truncate(MAX_CHORDS);
    found
}

/// Words after which chords are expected.
fn introduces(word: &str) -> bool {
    matches!(
        word,
        "chord"
            | "chords"
            | "progression"
            | "progressions"
            | "changes"
            | "vamp"
            | "vamps"
            | "vamping"
            | "harmony"
            | "turnaround"
            | "loop"
            | "looping"
            | "chord-progression"
            | "sequence"
    )
}

/// Words that may stand between "chords" and the chords.
fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "is" | "are"
            | "of"
            | "in"
            | "this"
            | "song"
            | "the"
            | "goes"
            | "go"
            | "like"
            | "follows"
            | "following"
            | "using"
            | "from"
            | "piece"
            | "track"
            | "be"
            | "should"
            | "being"
            | "as"
            | "on"
            | "between"
    )
}

/// Reads chords in a row that begin at word `start`.
fn run_at(words: &Words, start: usize) -> Option<Run> {
    let mut run = Run {
        symbols: Vec::new(),
        end: start,
    };
    let mut spoken = None;
    while run.end < words.len() && run.symbols.len() < 2 * MAX_CHORDS {
        let first = run.symbols.is_empty();
        if !first && words.gap(run.end) >= Gap::Sentence {
            break;
        }
        let index = if first {
            run.end
        } else {
            past_joiner(words, run.end)
        };
        let symbols = match spoken_chord(words, index) {
            Some((symbol, end)) => {
                run.end = end;
                vec![symbol]
            }
            None => {
                let symbols = symbols(words.text(index));
                if symbols.is_empty() {
                    break;
                }
                run.end = index + 1;
                symbols
            }
        };
        let kind = symbols[0].spoken;
        if *spoken.get_or_insert(kind) != kind {
            run.end = index;
            break;
        }
        run.symbols
            .extend(symbols.into_iter().map(|symbol| (symbol, index)));
    }
    (!run.symbols.is_empty()).then_some(run)
}

/// Steps over the word that joins two chords: "Am, F, C and G", "C followed by G".
fn past_joiner(words: &Words, index: usize) -> usize {
    let skipped = match (words.lower(index), words.lower(index + 1)) {
        ("and" | "then" | "to", _) => 1,
        ("followed", "by") => 2,
        _ => 0,
    };
    let close = (index..index + skipped).all(|index| words.gap(index + 1) == Gap::Space);
    if close { index + skipped } else { index }
}

/// "A minor", "E flat major", "B diminished": one chord in two or three words.
fn spoken_chord(words: &Words, index: usize) -> Option<(Symbol, usize)> {
    let text = words.text(index);
    let root = if text.len() <= 8 {
        crate::note::NoteName::parse(text)?
    } else {
        return None;
    };
    let follows = |index: usize| {
        if words.gap(index) == Gap::Space {
            words.lower(index)
        } else {
            ""
        }
    };
    let (sign, quality) = match follows(index + 1) {
        "sharp" => ("#", index + 2),
        "flat" => ("b", index + 2),
        _ => ("", index + 1),
    };
    let suffix = match follows(quality) {
        "major" | "maj" => "",
        "minor" | "min" => "m",
        "diminished" => "dim",
        "augmented" => "aug",
        _ => return None,
    };
    let chord = Chord::parse(&format!("{root}{sign}{suffix}")).ok()?;
    Some((
        Symbol {
            chord,
            time_s: None,
            sureness: Sureness::Plain,
            spoken: true,
        },
        quality + 1,
    ))
}

/// The chord symbols in one word: one, several joined by dashes, or none.
fn symbols(text: &str) -> Vec<Symbol> {
    if let Some(symbol) = symbol(text) {
        return vec![symbol];
    }
    if !text.contains(['-', '–', '>', '·']) || text.len() > 1024 {
        return Vec::new();
    }
    let parts = text
        .split(['-', '–', '>', '·'])
        .filter(|part| !part.is_empty());
    parts
        .map(symbol)
        .collect::<Option<Vec<_>>>()
        .unwrap_or_default()
}

fn symbol(text: &str) -> Option<Symbol> {
    let first = text.as_bytes().first()?;
    if !matches!(first, b'A'..=b'G' | b'N') {
        return None;
    }
    let (name, time_s) = match text.split_once('@') {
        None => (text, None),
        Some((name, time)) => {
            let time_s: f64 = time.strip_suffix('s').unwrap_or(time).parse().ok()?;
            (
                name,
                Some(time_s)
                    .filter(|time_s| (0.0..=crate::MAX_DURATION_S).contains(time_s))?
                    .into(),
            )
        }
    };
    // `Go` and `Do` are words; `No chord` is not written like this.
    if name.ends_with('o') || name.starts_with("No") {
        return None;
    }
    let chord = Chord::parse(name).ok()?;
    let sureness = if time_s.is_some() {
        Sureness::Certain
    } else {
        sureness(name, &chord)
    };
    Some(Symbol {
        chord,
        time_s,
        sureness,
        spoken: false,
    })
}

fn sureness(name: &str, chord: &Chord) -> Sureness {
    let Some((_, suffix)) = crate::note::NoteName::parse_prefix(name) else {
        return Sureness::Doubtful;
    };
    let accidental = chord.root().is_some_and(|root| root.accidental() != 0);
    let digits = suffix.contains(|c: char| c.is_ascii_digit());
    match suffix {
        "" if !accidental => Sureness::Letter,
        "" => Sureness::Plain,
        "7" | "9" | "13" => Sureness::Plain,
        "M" | "-" | "+" => Sureness::Doubtful,
        "m" if name == "Am" => Sureness::Doubtful,
        // `A/B` and `D/A` are tests and converters.
        slash if slash.starts_with('/') && !accidental && slash.len() == 2 => Sureness::Doubtful,
        pitch if pitch.bytes().all(|b| b.is_ascii_digit()) => Sureness::Doubtful,
        named
            if digits
                && named.contains(|c: char| {
                    c.is_alphabetic() || matches!(c, '△' | '∆' | 'Δ' | '°')
                }) =>
        {
            Sureness::Certain
        }
        _ => Sureness::Plain,
    }
}

/// Takes off an "A" that is the article of what precedes or follows.
fn drop_articles(words: &Words, run: &mut Run, introduced: bool) {
    let is_letter_a = |(symbol, word): &(Symbol, usize)| {
        symbol.sureness == Sureness::Letter && words.text(*word) == "A"
    };
    let letters = run
        .symbols
        .iter()
        .filter(|(symbol, _)| symbol.sureness == Sureness::Letter)
        .count();
    let num_symbols = run.symbols.len();
    if num_symbols < 2 {
        return;
    }
    // "A Dm7 G7 vamp": the article of the vamp. "A F#m Bm E7": a chord.
    let leading = !introduced && letters == 1 && is_letter_a(&run.symbols[0]);
    let second = run.symbols[1].1;
    if leading
        && words.gap(second) == Gap::Space
        && (num_symbols == 2 || introduces(words.lower(run.end)))
    {
        run.symbols.remove(0);
    }
    // "C G Am F. A slow" ends before the A; "C G Am F A slow" should too.
    let follows_word = words.gap(run.end) == Gap::Space
        && words.text(run.end).starts_with(|c: char| c.is_lowercase())
        && !introduces(words.lower(run.end))
        && !matches!(
            words.lower(run.end),
            "with"
                | "at"
                | "in"
                | "and"
                | "for"
                | "on"
                | "over"
                | "then"
                | "to"
                | "major"
                | "minor"
                | "as"
                | "or"
        );
    if follows_word && run.symbols.last().is_some_and(is_letter_a) {
        run.symbols.pop();
    }
}

/// Whether symbols in a row are meant as chords.
fn is_progression(words: &Words, start: usize, run: &Run, introduced: bool) -> bool {
    let symbols: Vec<Symbol> = run.symbols.iter().map(|(symbol, _)| *symbol).collect();
    let followed = words.gap(run.end) < Gap::Comma && introduces(words.lower(run.end));
    let at_least = |sureness: Sureness| {
        symbols
            .iter()
            .filter(|symbol| symbol.sureness >= sureness)
            .count()
    };
    let lone_word = words.gap(run.end) == Gap::Space
        && words.text(run.end).starts_with(|c: char| c.is_lowercase());
    let named_notes = matches!(
        words.lower_before(start),
        "note" | "notes" | "pitch" | "pitches" | "tuned"
    );
    if named_notes && !introduced {
        return false;
    }
    match symbols.as_slice() {
        [] => false,
        [one] if one.spoken => false,
        [one] if introduced && words.lower_before(start) != "in" => match one.sureness {
            Sureness::Letter => !lone_word,
            _ => true,
        },
        [one] if followed && words.lower_before(start) != "in" => one.sureness >= Sureness::Plain,
        [one] => one.sureness == Sureness::Certain,
        many if introduced => {
            !(many.len() == 2 && many[0].spoken && words.lower_before(start) == "in")
        }
        many if many[0].spoken => many.len() >= 3 || followed,
        many if at_least(Sureness::Plain) > 0 => {
            followed
                || at_least(Sureness::Certain) > 0
                || at_least(Sureness::Plain) >= 2
                || many.len() >= 3
        }
        many => many.len() >= if followed { 2 } else { 3 } && !is_form(words, many, run.end),
    }
}

/// "A B C", "A A B A form", "C4 E4 G4": letters in a row that are no chords.
fn is_form(words: &Words, symbols: &[Symbol], end: usize) -> bool {
    let letters: Vec<u8> = symbols
        .iter()
        .filter_map(|symbol| Some(symbol.chord.root()?.letter() as u8))
        .collect();
    let alphabet = letters.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let sections = letters.iter().all(|letter| matches!(letter, b'A' | b'B'));
    let named = matches!(
        words.lower(end),
        "form" | "section" | "sections" | "part" | "parts" | "structure" | "tuning"
    );
    let few_letters = symbols
        .iter()
        .filter(|symbol| symbol.sureness == Sureness::Letter)
        .count()
        < 2;
    alphabet || sections || named || few_letters
}
