// What can be done with what is selected: a chord, a bar or a stretch of sound. Everything that is
// dragged on the timeline can be done here by pressing buttons.

import { audio } from "../../audio/player";
import { audition } from "../../audio/sketch";
import { setDownbeat, shiftGrid } from "../../music/grid";
import { chordsInKey, parseKey } from "../../music/key";
import { type Plan, moveStart, renameChord, spans, stepBeats } from "../../music/plan";
import { spoken } from "../../music/chord";
import { bars } from "../../music/time";
import { rework, sending } from "../../state/actions";
import { openJob, takeIndex } from "../../state/jobs";
import { openOutput } from "../../state/listening";
import { edit, plan, selectedChord } from "../../state/plan";
import { lengthS, selection } from "../../state/view";
import { setLooping } from "../../audio/player";
import { Close, Minus, Pencil, Plus, Speaker, Split, Trash } from "../icons";
import { IconButton, NumberInput, Stepper } from "../parts";
import { selectedBar } from "./bar-focus";
import { nudgeLine, resizeBar } from "./beat-lane";
import { ChordSymbol, erase, nudge, resize, split } from "./chord-lane";
import { editingChord } from "./editing";

function ChordTools({ of, index }: { of: Plan; index: number }) {
  const symbol = of.chords[index]!.symbol;
  const key = parseKey(of.key);
  const family = key ? chordsInKey(key) : [];
  const start = (direction: -1 | 1) =>
    edit(
      moveStart(of, index, stepBeats(of, of.chords[index]!.t, direction)),
      `${spoken(symbol)} begins elsewhere`,
      `start ${index}`,
    );
  return (
    <>
      <strong class="what">
        <span class="sr-only">{spoken(symbol)}</span>
        <ChordSymbol symbol={symbol} />
      </strong>
      <IconButton label="Hear this chord" onClick={() => audition(audio(), symbol)}>
        <Speaker />
      </IconButton>
      <IconButton label="Rename (Enter)" onClick={() => (editingChord.value = index)}>
        <Pencil />
      </IconButton>
      <IconButton label="Split in two (Insert)" onClick={() => split(of, index)}>
        <Split />
      </IconButton>
      <IconButton label="Remove (Delete)" onClick={() => erase(of, index)}>
        <Trash />
      </IconButton>
      <Stepper
        name="Move"
        less="Move a beat earlier"
        more="Move a beat later"
        onStep={(by) => nudge(of, index, by)}
      />
      {index > 0 && (
        <Stepper name="Start" less="Begin a beat earlier" more="Begin a beat later" onStep={start} />
      )}
      <Stepper
        name="Length"
        less="A beat shorter"
        more="A beat longer"
        onStep={(by) => resize(of, index, by)}
      />
      {family.length > 0 && (
        <span class="palette" role="group" aria-label={`Chords of ${of.key}`}>
          {family.map((name) => (
            <button
              key={name}
              type="button"
              class="chip chord-chip"
              onClick={() => (edit(renameChord(of, index, name), spoken(name)), audition(audio(), name))}
            >
              <span class="sr-only">Make it {spoken(name)}</span>
              <ChordSymbol symbol={name} />
            </button>
          ))}
        </span>
      )}
    </>
  );
}

/** How far one press shifts the whole grid, in seconds. */
const SHIFT_S = 0.02;

function BarTools({ of, index }: { of: Plan; index: number }) {
  const bar = bars(of.beats, of.duration_s)[index];
  if (!bar) return null;
  const rotate = (by: -1 | 1) => {
    const target = bar.first + by;
    if (target >= 0 && target < of.beats.length) edit(setDownbeat(of, target), "The bars begin elsewhere");
  };
  return (
    <>
      <strong class="what">Bar {index + 1}</strong>
      <span class="stepper" role="group" aria-label="Beats in this bar">
        <IconButton label="One beat less in this bar" onClick={() => resizeBar(of, index, -1)}>
          <Minus />
        </IconButton>
        <span>
          {bar.numBeats} {bar.numBeats === 1 ? "beat" : "beats"}
        </span>
        <IconButton label="One beat more in this bar" onClick={() => resizeBar(of, index, 1)}>
          <Plus />
        </IconButton>
      </span>
      {index > 0 && (
        <Stepper
          name="Bar line"
          less="Bar line earlier"
          more="Bar line later"
          onStep={(by) => nudgeLine(of, index, by * SHIFT_S)}
        />
      )}
      <Stepper
        name="Downbeat"
        less="Count one from a beat earlier"
        more="Count one from a beat later"
        onStep={rotate}
      />
      <Stepper
        name="Whole grid"
        less="Shift all beats earlier"
        more="Shift all beats later"
        onStep={(by) =>
          edit(shiftGrid(of, by * SHIFT_S), `Grid shifted by ${SHIFT_S * 1000} milliseconds`, "shift")
        }
      />
    </>
  );
}

function SelectionTools() {
  const { startS, endS } = selection.value!;
  const job = openJob.value;
  const take = takeIndex.value;
  const output = openOutput.value;
  const set = (part: Partial<{ startS: number; endS: number }>) => {
    const next = { startS, endS, ...part };
    const bounded = { startS: Math.max(0, next.startS), endS: Math.min(lengthS.value, next.endS) };
    if (bounded.endS - bounded.startS >= 0.1) selection.value = bounded;
  };
  return (
    <>
      <strong class="what">Selection</strong>
      <label class="inline">
        from{" "}
        <NumberInput
          value={Math.round(startS * 100) / 100}
          min={0}
          step={0.1}
          onValue={(value) => set({ startS: value })}
        />
      </label>
      <label class="inline">
        to{" "}
        <NumberInput
          value={Math.round(endS * 100) / 100}
          min={0}
          step={0.1}
          onValue={(value) => set({ endS: value })}
        />{" "}
        s
      </label>
      {job && output && (
        <button
          type="button"
          class="button small strong"
          disabled={sending.value}
          onClick={() =>
            void rework(job, take, {
              mode: "inpaint",
              start_s: startS,
              end_s: Math.min(endS, output.duration_s),
            })
          }
        >
          Make this part anew
        </button>
      )}
      <button type="button" class="button small" onClick={() => setLooping(true)}>
        Loop it
      </button>
      <IconButton label="Clear the selection" onClick={() => (selection.value = null)}>
        <Close />
      </IconButton>
    </>
  );
}

export function Inspector() {
  const of = plan.value;
  const chord = of && spans(of).some((span) => span.index === selectedChord.value) ? selectedChord.value : -1;
  const bar = selectedBar.value;
  // What was touched last: selecting a stretch lets go of chords and bars.
  const content =
    of && chord >= 0 ? (
      <ChordTools of={of} index={chord} />
    ) : of && bar >= 0 ? (
      <BarTools of={of} index={bar} />
    ) : selection.value ? (
      <SelectionTools />
    ) : null;
  return (
    <div class="inspector" role="toolbar" aria-label="Selected">
      {content ?? (
        <p class="note">
          {of
            ? "Select a chord or a bar to change it. Drag over the sound to select a part."
            : "The plan appears here once you ask for it."}
        </p>
      )}
    </div>
  );
}
