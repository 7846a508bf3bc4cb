// The head of the plan, set like the head of a score: tempo, key, metre, style; beside it undo,
// grid, zoom and the switch to a table.

import { useRef } from "preact/hooks";
import { TEMPO_RANGE_BPM, setMeter, setTempo, tappedTempo } from "../music/grid";
import { type Mode, MODES, TONICS, hasFlats, parseKey, printKey, transposed } from "../music/key";
import type { Plan } from "../music/plan";
import { pinned } from "../state/actions";
import { toast } from "../state/announce";
import { canRedo, canUndo, edit, plan, redo, undo } from "../state/plan";
import { asTable, fineGrid, zoom, zoomBy } from "../state/view";
import { Minus, Note, Pin, Plus, Redo, Table, Undo } from "./icons";
import { IconButton, NumberInput } from "./parts";

const METERS = ["4/4", "3/4", "2/4", "6/8", "12/8", "9/8", "5/4", "7/8"];

function PinButton({ fact, name }: { fact: "tempo_bpm" | "key" | "time_signature"; name: string }) {
  const on = pinned.value.has(fact);
  return (
    <IconButton
      label={`Keep the ${name} when planning again`}
      class="pin"
      aria-pressed={on}
      onClick={() => {
        const next = new Set(pinned.value);
        if (!next.delete(fact)) next.add(fact);
        pinned.value = next;
      }}
    >
      <Pin />
    </IconButton>
  );
}

function Tempo({ of }: { of: Plan }) {
  const taps = useRef<number[]>([]);
  const set = (tempo: number) => edit(setTempo(of, tempo), `${Math.round(tempo)} beats per minute`, "tempo");
  const tap = () => {
    const now = performance.now() / 1000;
    const last = taps.current.at(-1) ?? 0;
    taps.current = now - last > 2.5 ? [now] : [...taps.current, now];
    const tempo = tappedTempo(taps.current);
    if (tempo && tempo !== of.tempo_bpm) set(tempo);
  };
  return (
    <div class="fact tempo">
      <label for="tempo" class="sr-only">
        Tempo in beats per minute
      </label>
      <span class="figure" aria-hidden="true">
        <Note /> =
      </span>
      <NumberInput
        id="tempo"
        value={Math.round(of.tempo_bpm * 10) / 10}
        min={TEMPO_RANGE_BPM[0]}
        max={TEMPO_RANGE_BPM[1]}
        step={1}
        onValue={set}
      />
      <button type="button" class="button small" onClick={tap} title="Tap in time, three times or more">
        Tap
      </button>
      <PinButton fact="tempo_bpm" name="tempo" />
    </div>
  );
}

/** Another key takes the chords along, unless that is undone. */
function changeKey(of: Plan, name: string, mode: Mode): void {
  const old = parseKey(of.key);
  const next = parseKey(`${name} ${mode}`)!;
  const by = old ? (next.tonic - old.tonic + 12) % 12 : 0;
  const moved = of.chords.map((chord) => ({
    ...chord,
    symbol: transposed(chord.symbol, by, hasFlats(next)),
  }));
  edit({ ...of, key: printKey(next), chords: by ? moved : of.chords }, printKey(next));
  if (!by || of.chords.length === 0) return;
  toast("The chords moved along with the key.", "info", {
    label: "Leave them",
    run: () => plan.value && edit({ ...plan.value, chords: of.chords }, "Chords are back"),
  });
}

function KeyFact({ of }: { of: Plan }) {
  const key = parseKey(of.key);
  const tonics = key && !TONICS.includes(key.name) ? [...TONICS, key.name] : TONICS;
  return (
    <div class="fact key">
      <select
        aria-label="Key, tonic"
        value={key?.name ?? ""}
        onChange={(event) => {
          const name = event.currentTarget.value;
          if (name) changeKey(of, name, key?.mode ?? "major");
          else edit({ ...of, key: null }, "No key");
        }}
      >
        <option value="">no key</option>
        {tonics.map((name) => (
          <option key={name} value={name}>
            {name.replace("b", "♭").replace("#", "♯")}
          </option>
        ))}
      </select>
      {key && (
        <select
          aria-label="Key, mode"
          value={key.mode}
          onChange={(event) => changeKey(of, key.name, event.currentTarget.value as Mode)}
        >
          {MODES.map((mode) => (
            <option key={mode} value={mode}>
              {mode}
            </option>
          ))}
        </select>
      )}
      <PinButton fact="key" name="key" />
    </div>
  );
}

function MeterFact({ of }: { of: Plan }) {
  const known = METERS.includes(of.time_signature) ? METERS : [of.time_signature, ...METERS];
  return (
    <div class="fact meter">
      <select
        aria-label="Metre"
        value={of.time_signature}
        onChange={(event) =>
          edit(setMeter(of, event.currentTarget.value), `${event.currentTarget.value} time`)
        }
      >
        {known.map((meter) => (
          <option key={meter} value={meter}>
            {meter}
          </option>
        ))}
      </select>
      <PinButton fact="time_signature" name="metre" />
    </div>
  );
}

export function ScoreHead() {
  const current = plan.value;
  if (!current) return null;
  const band = [...new Set(current.instruments ?? [])];
  return (
    <header class="score">
      <Tempo of={current} />
      <KeyFact of={current} />
      <MeterFact of={current} />
      {(current.style || band.length > 0) && (
        <p class="band">
          {current.style && <strong>{current.style}</strong>}
          {band.length > 0 && <span>{band.join(" · ")}</span>}
        </p>
      )}
      <div class="tools" role="toolbar" aria-label="Editing">
        <IconButton label="Undo" disabled={!canUndo.value} onClick={undo}>
          <Undo />
        </IconButton>
        <IconButton label="Redo" disabled={!canRedo.value} onClick={redo}>
          <Redo />
        </IconButton>
        <button
          type="button"
          class="button small grid-switch"
          aria-pressed={fineGrid.value}
          title="Snap to half beats"
          onClick={() => (fineGrid.value = !fineGrid.value)}
        >
          <span class="sr-only">Snap to half beats</span>
          <span aria-hidden="true">½ beat</span>
        </button>
        <IconButton label="Zoom out" disabled={zoom.value <= 1} onClick={() => zoomBy(1 / 1.5)}>
          <Minus />
        </IconButton>
        <IconButton label="Zoom in" disabled={zoom.value >= 16} onClick={() => zoomBy(1.5)}>
          <Plus />
        </IconButton>
        <IconButton
          label="Show chords as a table"
          aria-pressed={asTable.value}
          onClick={() => (asTable.value = !asTable.value)}
        >
          <Table />
        </IconButton>
      </div>
    </header>
  );
}
