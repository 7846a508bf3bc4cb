//! Rhythm as musicians write it down: a row of steps, `x...x...`, one bar between bars `|`.
//!
//! Every bar of a row divides its beats evenly, so sixteen characters in 4/4 are sixteenths and
//! twelve are triplets (or, in 3/4, sixteenths). A row of several bars repeats after the last.
//! `.` is silence, `-` holds the step before; what the other characters mean is up to the part.

/// One sounding step of a pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// Onset in beats after the bar line.
    pub(crate) at: f64,
    /// Length in beats, the step itself and its `-` holds.
    pub(crate) len: f64,
    /// The character.
    pub(crate) token: char,
}

/// The steps of bar `bar` of `pattern`, in a bar of `num_beats` beats.
///
/// `written_beats` is the number of beats of a bar as the pattern was written. A bar of more beats
/// repeats the pattern's beats from the second on; a bar of fewer drops the last.
pub(crate) fn steps(
    pattern: &str,
    bar: usize,
    written_beats: usize,
    num_beats: usize,
) -> Vec<Step> {
    let rows: Vec<&str> = pattern.split('|').collect();
    let row: Vec<char> = rows[bar % rows.len()].chars().collect();
    let per_beat = (row.len() / written_beats.max(1)).max(1);
    let source_beat = |beat: usize| match written_beats {
        0 | 1 => 0,
        written if beat < written => beat,
        written => 1 + (beat - 1) % (written - 1),
    };
    let mut found: Vec<Step> = Vec::new();
    let mut holding = false;
    for beat in 0..num_beats {
        for sub in 0..per_beat {
            let token = row
                .get(source_beat(beat) * per_beat + sub)
                .copied()
                .unwrap_or('.');
            let len = 1.0 / per_beat as f64;
            match token {
                '.' => holding = false,
                '-' => {
                    if let Some(last) = found.last_mut().filter(|_| holding) {
                        last.len += len;
                    }
                }
                token => {
                    found.push(Step {
                        at: beat as f64 + sub as f64 * len,
                        len,
                        token,
                    });
                    holding = true;
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteenths_of_a_bar() {
        let found = steps("x--.o...|....x---", 0, 4, 4);
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            Step {
                at: 0.0,
                len: 1.5,
                token: 'x'
            }
        );
        assert_eq!(
            found[1],
            Step {
                at: 2.0,
                len: 0.5,
                token: 'o'
            }
        );
        assert_eq!(steps("x--.o...|....x---", 3, 4, 4)[0].len, 2.0);
    }

    #[test]
    fn a_longer_bar_repeats_the_inner_beats() {
        let beats: Vec<char> = steps("abcd", 0, 4, 7).iter().map(|s| s.token).collect();
        assert_eq!(beats, ['a', 'b', 'c', 'd', 'b', 'c', 'd']);
        assert_eq!(steps("abcd", 0, 4, 3).len(), 3);
    }

    #[test]
    fn a_hold_after_silence_stays_silent() {
        assert_eq!(
            steps("x.--", 0, 4, 4),
            [Step {
                at: 0.0,
                len: 1.0,
                token: 'x'
            }]
        );
    }
}
