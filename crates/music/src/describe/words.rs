//! Cuts running text into words and what stands between them.
//!
//! Each character is looked at a fixed number of times, so that time grows with the length only.

/// What separates a word from the one before, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    Space,
    /// A dash or arrow standing alone, or a bar line.
    Dash,
    /// A colon or an equals sign.
    Colon,
    /// A comma, semicolon, bracket or line end.
    Comma,
    /// The end of a sentence, or the start of the text.
    Sentence,
}

/// A word without the punctuation around it.
#[derive(Debug)]
pub(super) struct Word<'a> {
    /// As written.
    pub(super) text: &'a str,
    /// In lower case.
    pub(super) lower: String,
    /// What stands before it.
    pub(super) gap: Gap,
}

/// Words with safe access beyond both ends.
pub(super) struct Words<'a>(Vec<Word<'a>>);

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut words: Vec<Word<'a>> = Vec::new();
        let mut gap = Gap::Sentence;
        for chunk in chunks(text) {
            let (before, core, after) = trim(chunk);
            if core.is_empty() {
                gap = gap.max(gap_of(chunk, true));
                continue;
            }
            gap = gap.max(gap_of(before, false));
            words.push(Word {
                text: core,
                lower: core.to_lowercase(),
                gap,
            });
            // The last point of `N.C.` belongs to it.
            let after = if core == "N.C" {
                after.strip_prefix('.').unwrap_or(after)
            } else {
                after
            };
            gap = gap_of(after, false);
        }
        Self(words)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Word<'a>> {
        self.0.get(index)
    }

    /// The word in lower case; empty beyond either end.
    pub(super) fn lower(&self, index: usize) -> &str {
        self.0.get(index).map_or("", |word| &word.lower)
    }

    /// The word before `index` in lower case, where no sentence ends between them; else empty.
    pub(super) fn lower_before(&self, index: usize) -> &str {
        match index.checked_sub(1) {
            Some(before) if self.gap(index) < Gap::Sentence => self.lower(before),
            _ => "",
        }
    }

    /// The word as written; empty beyond the end.
    pub(super) fn text(&self, index: usize) -> &'a str {
        self.0.get(index).map_or("", |word| word.text)
    }

    /// What stands before the word; the end of the text ends a sentence.
    pub(super) fn gap(&self, index: usize) -> Gap {
        self.0.get(index).map_or(Gap::Sentence, |word| word.gap)
    }
}

/// Pieces between white space, commas and bar lines; a comma inside the brackets of a word, as in
/// `C7(b9,#11)`, does not cut. The separating character ends its piece.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    let (mut brackets, mut begun) = (0_u32, false);
    text.split_inclusive(move |c: char| {
        begun |= c.is_alphanumeric();
        match c {
            '(' if begun => brackets += 1,
            ')' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        let cuts =
            c.is_whitespace() || matches!(c, '|' | '→' | '—' | ';') || c == ',' && brackets == 0;
        if cuts {
            (brackets, begun) = (0, false);
        }
        cuts
    })
}

/// Takes punctuation off both ends: what stands before, the word, what stands behind. A closing
/// bracket stays where the word has an opening one. Signs alone, such as `~` or `-`, are no word.
fn trim(chunk: &str) -> (&str, &str, &str) {
    let sign = |c: char| matches!(c, '♯' | '♭' | '#' | '°' | '△' | '∆' | '~' | '≈');
    let word = |c: char| c.is_alphanumeric() || matches!(c, '♩' | '♪' | '&');
    let Some(start) = chunk
        .find(|c: char| word(c) || sign(c))
        .filter(|_| chunk.contains(word))
    else {
        return (chunk, "", "");
    };
    let (before, rest) = chunk.split_at(start);
    let open = rest.contains('(');
    let stays = |c: char| {
        word(c) || sign(c) || matches!(c, '+' | '-' | '−' | '%' | '𝄪' | '𝄫') || c == ')' && open
    };
    let (core, after) = rest.split_at(rest.trim_end_matches(|c: char| !stays(c)).len());
    (before, core, after)
}

/// The strongest separator among the punctuation of a gap.
fn gap_of(punctuation: &str, alone: bool) -> Gap {
    let strength = |c: char| match c {
        '.' | '!' | '?' | '…' | '。' => Gap::Sentence,
        ',' | ';' | '(' | ')' | '[' | ']' | '\n' | '•' | '、' | '*' => Gap::Comma,
        ':' | '=' => Gap::Colon,
        '|' | '→' | '—' | '>' => Gap::Dash,
        '-' | '–' | '−' | '/' if alone => Gap::Dash,
        _ => Gap::Space,
    };
    punctuation
        .chars()
        .map(strength)
        .max()
        .unwrap_or(Gap::Space)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(String, Gap)> {
        let words = Words::new(text);
        (0..words.len())
            .map(|index| (words.text(index).to_owned(), words.gap(index)))
            .collect()
    }

    #[test]
    fn words_and_gaps() {
        use Gap::{Colon, Comma, Dash, Sentence, Space};
        let expected = [
            ("Chords", Sentence),
            ("Am7", Colon),
            ("C7(b9,#11)", Comma),
            ("G", Dash),
            ("N.C", Dash),
            ("F#m7b5/E", Space),
            ("118.0", Comma),
            ("Then", Sentence),
            ("B♭", Space),
        ];
        let words = cut("Chords: Am7,C7(b9,#11) - G | N.C. F#m7b5/E (118.0). “Then” B♭!");
        assert_eq!(words, expected.map(|(text, gap)| (text.to_owned(), gap)));
    }

    #[test]
    fn signs_alone_are_gaps() {
        assert_eq!(cut("~ - … ()"), []);
        assert_eq!(cut(""), []);
        assert_eq!(cut("a ~ b").len(), 2);
        assert_eq!(cut("♩ = 90").len(), 2);
    }
}
