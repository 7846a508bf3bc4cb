//! Tempo words: the Italian terms with the cuts of the MusicBench data set, and the everyday words
//! that people use for a pace.
//!
//! The tempo of given beats is computed in `beat`; finding words in running text is in `describe`.

/// Tempos that separate the nine Italian terms, in beats per minute; the upper term begins just
/// above each.
const CUTS_BPM: [f64; 8] = [40.0, 60.0, 70.0, 90.0, 110.0, 140.0, 160.0, 210.0];

const TERMS: [&str; 9] = [
    "Grave",
    "Largo",
    "Adagio",
    "Andante",
    "Moderato",
    "Allegro",
    "Vivace",
    "Presto",
    "Prestissimo",
];

/// Words for a pace in English and in the languages of scores, with the tempos they stand for.
/// Ranges are customary, not standardised; those of the nine terms above are not repeated here.
const WORDS: [(&str, f64, f64); 47] = [
    ("larghissimo", 20.0, 40.0),
    ("larghetto", 60.0, 66.0),
    ("lento", 40.0, 60.0),
    ("adagissimo", 30.0, 50.0),
    ("adagietto", 66.0, 76.0),
    ("andantino", 76.0, 96.0),
    ("allegretto", 104.0, 120.0),
    ("allegrissimo", 150.0, 180.0),
    ("vivacissimo", 160.0, 180.0),
    ("veloce", 130.0, 180.0),
    ("rapido", 130.0, 180.0),
    ("rápido", 130.0, 180.0),
    ("moderado", 90.0, 115.0),
    ("langsam", 40.0, 76.0),
    ("mäßig", 85.0, 115.0),
    ("lebhaft", 120.0, 150.0),
    ("schnell", 130.0, 180.0),
    ("lent", 40.0, 70.0),
    ("modéré", 85.0, 115.0),
    ("vif", 130.0, 165.0),
    ("very slow", 35.0, 60.0),
    ("extremely slow", 25.0, 50.0),
    ("slow", 50.0, 80.0),
    ("slow-paced", 50.0, 80.0),
    ("slow tempo", 50.0, 80.0),
    ("downtempo", 60.0, 95.0),
    ("down-tempo", 60.0, 95.0),
    ("laid-back tempo", 70.0, 100.0),
    ("relaxed tempo", 65.0, 95.0),
    ("walking pace", 76.0, 100.0),
    ("medium slow", 70.0, 95.0),
    ("medium", 90.0, 120.0),
    ("medium tempo", 90.0, 120.0),
    ("medium-tempo", 90.0, 120.0),
    ("mid-tempo", 90.0, 120.0),
    ("midtempo", 90.0, 120.0),
    ("mid tempo", 90.0, 120.0),
    ("moderate", 90.0, 115.0),
    ("moderate tempo", 90.0, 115.0),
    ("medium fast", 110.0, 135.0),
    ("upbeat tempo", 115.0, 150.0),
    ("uptempo", 120.0, 165.0),
    ("up-tempo", 120.0, 165.0),
    ("fast", 125.0, 175.0),
    ("fast-paced", 125.0, 175.0),
    ("fast tempo", 125.0, 175.0),
    ("very fast", 160.0, 210.0),
];

/// Which of the nine tempo terms a tempo falls under: 0 is Grave, 8 is Prestissimo.
///
/// A tempo exactly on a cut belongs to the slower term, and so does what is not a number.
pub fn tempo_bin(tempo_bpm: f64) -> usize {
    CUTS_BPM.iter().filter(|&&cut| tempo_bpm > cut).count()
}

/// The Italian term for a tempo in beats per minute, capitalised.
pub fn tempo_word(tempo_bpm: f64) -> &'static str {
    TERMS[tempo_bin(tempo_bpm)]
}

/// Slowest and fastest tempo that a word for a pace stands for, in beats per minute.
///
/// The nine terms of [`tempo_word`] have its cuts; the outer two end at 20 and 400. Case does not
/// matter. `None` for any other word.
pub fn tempo_range_of_word(word: &str) -> Option<(f64, f64)> {
    let word = word.trim().to_lowercase();
    if let Some(bin) = TERMS
        .iter()
        .position(|term| term.eq_ignore_ascii_case(&word))
    {
        let (slowest, fastest) = crate::TEMPO_RANGE_BPM;
        let lower = bin.checked_sub(1).map_or(slowest, |cut| CUTS_BPM[cut]);
        return Some((lower, CUTS_BPM.get(bin).copied().unwrap_or(fastest)));
    }
    WORDS
        .iter()
        .find(|(name, ..)| *name == word)
        .map(|&(_, lower, upper)| (lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_belong_to_the_slower_term() {
        let expected = [
            (40.0, "Grave"),
            (40.1, "Largo"),
            (60.0, "Largo"),
            (66.0, "Adagio"),
            (70.0, "Adagio"),
            (90.0, "Andante"),
            (91.0, "Moderato"),
            (110.0, "Moderato"),
            (120.0, "Allegro"),
            (140.0, "Allegro"),
            (141.0, "Vivace"),
            (160.0, "Vivace"),
            (210.0, "Presto"),
            (211.0, "Prestissimo"),
        ];
        for (tempo_bpm, word) in expected {
            assert_eq!(tempo_word(tempo_bpm), word, "{tempo_bpm}");
        }
        assert_eq!(tempo_word(f64::NAN), "Grave");
        assert_eq!((tempo_bin(0.0), tempo_bin(1e9)), (0, 8));
    }

    #[test]
    fn the_range_of_a_term_holds_the_tempos_named_so() {
        for tempo_bpm in 20..=400 {
            let tempo_bpm = f64::from(tempo_bpm);
            let (lower, upper) = tempo_range_of_word(tempo_word(tempo_bpm)).unwrap();
            assert!((lower..=upper).contains(&tempo_bpm), "{tempo_bpm}");
        }
    }

    #[test]
    fn everyday_words_are_known_in_any_case() {
        let middle = |word: &str| {
            tempo_range_of_word(word)
                .map(|(lower, upper)| (lower + upper) / 2.0)
                .unwrap()
        };
        assert!(middle("Very Slow") < middle("slow"));
        assert!(middle("slow") < middle("Mid-tempo"));
        assert!(middle("mid-tempo") < middle("UPTEMPO"));
        assert!(middle("fast") < middle("very fast"));
        assert_eq!(tempo_range_of_word("piano"), None);
        assert_eq!(tempo_range_of_word(""), None);
        for (word, lower, upper) in WORDS {
            assert!(20.0 <= lower && lower < upper && upper <= 400.0, "{word}");
        }
    }
}
