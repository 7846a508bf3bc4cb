//! Form: where sections begin, how loud they are and who rests in them.

use crate::rng::Rng;
use crate::score::Section;
use crate::style::Role;
use crate::timeline::Timeline;

/// A section in bars.
#[derive(Debug, Clone)]
struct Block {
    name: &'static str,
    first_bar: usize,
    intensity: f64,
    silent: Vec<Role>,
}

/// The form of a piece.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    blocks: Vec<Block>,
    starts: Vec<f64>,
}

/// A quieter section and the full one that it stands beside.
const PAIRS: [(&str, &str, bool); 5] = [
    ("intro", "verse", true),
    ("verse", "chorus", true),
    ("breakdown", "drop", true),
    ("chorus", "bridge", false),
    ("chorus", "outro", false),
];

impl Form {
    /// Lays sections over the bars of a timeline for a band with these roles.
    ///
    /// Up to ten bars are one section, or two with the change on an even bar; longer pieces
    /// change every eight bars.
    pub(crate) fn new(timeline: &Timeline, roles: &[Role], rng: &mut Rng) -> Self {
        let num_bars = timeline.bars.len();
        let can_thin = roles.len() >= 3;
        let mut blocks = Vec::new();
        if num_bars <= 10 && (num_bars < 4 || !can_thin || rng.chance(0.62)) {
            let name = rng.pick(&["verse", "chorus", "verse", "theme"]);
            blocks.push(Block {
                name,
                first_bar: 0,
                intensity: rng.between(0.6, 1.0),
                silent: vec![],
            });
        } else if num_bars <= 10 {
            let (first, second, rises) = rng.pick(&PAIRS);
            let change = (num_bars / 2) & !1;
            let thin = |name, first_bar, rng: &mut Rng| Block {
                name,
                first_bar,
                intensity: rng.between(0.4, 0.65),
                silent: resting(roles, rng),
            };
            let full = |name, first_bar| Block {
                name,
                first_bar,
                intensity: 1.0,
                silent: vec![],
            };
            if rises {
                blocks.push(thin(first, 0, rng));
                blocks.push(full(second, change.max(2)));
            } else {
                blocks.push(full(first, 0));
                blocks.push(thin(second, change.max(2), rng));
            }
        } else {
            blocks = long_form(num_bars, roles, can_thin, rng);
        }
        let start = |block: &Block| {
            timeline
                .bars
                .get(block.first_bar)
                .map_or(timeline.end(), |bar| bar.start)
        };
        Self {
            starts: blocks.iter().map(start).collect(),
            blocks,
        }
    }

    fn index_at(&self, position: f64) -> usize {
        self.starts
            .partition_point(|&start| start <= position + 1e-6)
            .max(1)
            - 1
    }

    /// Loudness at a position, 0 to 1.
    pub(crate) fn intensity(&self, position: f64) -> f64 {
        self.blocks[self.index_at(position)].intensity
    }

    /// Whether a role plays at a position.
    pub(crate) fn plays(&self, role: Role, position: f64) -> bool {
        !self.blocks[self.index_at(position)].silent.contains(&role)
    }

    /// The bars in which sections begin.
    pub(crate) fn first_bars(&self) -> Vec<usize> {
        self.blocks.iter().map(|block| block.first_bar).collect()
    }

    /// The sections in seconds, inside `0..duration_s`.
    pub(crate) fn sections(&self, timeline: &Timeline, duration_s: f64) -> Vec<Section> {
        let ends = self.starts.iter().skip(1).copied().chain([timeline.end()]);
        let bounds = self.starts.iter().zip(ends);
        let section = |(block, (&start, end)): (&Block, (&f64, f64))| Section {
            name: block.name,
            start_s: timeline.time_s(start).max(0.0),
            end_s: timeline.time_s(end).min(duration_s),
            intensity: block.intensity,
        };
        let sections = self.blocks.iter().zip(bounds).map(section);
        sections
            .filter(|section| section.end_s > section.start_s)
            .collect()
    }
}

fn long_form(num_bars: usize, roles: &[Role], can_thin: bool, rng: &mut Rng) -> Vec<Block> {
    const ROUND: [(&str, f64); 6] = [
        ("intro", 0.5),
        ("verse", 0.7),
        ("chorus", 1.0),
        ("verse", 0.75),
        ("chorus", 1.0),
        ("bridge", 0.6),
    ];
    let block = |(i, first_bar): (usize, usize)| {
        let (name, intensity) = match ROUND.get(i) {
            _ if i > 0 && first_bar + 8 >= num_bars => ("outro", 0.65),
            Some(&(name, intensity)) => (name, intensity),
            None => ROUND[1 + i % 5],
        };
        let silent = if can_thin && intensity < 0.68 {
            resting(roles, rng)
        } else {
            vec![]
        };
        Block {
            name,
            first_bar,
            intensity,
            silent,
        }
    };
    (0..num_bars).step_by(8).enumerate().map(block).collect()
}

/// Who rests in a thin section: one or two, never everyone who plays chords.
fn resting(roles: &[Role], rng: &mut Rng) -> Vec<Role> {
    let mut may_rest: Vec<Role> = [
        Role::Drums,
        Role::Melody,
        Role::CounterMelody,
        Role::Arpeggio,
        Role::Pad,
    ]
    .into_iter()
    .filter(|role| roles.contains(role))
    .collect();
    if !roles.contains(&Role::Comping) {
        may_rest.retain(|&role| role != Role::Pad);
        if !roles.contains(&Role::Pad) {
            may_rest.retain(|&role| role != Role::Arpeggio);
        }
    }
    let wanted = 1 + rng.below(2);
    let mut silent = Vec::new();
    while silent.len() < wanted && !may_rest.is_empty() && silent.len() + 2 < roles.len() {
        silent.push(may_rest.swap_remove(rng.below(may_rest.len())));
    }
    silent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::testing::timeline;

    const BAND: [Role; 4] = [Role::Drums, Role::Bass, Role::Comping, Role::Melody];

    #[test]
    fn someone_always_plays_the_chords() {
        let timeline = timeline("C F G C C F G C C F G C");
        for seed in 0..200 {
            for roles in [
                &BAND[..],
                &[Role::Bass, Role::Pad, Role::Arpeggio, Role::Melody],
            ] {
                let form = Form::new(&timeline, roles, &mut Rng::new(seed, "form"));
                for bar in &timeline.bars {
                    let chordal = [Role::Comping, Role::Pad, Role::Arpeggio];
                    let heard =
                        |role: &&Role| roles.contains(role) && form.plays(**role, bar.start);
                    assert!(chordal.iter().any(|role| heard(&role)));
                    assert!((0.0..=1.0).contains(&form.intensity(bar.start)));
                }
            }
        }
    }

    #[test]
    fn sections_cover_the_clip_without_gaps() {
        let timeline = timeline("C F G C C F G C C F G C C F G C C F G C C F G C C F G C");
        for seed in 0..50 {
            let form = Form::new(&timeline, &BAND, &mut Rng::new(seed, "cover"));
            let sections = form.sections(&timeline, 26.0);
            assert_eq!(sections[0].start_s, 0.0);
            assert_eq!(sections[sections.len() - 1].end_s, 26.0);
            assert!(
                sections
                    .windows(2)
                    .all(|pair| pair[0].end_s == pair[1].start_s)
            );
        }
    }
}
