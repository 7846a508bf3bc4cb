// The chords on the time axis: a grid of one row for screen readers, with one cell in the tab order.
// By mouse: drag a chord to move it, its left edge to change where it begins, double-click to rename.

import { useLayoutEffect, useRef } from "preact/hooks";
import { audio } from "../../audio/player";
import { audition } from "../../audio/sketch";
import { chordHue, parseChord, spoken, typeset } from "../../music/chord";
import { numeral, parseKey } from "../../music/key";
import {
  type Plan,
  type Span,
  addChord,
  moveChord,
  moveStart,
  nearestChord,
  removeChord,
  spans,
  stepBeats,
} from "../../music/plan";
import { snap, spokenPosition, toBeats } from "../../music/time";
import { announce } from "../../state/announce";
import { edit, endEdit, plan, selectedChord } from "../../state/plan";
import { fineGrid, preferences, pxPerS } from "../../state/view";
import { startDrag } from "./drag";
import { chordFault, editingChord, focusChord, pendingFocus, tryRename } from "./editing";

const NARROW_PX = 52;

/** A symbol set as on a lead sheet. */
export function ChordSymbol({ symbol }: { symbol: string }) {
  const { root, accidental, minor, quality, bass } = typeset(symbol);
  return (
    <span class="symbol" aria-hidden="true">
      {root}
      {accidental && <span class="accidental">{accidental}</span>}
      {minor && <span class="small-m">{minor}</span>}
      {quality && <sup>{quality}</sup>}
      {bass && <span class="bass">/{bass}</span>}
    </span>
  );
}

function describe(of: Plan, span: Span): string {
  const beats = toBeats(of.beats, span.endS) - toBeats(of.beats, span.startS);
  const length = Math.round(beats * 10) / 10;
  return `${spoken(span.symbol)}, ${spokenPosition(of.beats, span.startS)}, ${length} ${length === 1 ? "beat" : "beats"}`;
}

/** Moves a chord by beats and keeps the focus on it. */
export function nudge(of: Plan, index: number, beats: number): void {
  const chord = of.chords[index];
  if (!chord) return;
  const next = moveChord(of, index, stepBeats(of, chord.t, beats));
  const at = nearestChord(next, stepBeats(of, chord.t, beats));
  edit(
    next,
    `${spoken(chord.symbol)} moved to ${spokenPosition(next.beats, next.chords[at]?.t ?? 0)}`,
    `move ${chord.symbol}`,
  );
  focusChord(at);
}

/** Makes a chord longer or shorter by moving where the next one begins. */
export function resize(of: Plan, index: number, beats: number): void {
  const next = of.chords[index + 1];
  if (!next) return announce("The last chord lasts to the end");
  const changed = moveStart(of, index + 1, stepBeats(of, next.t, beats));
  const span = spans(changed).find((s) => s.index === index);
  edit(changed, span ? describe(changed, span) : "", `resize ${index}`);
}

export function erase(of: Plan, index: number): void {
  const gone = of.chords[index];
  if (!gone) return;
  edit(removeChord(of, index), `${spoken(gone.symbol)} removed`);
  focusChord(Math.max(0, index - 1));
}

/** Cuts a chord in two at its middle beat. */
export function split(of: Plan, index: number): void {
  const span = spans(of).find((s) => s.index === index);
  if (!span) return;
  const middle = snap(of.beats, (span.startS + span.endS) / 2, 0.5);
  if (middle - span.startS < 0.05 || span.endS - middle < 0.05) return;
  edit(
    { ...of, chords: of.chords.toSpliced(index + 1, 0, { t: middle, symbol: span.symbol }) },
    "Chord split",
  );
  focusChord(index + 1);
  editingChord.value = index + 1;
}

export function insertAt(of: Plan, t: number): void {
  const key = parseKey(of.key);
  const symbol = key ? key.name + (key.mode === "minor" ? "m" : "") : "C";
  const at = snap(of.beats, t, fineGrid.value ? 0.5 : 1);
  const taken = of.chords.findIndex((chord) => Math.abs(chord.t - at) < 0.012);
  if (taken < 0) edit(addChord(of, at, symbol), "Chord added");
  const index = nearestChord(plan.value!, at);
  focusChord(index);
  editingChord.value = index;
}

function onCellKey(event: KeyboardEvent, of: Plan, index: number): void {
  const fine = fineGrid.value ? 0.5 : 1;
  const direction = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
  const last = spans(of).length - 1;
  const done = (act: () => void) => (event.preventDefault(), event.stopPropagation(), act());
  if (event.ctrlKey || event.metaKey) return;
  if (direction && event.altKey && event.shiftKey) return done(() => resize(of, index, direction * fine));
  if (direction && event.altKey) return done(() => nudge(of, index, direction * fine));
  if (direction) return done(() => focusChord(Math.min(Math.max(index + direction, 0), last)));
  if (event.key === "Home") return done(() => focusChord(0));
  if (event.key === "End") return done(() => focusChord(last));
  if (event.key === "Enter" || event.key === "F2") return done(() => (editingChord.value = index));
  if (event.key === "Delete" || event.key === "Backspace") return done(() => erase(of, index));
  if (event.key === "Insert") return done(() => split(of, index));
  // A letter of a note begins a new name.
  if (/^[A-Ga-g]$/.test(event.key))
    return done(() => ((editingChord.value = index), (selectedChord.value = index)));
}

function NameInput({ of, index }: { of: Plan; index: number }) {
  const input = useRef<HTMLInputElement>(null);
  const closed = useRef(false);
  // Before the next key comes: whoever types at once must not type past it.
  useLayoutEffect(() => (input.current!.focus(), input.current!.select()), []);
  const close = (keep: boolean) => {
    if (closed.current) return;
    if (keep && !tryRename(of, index, input.current!.value)) {
      input.current!.setAttribute("aria-invalid", "true");
      return;
    }
    closed.current = true;
    editingChord.value = -1;
    focusChord(index);
  };
  return (
    <input
      ref={input}
      class="chord-input"
      aria-label="Chord symbol"
      value={of.chords[index]?.symbol}
      maxLength={32}
      autocomplete="off"
      autocapitalize="off"
      spellcheck={false}
      onPointerDown={(event) => event.stopPropagation()}
      onDblClick={(event) => event.stopPropagation()}
      onInput={(event) => event.currentTarget.removeAttribute("aria-invalid")}
      onBlur={() => {
        if (closed.current) return;
        closed.current = true;
        tryRename(of, index, input.current!.value);
        editingChord.value = -1;
      }}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === "Enter") close(true);
        if (event.key === "Escape") close(false);
      }}
    />
  );
}

function Cell({ of, span, focusable }: { of: Plan; span: Span; focusable: boolean }) {
  const { index, symbol, startS, endS } = span;
  const cell = useRef<HTMLDivElement>(null);
  const editing = editingChord.value === index;
  const chord = parseChord(symbol);
  const px = (endS - startS) * pxPerS.value;
  const roman = preferences.value.numerals && px > NARROW_PX ? numeral(symbol, parseKey(of.key)) : "";
  const wrong = chordFault(index);
  const minor = chord?.intervals.includes(3) && !chord.intervals.includes(4);
  const grid = fineGrid.value ? 0.5 : 1;
  useLayoutEffect(() => {
    if (pendingFocus.value !== index || editing) return;
    cell.current?.focus({ preventScroll: false });
    pendingFocus.value = -1;
  });
  const dragBody = (event: PointerEvent) => {
    if (editing) return;
    selectedChord.value = index;
    const before = of;
    startDrag(event, {
      move: (byS) => {
        const next = moveChord(before, index, snap(before.beats, startS + byS, grid));
        selectedChord.value = nearestChord(next, snap(before.beats, startS + byS, grid));
        edit(next, "", `drag ${startS}`);
      },
      end: (moved) => {
        endEdit();
        if (moved)
          announce(
            `${spoken(symbol)} moved to ${spokenPosition(plan.value!.beats, plan.value!.chords[selectedChord.value]?.t ?? 0)}`,
          );
        else if (chord?.root !== null) audition(audio(), symbol);
      },
    });
  };
  const dragEdge = (event: PointerEvent) => {
    event.stopPropagation();
    selectedChord.value = index;
    const before = of;
    startDrag(event, {
      move: (byS) =>
        edit(moveStart(before, index, snap(before.beats, startS + byS, grid)), "", `drag edge ${index}`),
      end: endEdit,
    });
  };
  return (
    <div
      ref={cell}
      role="gridcell"
      class={`chord${selectedChord.value === index ? " selected" : ""}${minor ? " minor" : ""}${chord?.root == null ? " silent" : ""}${editing ? " editing" : ""}`}
      style={{
        left: `${startS * pxPerS.value}px`,
        width: `${px}px`,
        "--hue": String(chordHue(chord?.root ?? 0)),
      }}
      tabIndex={focusable ? 0 : -1}
      aria-selected={selectedChord.value === index}
      aria-colindex={index + 1}
      aria-invalid={wrong !== undefined || undefined}
      aria-description="Enter renames, Delete removes, Alt and arrows move, Alt, Shift and arrows change the length"
      onPointerDown={dragBody}
      onDblClick={() => (editingChord.value = index)}
      onFocus={() => (selectedChord.value = index)}
      onKeyDown={(event) => event.target === cell.current && onCellKey(event, of, index)}
    >
      <span class="sr-only">{describe(of, span)}</span>
      {index > 0 && (
        <span class="edge" onPointerDown={dragEdge} onDblClick={(event) => event.stopPropagation()} />
      )}
      {editing ? <NameInput of={of} index={index} /> : <ChordSymbol symbol={symbol} />}
      {roman && !editing && (
        <span class="numeral" aria-hidden="true">
          {roman}
        </span>
      )}
      {wrong && <span class="cell-fault">{wrong}</span>}
    </div>
  );
}

export function ChordLane() {
  const of = plan.value!;
  const shown = spans(of);
  const inOrder = shown.some((span) => span.index === selectedChord.value)
    ? selectedChord.value
    : (shown[0]?.index ?? -1);
  const addHere = (event: MouseEvent) => {
    if (event.target !== event.currentTarget) return;
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    insertAt(of, (event.clientX - box.left) / pxPerS.value);
  };
  if (shown.length === 0) {
    return (
      <div class="chord-lane empty" onDblClick={addHere}>
        <button type="button" class="button small" onClick={() => insertAt(of, 0)}>
          Add the first chord
        </button>
      </div>
    );
  }
  return (
    <div class="chord-lane" role="grid" aria-label="Chords" aria-colcount={shown.length} aria-rowcount={1}>
      <div role="row" class="chord-row" onDblClick={addHere}>
        {shown.map((span) => (
          <Cell key={span.index} of={of} span={span} focusable={span.index === inOrder} />
        ))}
      </div>
    </div>
  );
}
