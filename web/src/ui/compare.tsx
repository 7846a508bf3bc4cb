// A and B in step: switch between two takes at the same place, blind if wanted.

import { useEffect, useState } from "preact/hooks";
import { hear, load, play, playing, position, seek, stop } from "../audio/player";
import { explain } from "../api/client";
import { clock } from "../music/time";
import { toast } from "../state/announce";
import { hearsTake, soundOf, takeBuffer } from "../state/listening";
import { panel } from "../state/view";
import { type Entry, compared } from "./compare-state";
import { Pause, Play } from "./icons";
import { Dialog } from "./parts";
import { openPiece } from "../state/actions";

/** Gives the desk its sound back. */
function restoreDesk(): void {
  stop();
  load(hearsTake.value && takeBuffer.value ? [takeBuffer.value] : []);
}

function Side({
  name,
  entry,
  heard,
  hidden,
  onHear,
  onChoose,
}: {
  name: string;
  entry: Entry;
  heard: boolean;
  hidden: boolean;
  onHear: () => void;
  onChoose: () => void;
}) {
  return (
    <div class={heard ? "side heard" : "side"}>
      <button type="button" class="letter" aria-pressed={heard} aria-label={`Hear ${name}`} onClick={onHear}>
        {name}
      </button>
      {hidden ? (
        <p class="muted">hidden</p>
      ) : (
        <p>
          <strong>{entry.job.input.prompt}</strong>
          <span class="muted">
            seed {entry.take.seed} · {entry.take.duration_s.toFixed(1)} s ·{" "}
            {entry.take.lufs?.toFixed(1).replace("-", "−") ?? "–"} LUFS
          </span>
        </p>
      )}
      <button type="button" class="button" onClick={onChoose}>
        {hidden ? `I prefer ${name}` : "Open this one"}
      </button>
    </div>
  );
}

function Comparing({ entries }: { entries: [Entry, Entry] }) {
  const [heard, setHeard] = useState(0);
  const [blind, setBlind] = useState(false);
  const [swapped, setSwapped] = useState(false);
  const [verdict, setVerdict] = useState("");
  const order = swapped ? [entries[1], entries[0]] : entries;
  const [first, second] = order as [Entry, Entry];
  const choose = (index: number) => {
    hear(index);
    setHeard(index);
  };
  useEffect(() => {
    stop();
    seek(0);
    Promise.all([soundOf(first.take.url), soundOf(second.take.url)])
      .then((sounds) => load(sounds, 0))
      .catch((error: unknown) => toast(explain(error), "error"));
    setHeard(0);
    return restoreDesk;
  }, [swapped]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const index = { a: 0, b: 1, "1": 0, "2": 1 }[event.key.toLowerCase()];
      if (index !== undefined && !event.ctrlKey && !event.metaKey) choose(index);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  const decide = (index: number) => {
    const entry = order[index]!;
    if (!blind) {
      openPiece(entry.job, entry.take.index);
      panel.value = null;
      return;
    }
    setBlind(false);
    setVerdict(`You preferred ${"AB"[index]}: seed ${entry.take.seed}.`);
  };
  return (
    <>
      <div class="sides">
        {order.map((entry, index) => (
          <Side
            key={entry.take.url}
            name={"AB"[index]!}
            entry={entry}
            heard={heard === index}
            hidden={blind}
            onHear={() => choose(index)}
            onChoose={() => decide(index)}
          />
        ))}
      </div>
      <div class="compare-bar">
        <button
          type="button"
          class="play"
          aria-label={playing.value ? "Pause" : "Play"}
          onClick={() => (playing.value ? stop() : void play())}
        >
          {playing.value ? <Pause /> : <Play />}
        </button>
        <input
          type="range"
          aria-label="Position"
          min={0}
          step={0.05}
          max={Math.max(first.take.duration_s, second.take.duration_s)}
          value={position.value}
          aria-valuetext={clock(position.value)}
          onInput={(event) => seek(event.currentTarget.valueAsNumber)}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={blind}
            onChange={(event) => {
              setVerdict("");
              setBlind(event.currentTarget.checked);
              if (event.currentTarget.checked && Math.random() < 0.5) setSwapped(!swapped);
            }}
          />
          Blind
        </label>
      </div>
      <p class="note" role="status">
        {verdict || "Both play in step. Press A or B to switch."}
      </p>
    </>
  );
}

export function CompareDialog() {
  const [a, b] = compared.value;
  return (
    <Dialog title="Compare" wide onClose={() => (panel.value = null)}>
      {a && b ? (
        <Comparing entries={[a, b]} />
      ) : (
        <p class="note">
          Add two takes with their Compare button, here or in the list of pieces. Then switch between them
          while they play.
        </p>
      )}
    </Dialog>
  );
}
