//! Sentences: descriptions of the kind that a listener would write.

use super::facts::Facts;
use super::words::{a, capital};
use crate::rng::Rng;
use crate::style::Role;

/// One sentence that says what it is and who plays.
pub(super) fn sentence(facts: &Facts, rng: &mut Rng) -> String {
    let (style, mood, adjective) = (facts.style_name(rng), facts.mood(rng), facts.adjective(rng));
    let band = facts.band(4, rng);
    let lead = facts
        .player(Role::Melody)
        .map(|name| facts.called(name, rng));
    let whole = thing(style, rng);
    let opening = a(&format!("{mood}, {adjective} {whole}"));
    let text = match (lead, rng.below(7)) {
        (Some(lead), 0) => format!("{opening} led by the {lead}"),
        (Some(lead), 1) => {
            format!(
                "{} where the {lead} carries the melody",
                a(&format!("{mood} {whole}"))
            )
        }
        (Some(lead), 2) => {
            format!(
                "the {lead} sings over a backing in {} {} style",
                a(adjective),
                facts.style.name
            )
        }
        (_, 3) => format!(
            "{} with {band}",
            a(&format!("{} {mood} {whole}", facts.era(rng)))
        ),
        (_, 4) => format!("{opening} that would suit {}", facts.scene(rng)),
        (_, 5) => format!(
            "{band} playing {}",
            a(&format!("{} {whole}", facts.pace(rng)))
        ),
        _ => format!("{opening} with {band}"),
    };
    format!("{}.", capital(&text))
}

/// The style as a thing that can be counted: `bossa nova tune`, but `house track` as it is.
pub(super) fn thing(style: &str, rng: &mut Rng) -> String {
    const COUNTED: [&str; 16] = [
        "anthem",
        "ballad",
        "beat",
        "cue",
        "groove",
        "jam",
        "jig",
        "march",
        "orchestra",
        "piece",
        "score",
        "shuffle",
        "song",
        "track",
        "tune",
        "waltz",
    ];
    let last = style.rsplit(' ').next().unwrap_or(style);
    if COUNTED.contains(&last) {
        style.to_owned()
    } else {
        format!("{style} {}", noun(rng))
    }
}

fn noun(rng: &mut Rng) -> &'static str {
    rng.pick(&["piece", "track", "instrumental", "tune", "number"])
}

/// `count` sentences: what it is, who does what, how it feels.
pub(super) fn paragraph(facts: &Facts, count: usize, rng: &mut Rng) -> String {
    let mut text = vec![opening(facts, rng), playing(facts, rng)];
    if count > 2 {
        text.push(feeling(facts, rng));
    }
    text.join(" ")
}

fn opening(facts: &Facts, rng: &mut Rng) -> String {
    let (style, mood, adjective) = (facts.style_name(rng), facts.mood(rng), facts.adjective(rng));
    let (pace, own) = (facts.pace(rng), facts.style.name);
    let whole = thing(style, rng);
    let text = match rng.below(7) {
        0 => format!("this is {}", a(&format!("{pace}, {mood} {whole}"))),
        1 => format!("{} in {} vein", a(&format!("{adjective} {whole}")), a(mood)),
        2 => format!("instrumental {own} with {} feel", a(mood)),
        3 => a(&format!("{} {adjective} {whole}", facts.era(rng))),
        4 => format!(
            "{} at {} pace",
            a(&format!("{mood} {whole}")),
            a(pace_adjective(pace))
        ),
        5 if facts.instruments.len() == 1 => {
            format!(
                "a solo {} performance in {} {own} style",
                facts.instruments[0],
                a(mood)
            )
        }
        _ => format!(
            "the music is {}",
            a(&format!("{adjective} and {mood} {whole}"))
        ),
    };
    format!("{}.", capital(&text))
}

/// A pace word that can stand before "pace".
fn pace_adjective(pace: &str) -> &str {
    pace.strip_suffix(" tempo")
        .or(pace.strip_suffix("-tempo"))
        .unwrap_or(pace)
}

fn playing(facts: &Facts, rng: &mut Rng) -> String {
    if let [only] = facts.instruments[..] {
        let name = facts.called(only, rng);
        let text = match rng.below(4) {
            _ if facts.plan.chords.is_empty() => format!(
                "only {name} can be heard, {}",
                beat_words(facts.energy, rng)
            ),
            0 => format!("everything is played on {name} alone"),
            1 => format!("all parts are played on the {name}"),
            2 => format!("there is nothing but {name}"),
            _ => format!("the whole texture is filled by {name} alone"),
        };
        return format!("{}.", capital(&text));
    }
    let mut clauses: Vec<String> = Vec::new();
    let mut named: Vec<&'static str> = Vec::new();
    let order = [
        Role::Melody,
        Role::Comping,
        Role::Arpeggio,
        Role::Pad,
        Role::CounterMelody,
        Role::Bass,
        Role::Drums,
    ];
    for role in order {
        let Some(name) = facts.player(role) else {
            continue;
        };
        if named.contains(&name) {
            continue;
        }
        named.push(name);
        clauses.push(clause(facts, role, facts.called(name, rng), rng));
    }
    clauses.truncate(4);
    let parts: Vec<&str> = clauses.iter().map(String::as_str).collect();
    let list = match parts[..] {
        [] => return String::new(),
        [one] => one.to_owned(),
        [ref rest @ .., last] => format!(
            "{}, {} {last}",
            rest.join(", "),
            rng.pick(&["and", "while"])
        ),
    };
    format!("{}.", capital(&list))
}

fn beat_words(energy: f64, rng: &mut Rng) -> &'static str {
    if energy > 0.5 {
        rng.pick(&["driving the beat", "with a strong beat", "pushing forward"])
    } else {
        rng.pick(&[
            "keeping a soft beat",
            "with a light touch",
            "keeping time gently",
        ])
    }
}

/// What a player does, with a verb that suits one and many ("the strings can be heard").
fn clause(facts: &Facts, role: Role, name: &str, rng: &mut Rng) -> String {
    let calm = facts.energy < 0.45;
    let verbs: &[&str] = match role {
        Role::Melody => &[
            "the melody is played on {}",
            "the tune is carried by {}",
            "the lead line comes from {}",
            "{} can be heard on top",
        ],
        Role::Comping => &[
            "the chords come from {}",
            "the harmony is laid down by {}",
            "{} can be heard playing chords",
            "the accompaniment is on {}",
        ],
        Role::Arpeggio => &[
            "broken chords are played on {}",
            "arpeggios ripple on {}",
            "arpeggiated figures come from {}",
        ],
        Role::Pad => &[
            "long chords are held by {}",
            "the background is filled with {}",
            "sustained harmony is provided by {}",
        ],
        Role::CounterMelody => &[
            "a second line is added by {}",
            "the gaps are answered by {}",
            "there are countermelodies on {}",
        ],
        Role::Bass => &[
            "the low end is held by {}",
            "the roots are played on {}",
            "{} can be heard underneath",
        ],
        Role::Drums if calm => &[
            "the beat is kept softly by {}",
            "a gentle pulse comes from {}",
            "the rhythm is kept light by {}",
        ],
        Role::Drums => &[
            "the beat is driven by {}",
            "a solid groove comes from {}",
            "the rhythm is kept by {}",
        ],
    };
    rng.pick(verbs).replace("{}", name)
}

fn feeling(facts: &Facts, rng: &mut Rng) -> String {
    let (mood, adjective, scene) = (facts.mood(rng), facts.adjective(rng), facts.scene(rng));
    match rng.below(7) {
        0 => format!("It would fit {scene}."),
        1 => format!("The mood is {mood}, and it could accompany {scene}."),
        2 => format!("It sounds {mood} and {adjective}."),
        3 => format!("Overall it feels {mood}, like {scene}."),
        4 => format!("One can imagine it during {scene}."),
        5 => format!("The atmosphere is {mood}."),
        _ => format!("This would work well for {scene}, with its {mood} character."),
    }
}
