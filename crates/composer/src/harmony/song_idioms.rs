//! The harmonic habits of songs and of the dance floor.

use super::dialect::Idiom;

pub(super) const PLAIN: Idiom = Idiom {
    major: &[
        "I V vi IV",
        "I vi IV V",
        "vi IV I V",
        "I IV vi V",
        "IV V iii vi",
        "I V/3 vi IV",
        "I iii IV V",
        "IV I V vi",
        "I IV I V",
        "vi V IV V",
        "I ii IV I",
        "IV V I vi",
        "I V ii IV",
        "I iii vi IV",
        "I V vi iii IV I IV V",
        "I Iadd9 IV iv",
        "I III7 vi IV",
    ],
    minor: &[
        "i bVI bIII bVII",
        "i bVII bVI bVII",
        "i iv bVI V",
        "i bIII bVII IV",
        "bVI bVII i i",
        "i v bVI bVII",
        "i bVI iv V",
        "i iv bVII bIII",
        "i bVII iv V",
        "bVI bVII i bIII",
        "i bIII iv bVI",
        "i bVII bVI V",
    ],
    shared_turns: 0.35,
    periods: 0.35,
    loops: 0.5,
    sevenths: 0.2,
    colours: 0.1,
    suspensions: 0.08,
    secondary_dominants: 0.08,
    borrowing: 0.08,
    tritone_substitutes: 0.0,
    inversions: 0.45,
    passing_diminished: 0.03,
    splits: 0.1,
};

pub(super) const ROCK: Idiom = Idiom {
    major: &[
        "I bVII IV I",
        "I IV V IV",
        "I bIII IV I",
        "I V bVII IV",
        "I bVI bVII I",
        "I IV bVII I",
        "I I bVII IV",
        "V IV I I",
        "I II IV I",
    ],
    minor: &[
        "i bVII bVI bVII",
        "i bIII bVII iv",
        "i bVI bVII i",
        "i iv i bVII",
        "i bIII iv V",
        "i bVII IV i",
        "i i bVI bVII",
    ],
    sevenths: 0.08,
    colours: 0.06,
    suspensions: 0.1,
    inversions: 0.25,
    ..PLAIN
};

pub(super) const METAL: Idiom = Idiom {
    minor: &[
        "i bII i bVII",
        "i bVI bVII i",
        "i bIII bII i",
        "i bVI iv V",
        "i i bII bIII",
        "i bVI bIII bVII",
        "i v bVI bII",
        "i io bVI V",
        "i bVII bVI V",
    ],
    sevenths: 0.02,
    colours: 0.0,
    suspensions: 0.03,
    inversions: 0.12,
    passing_diminished: 0.06,
    ..ROCK
};

pub(super) const BALLAD: Idiom = Idiom {
    major: &[
        "I V/3 vi IV",
        "I iii IV V",
        "I V/3 vi I/5 IV I/3 ii V",
        "I I+ vi I7 IV iv I V",
        "IV V/3 iii vi ii V I I",
        "Imaj7 vi7 ii7 V7",
        "I III7 vi iv",
        "I bVII IV iv",
        "IV iv I V",
        "I vi ii V",
        "I V/3 bVII/3 IV",
    ],
    minor: &[
        "i V/3 bVII/3 IV/3 bVI V i V",
        "i bVI bIII bVII",
        "i iv bVII bIII bVI iiø7 V i",
        "i imaj7 i7 i6",
        "i V/3 i/3 iv",
        "i bVII/3 bVI V",
    ],
    sevenths: 0.3,
    colours: 0.14,
    inversions: 0.8,
    splits: 0.2,
    borrowing: 0.14,
    loops: 0.35,
    ..PLAIN
};

pub(super) const FUNK: Idiom = Idiom {
    major: &[
        "I7 I7 IV7 I7",
        "I7 bVII7",
        "I9 IV9",
        "ii7 V7 ii7 V7",
        "I7 IV7 I7 V7",
        "IVmaj7 iii7 ii7 Imaj7",
    ],
    minor: &[
        "i7 IV7",
        "i7 i7 iv7 i7",
        "i7 bVII7 bVI7 V7",
        "i7 iv7 bVII7 bIIImaj7",
        "i9 IV9",
        "i7 bIII iv7 bVII",
        "bVImaj7 V7 i7 bIIImaj7",
        "i7 v7",
    ],
    shared_turns: 0.45,
    sevenths: 0.7,
    colours: 0.25,
    inversions: 0.15,
    loops: 0.7,
    ..PLAIN
};

pub(super) const SOUL: Idiom = Idiom {
    major: &[
        "Imaj7 iii7 IVmaj7 V7sus4",
        "Imaj7 vi7 ii7 V7",
        "IVmaj7 III7 vi7 I7",
        "I III7 IV iv",
        "Imaj9 IVmaj9",
        "IVmaj7 iii7 ii7 Imaj7",
        "I I7/3 IV iv6",
        "ii7 iii7 IVmaj7 V7sus4",
        "I #io7 ii7 V7",
        "Imaj7 bIIImaj7 bVImaj7 V7sus4",
        "IVmaj7 V7 iii7 vi7",
    ],
    minor: &[
        "i7 iv7 bVII7 bIIImaj7",
        "i9 iv9",
        "bVImaj7 V7 i7 I7",
        "iv7 V7 i7 i7",
        "i7 bVImaj7 iiø7 V7",
        "bVImaj7 v7 iv7 i7",
        "i7 bIIImaj7 bVImaj7 V7",
    ],
    shared_turns: 0.4,
    sevenths: 0.82,
    colours: 0.28,
    secondary_dominants: 0.16,
    borrowing: 0.14,
    passing_diminished: 0.08,
    splits: 0.2,
    ..PLAIN
};

pub(super) const REGGAE: Idiom = Idiom {
    major: &[
        "I IV I V",
        "I ii I ii",
        "I V vi IV",
        "I iii ii V",
        "I bVII I bVII",
        "I vi IV V",
    ],
    minor: &[
        "i iv i iv",
        "i bVII i bVII",
        "i iv v i",
        "i bVI iv v",
        "i bIII iv i",
    ],
    sevenths: 0.15,
    colours: 0.05,
    inversions: 0.15,
    splits: 0.2,
    ..PLAIN
};

pub(super) const CLUB: Idiom = Idiom {
    major: &[
        "I vi IV V",
        "IVmaj7 iii7",
        "ii7 IVmaj7 I V",
        "vi7 IVmaj7 Imaj7 V",
        "IVmaj7 V6 vi7 vi7",
        "I bVII IV iv",
    ],
    minor: &[
        "i7 bVImaj7",
        "i iv7 bVII bIII",
        "i7 v7 bVImaj7 iv7",
        "bVImaj7 bVII i7 i7",
        "i bVII bVI bVII",
        "i7 iv7",
        "i bIII bVII IV",
        "iv7 v7 i7 i7",
        "i9 bIIImaj7 iv9 bVImaj7",
    ],
    shared_turns: 0.4,
    sevenths: 0.45,
    colours: 0.15,
    secondary_dominants: 0.02,
    inversions: 0.25,
    loops: 0.75,
    splits: 0.04,
    ..PLAIN
};

pub(super) const LOOP: Idiom = Idiom {
    minor: &[
        "i bVI",
        "i iv",
        "i bVImaj7 iv7 V7",
        "i bII",
        "i7 iv7 bVImaj7 V7",
        "i bVII bVI V",
        "i iiø7 V7 i",
        "bVI V i i",
        "i bVI bIII V",
    ],
    sevenths: 0.4,
    loops: 0.8,
    ..CLUB
};
