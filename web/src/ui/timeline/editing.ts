// Which chord is being renamed, which one wants the focus, and taking a new name in.

import { signal } from "@preact/signals";
import { audio } from "../../audio/player";
import { audition } from "../../audio/sketch";
import { parseChord, spoken } from "../../music/chord";
import { type Plan, renameChord } from "../../music/plan";
import { announce, toast } from "../../state/announce";
import { faults } from "../../state/draft";
import { edit, selectedChord } from "../../state/plan";

/** Index of the chord whose name is open for editing, −1 for none. */
export const editingChord = signal(-1);
/** Index of the chord that takes the focus once it is drawn, −1 for none. */
export const pendingFocus = signal(-1);

export function focusChord(index: number): void {
  selectedChord.value = index;
  pendingFocus.value = index;
}

const about = (index: number) => `/plan/chords/${index}/`;

/** What the server found wrong with a chord. */
export const chordFault = (index: number) =>
  Object.entries(faults.value).find(([pointer]) => pointer.startsWith(about(index)))?.[1];

/** Gives a chord the name that was typed; false, and a message, where it is no chord. */
export function tryRename(of: Plan, index: number, text: string): boolean {
  const chord = parseChord(text);
  if (!chord) {
    toast(`“${text}” is not a chord I know. Try Am7, F♯m7b5, C/E or N for none.`, "error");
    return false;
  }
  if (chordFault(index)) {
    faults.value = Object.fromEntries(
      Object.entries(faults.value).filter(([pointer]) => !pointer.startsWith(about(index))),
    );
  }
  if (chord.symbol !== of.chords[index]?.symbol) {
    edit(renameChord(of, index, chord.symbol), spoken(chord.symbol));
    if (chord.root !== null) audition(audio(), chord.symbol);
  } else announce(spoken(chord.symbol));
  return true;
}
