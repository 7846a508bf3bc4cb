//! Instruments in a prompt: "nylon guitar and soft strings, no drums".

use super::words::{Gap, Words};
use crate::instrument::{MAX_PHRASE_WORDS, Phrase, phrase};

/// What was found, each instrument once.
#[derive(Debug, Default)]
pub(super) struct StatedInstruments {
    pub(super) asked: Vec<String>,
    pub(super) excluded: Vec<String>,
    pub(super) alone: bool,
}

/// Part of a word: `bass-guitar` has two.
struct Part<'a> {
    text: &'a str,
    gap: Gap,
}

/// A named instrument, or words that name none although they contain an instrument's name.
struct Mention {
    name: Option<&'static str>,
    start: usize,
    end: usize,
}

pub(super) fn stated(words: &Words) -> StatedInstruments {
    let parts = parts(words);
    let mentions = mentions(&parts);
    let excluded = excluded(&parts, &mentions);
    let mut found = StatedInstruments::default();
    let add = |list: &mut Vec<String>, name: &str| {
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    };
    for (mention, &excluded) in mentions.iter().zip(&excluded) {
        match mention.name {
            Some(name) if excluded => add(&mut found.excluded, name),
            Some(name) => add(&mut found.asked, name),
            None => {}
        }
    }
    found.asked.retain(|name| !found.excluded.contains(name));
    found.alone = !found.asked.is_empty() && alone(&parts, &mentions);
    found
}

/// Whether nothing else may play: "solo piano", "just guitar and voice", "flute duet", "cello
/// alone". A "guitar solo" is a part of a piece and says nothing of the kind.
fn alone(parts: &[Part], mentions: &[Mention]) -> bool {
    let text = |index: usize| parts.get(index).map_or("", |part| part.text);
    let named_at = |index| {
        mentions
            .iter()
            .any(|m| m.name.is_some() && m.start == index)
    };
    (0..parts.len()).any(|index| match text(index) {
        "alone" | "unaccompanied" | "duo" | "duet" => true,
        "solo" | "just" | "only" => {
            let article = matches!(text(index + 1), "a" | "an" | "one" | "the");
            named_at(index + 1 + usize::from(article))
        }
        "nothing" => text(index + 1) == "else",
        _ => false,
    })
}

/// Words cut at dashes, slashes and plus signs.
fn parts<'a>(words: &'a Words) -> Vec<Part<'a>> {
    let mut parts = Vec::with_capacity(words.len());
    for word in (0..words.len()).filter_map(|index| words.get(index)) {
        let mut gap = word.gap;
        let mut rest = word.lower.as_str();
        while let Some(at) = rest.find(['-', '/', '+', '–']) {
            if at > 0 {
                parts.push(Part {
                    text: &rest[..at],
                    gap,
                });
                gap = if rest[at..].starts_with(['/', '+']) {
                    Gap::Comma
                } else {
                    Gap::Space
                };
            }
            let width = rest[at..].chars().next().map_or(1, char::len_utf8);
            rest = &rest[at + width..];
        }
        if !rest.is_empty() {
            parts.push(Part {
                text: rest.strip_suffix("'s").unwrap_or(rest),
                gap,
            });
        }
    }
    parts
}

/// The longest known phrase at each place, from left to right.
fn mentions(parts: &[Part]) -> Vec<Mention> {
    let mut mentions = Vec::new();
    let mut start = 0;
    let mut joined = String::new();
    while start < parts.len() {
        let mut longest = None;
        joined.clear();
        for (index, part) in parts[start..].iter().take(MAX_PHRASE_WORDS).enumerate() {
            if index > 0 && part.gap > Gap::Space || part.text.len() > 24 {
                break;
            }
            if index > 0 {
                joined.push(' ');
            }
            joined.push_str(part.text);
            longest = phrase(&joined)
                .map(|meaning| (meaning, start + index + 1))
                .or(longest);
        }
        let Some((meaning, end)) = longest else {
            start += 1;
            continue;
        };
        let like = parts
            .get(end)
            .is_some_and(|part| part.text == "like" && part.gap == Gap::Space)
            && parts
                .get(end + 1)
                .is_some_and(|part| part.gap == Gap::Space);
        let name = match meaning {
            Phrase::Instrument(name) if !like => Some(name),
            _ => None,
        };
        mentions.push(Mention { name, start, end });
        start = end;
    }
    mentions
}

/// Which mentions stand in the reach of a "no" or a "without".
fn excluded(parts: &[Part], mentions: &[Mention]) -> Vec<bool> {
    let mut excluded = vec![false; mentions.len()];
    let mut index = 0;
    while index < mentions.len() {
        let mention = &mentions[index];
        let less = parts
            .get(mention.end)
            .is_some_and(|part| part.text == "less" || part.text == "free");
        if less {
            excluded[index] = true;
        }
        let solo = parts
            .get(mention.end)
            .is_some_and(|part| matches!(part.text, "solo" | "solos"));
        if !is_negated(parts, mention.start) || solo {
            index += 1;
            continue;
        }
        let last = end_of_list(parts, mentions, index);
        excluded[index..=last].fill(true);
        index = last + 1;
    }
    excluded
}

/// "no", "without any", "no loud": a negation at most two words before `start`.
fn is_negated(parts: &[Part], start: usize) -> bool {
    let mut described = 0;
    for index in (0..start).rev() {
        if parts[index + 1].gap > Gap::Space {
            return false;
        }
        match parts[index].text {
            "no" | "without" | "minus" | "sans" | "excluding" | "exclude" | "avoid" | "lacks"
            | "lacking" | "nor" => {
                return true;
            }
            // "not only piano"
            "not" => {
                return !parts[index + 1..start]
                    .iter()
                    .any(|part| matches!(part.text, "only" | "just"));
            }
            "any" | "the" | "a" | "an" => {}
            "with" | "and" | "but" | "or" | "to" | "in" | "for" | "of" | "just" | "only" => {
                return false;
            }
            _ if described < 2 => described += 1,
            _ => return false,
        }
    }
    false
}

/// The last mention of a list of excluded instruments that begins with mention `first`.
///
/// Commas bind only where an "or" follows ("no drums, bass or guitar", but "no drums, piano").
fn end_of_list(parts: &[Part], mentions: &[Mention], first: usize) -> usize {
    let mut last = first;
    let mut commas_only = true;
    for (index, pair) in mentions[first..].windows(2).enumerate() {
        let between = &parts[pair[0].end..pair[1].start];
        let comma = parts
            .get(pair[0].end)
            .is_some_and(|part| part.gap > Gap::Space);
        if parts[pair[0].end..=pair[1].start]
            .iter()
            .any(|part| part.gap >= Gap::Sentence)
        {
            break;
        }
        match between {
            [] if comma => {}
            [one] if matches!(one.text, "or" | "nor") => {
                commas_only = false;
                last = first + index + 1;
            }
            [one] if matches!(one.text, "and" | "&") && !comma => {
                if commas_only && last != first + index {
                    break;
                }
                last = first + index + 1;
            }
            _ => break,
        }
    }
    last
}
