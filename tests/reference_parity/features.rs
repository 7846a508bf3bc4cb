//! Beats and chords as the networks hear them.
