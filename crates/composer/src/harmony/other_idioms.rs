//! The harmonic habits of jazz, roots music, dances and the concert hall.

use super::dialect::Idiom;
use super::song_idioms::PLAIN;

pub(super) const AMBIENT: Idiom = Idiom {
    major: &[
        "Imaj7 IVmaj7",
        "Iadd9 vi7 IVmaj7 Vsus4",
        "I II",
        "Imaj9 iii7 IVmaj7 iii7",
        "IVadd9 I/3 vi7 V",
        "Isus2 IVsus2",
        "I bVIImaj7",
        "I IV/5",
        "Imaj7 ii7/5 IVmaj7 I/3",
    ],
    minor: &[
        "i9 bVImaj7",
        "iadd9 bVImaj7 bIII bVII",
        "i IV",
        "i7 v7 bVImaj7 bVImaj7",
        "iadd9 iv9",
        "i bVI/5 bIII/3 bVII",
    ],
    sevenths: 0.4,
    colours: 0.35,
    suspensions: 0.22,
    secondary_dominants: 0.0,
    splits: 0.02,
    loops: 0.6,
    ..PLAIN
};

pub(super) const JAZZ: Idiom = Idiom {
    major: &[
        "ii7 V7 Imaj7 Imaj7",
        "Imaj7,vi7 ii7,V7",
        "Imaj7 VI7 ii7 V7",
        "iii7 VI7 ii7 V7",
        "Imaj7 #io7 ii7 V7",
        "Imaj7 ii7,V7 iii7 vi7,V7",
        "I6,VI7 ii7,V7 iii7,VI7 ii7,V7 I7,I7/3 IV6,#ivo7 I6/5,V7 I6",
        "vi7 ii7 V7 Imaj7 IVmaj7 viiø7 III7 vi7",
        "Imaj7 Imaj7 v7 I7 IVmaj7 bVII7 Imaj7 V7",
        "ii7 bII7 Imaj7 VI7b9",
        "Imaj7 II7 ii7 V7",
        "I7 IV7 I7 I7 IV7 #ivo7 I7 VI7 ii7 V7 I7,VI7 ii7,V7",
        "Imaj7 bIIImaj7 bVImaj7 bII7",
        "Imaj7 IV7 iii7,VI7 ii7,V7",
        "Imaj7 v7,I7 IVmaj7 iv7,bVII7",
    ],
    minor: &[
        "iiø7 V7 i6 i6",
        "i7 iv7 V7 i6",
        "i7 bVI7 iiø7 V7b9",
        "iv7 bVII7 bIIImaj7 bVImaj7 iiø7 V7b9 i6 i6",
        "i7 iv7 i7 i7 iv7 iv7 i7 i7 bVI7 V7 i7 V7",
        "imaj7 i7 IV7 V7",
        "i6 iiø7,V7 i6 v7,I7",
        "i7 bVII7 bVI7 V7",
        "i7 vi7 iiø7 V7",
    ],
    shared_turns: 0.5,
    periods: 0.5,
    loops: 0.25,
    sevenths: 0.98,
    colours: 0.2,
    suspensions: 0.03,
    secondary_dominants: 0.3,
    borrowing: 0.08,
    tritone_substitutes: 0.12,
    inversions: 0.12,
    passing_diminished: 0.1,
    splits: 0.3,
};

pub(super) const BOSSA: Idiom = Idiom {
    major: &[
        "Imaj7 II7 ii7 V7",
        "Imaj7 bIImaj7 Imaj7 bIImaj7",
        "Imaj7 #io7 ii7 V7",
        "Imaj7 II7 ii7 bII7",
        "iii7 biiio7 ii7 V7",
        "Imaj7 VI7b9 ii7 V7",
        "Imaj9 iv6",
        "I69 bVII7 Imaj7 VI7",
        "Imaj7 v7,I7 IVmaj7 iv6",
    ],
    minor: &[
        "i7 iiø7 V7 i6",
        "i7 iv7 bVII7 bIIImaj7",
        "i6 bVI7 V7 i6",
        "i7 bVImaj7 iiø7 V7",
        "iv7 i7 iiø7,V7 i6",
        "i imaj7 i7 i6",
    ],
    colours: 0.3,
    splits: 0.15,
    ..JAZZ
};

pub(super) const BLUES: Idiom = Idiom {
    major: &[
        "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7",
        "I7 IV7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7",
        "I7 IV7 I7 I7 IV7 #ivo7 I7 VI7 ii7 V7 I7 V7",
        "I7 V7 IV7 IV7 I7 V7 I7 V7",
        "I7 I7 IV7 IV7 V7 IV7 I7 V7",
        "I7 VI7 II7 V7",
        "I IV I I IV IV I I V IV I V",
        "I7 III7 IV7 #ivo7 I7/5 VI7 II7,V7 I7",
    ],
    minor: &[
        "i7 i7 i7 i7 iv7 iv7 i7 i7 bVI7 V7 i7 V7",
        "i iv i i iv iv i i V iv i V",
        "i7 iv7 i7 V7",
        "i bVII bVI V",
        "i7 i7 iv7 iv7 i7 bVI7 V7 i7",
    ],
    shared_turns: 0.85,
    sevenths: 0.6,
    colours: 0.08,
    suspensions: 0.02,
    inversions: 0.06,
    splits: 0.1,
    loops: 0.6,
    ..PLAIN
};

pub(super) const FOLK: Idiom = Idiom {
    major: &[
        "I IV I V",
        "I V I IV",
        "I IV V I",
        "I I IV I I V I I",
        "I vi IV I",
        "I I V V I IV V I",
        "I V vi iii IV I IV V",
        "I IV I V I IV V I",
        "I II7 V I",
        "I I7 IV iv",
        "I iii IV I",
    ],
    minor: &[
        "i bVII i bVII",
        "i bVII bVI bVII",
        "i iv i V",
        "i bIII bVII i",
        "i iv bVII bIII",
        "i v i i",
        "i bVI bIII V",
    ],
    sevenths: 0.08,
    colours: 0.04,
    suspensions: 0.06,
    borrowing: 0.03,
    inversions: 0.35,
    splits: 0.12,
    ..PLAIN
};

pub(super) const LATIN: Idiom = Idiom {
    major: &[
        "I IV V IV",
        "I ii7 V7 I",
        "ii7 V7 Imaj7 VI7",
        "I6 II7 ii7 V7",
        "I IV I V7",
    ],
    minor: &[
        "i iv V7 iv",
        "i bVII bVI V7",
        "i V7 V7 i",
        "iv7 bVII7 bIIImaj7 V7",
        "i7 IV7 i7 IV7",
        "iiø7 V7 i i",
    ],
    shared_turns: 0.5,
    sevenths: 0.45,
    colours: 0.1,
    inversions: 0.15,
    loops: 0.7,
    ..PLAIN
};

pub(super) const TANGO: Idiom = Idiom {
    major: &["I V7 V7 I", "I VI7 ii V7", "I #io7 V7/5 I"],
    minor: &[
        "i V7 V7 i",
        "i iv V7 i",
        "i I7 iv iv V7 V7 i i",
        "i bVI iiø7 V7",
        "i viio7 i V7",
        "iv i V7 i",
        "i i/3 iv V7",
    ],
    shared_turns: 0.4,
    periods: 0.6,
    sevenths: 0.35,
    secondary_dominants: 0.2,
    inversions: 0.5,
    passing_diminished: 0.1,
    loops: 0.3,
    splits: 0.2,
    ..PLAIN
};

pub(super) const FLAMENCO: Idiom = Idiom {
    major: &["I bII I bII", "I bII bIII bII", "I IV I V7"],
    minor: &[
        "i bVII bVI V",
        "iv bIII bII i",
        "V bVI V bVI",
        "bVI V bVI V",
        "i bVII bVI V7",
        "V V bVI bVII",
        "i iv V7 i",
    ],
    shared_turns: 0.65,
    sevenths: 0.12,
    loops: 0.6,
    inversions: 0.1,
    splits: 0.15,
    ..PLAIN
};

pub(super) const CLASSICAL: Idiom = Idiom {
    major: &[
        "I V/3 vi I/5 IV I/3 ii7 V",
        "I V vi iii IV I IV V",
        "I IV/5 V7 I",
        "I ii7/3 V7 I",
        "I vi ii/3 V",
        "I V7/5 I/3 V7",
        "I I/3 IV V",
        "I IV viio iii vi ii V I",
        "I V7/3 I V",
        "I VI7 ii V",
        "I II7/3 V V7",
    ],
    minor: &[
        "i iv bVII bIII bVI iio V i",
        "i V/3 i V",
        "i bVII/3 bVI V",
        "i iiø7/7 V7/3 i",
        "i iv/3 V V7",
        "i viio7 i/3 V",
        "i bVI iio/3 V",
        "i V i bVII bIII bVII i,V i",
        "i bVI bII/3 V7",
    ],
    shared_turns: 0.3,
    periods: 0.65,
    loops: 0.15,
    sevenths: 0.22,
    colours: 0.0,
    suspensions: 0.06,
    secondary_dominants: 0.2,
    inversions: 0.8,
    passing_diminished: 0.08,
    splits: 0.25,
    ..PLAIN
};

pub(super) const CINEMATIC: Idiom = Idiom {
    major: &[
        "I bVI IV I",
        "I iii IV iv",
        "I V/3 vi IV",
        "I bIII IV I",
        "I bVI bVII I",
        "I II IV I",
        "vi IV I V",
        "I v IV iv",
        "Iadd9 V/3 IV IV",
    ],
    minor: &[
        "i bVI bIII bVII",
        "i bVI iv V",
        "i vi i vi",
        "i bIII iv bVI",
        "i bVI bIII V",
        "i iv bVI bVII",
        "i v bVI iv",
        "i bII bVI V",
        "bVI bVII i i",
        "i V/3 bVII/3 IV/3",
    ],
    sevenths: 0.06,
    colours: 0.12,
    suspensions: 0.12,
    borrowing: 0.16,
    secondary_dominants: 0.04,
    ..PLAIN
};
