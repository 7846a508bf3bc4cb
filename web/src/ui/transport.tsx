// Play, loop, what is heard and where: the bar that stays in sight.

import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { looping, playing, position, setLooping } from "../audio/player";
import { barAndBeat, clock } from "../music/time";
import { openJob, takeIndex } from "../state/jobs";
import { changedSince, hearsTake, source, takeBuffer, toggle } from "../state/listening";
import { plan } from "../state/plan";
import { lengthS } from "../state/view";
import { Loop, Pause, Play } from "./icons";
import { IconButton } from "./parts";

function Clock() {
  const time = useRef<HTMLSpanElement>(null);
  const place = useRef<HTMLSpanElement>(null);
  useSignalEffect(() => {
    if (time.current) time.current.textContent = clock(position.value);
    if (!place.current) return;
    const beats = plan.value?.beats ?? [];
    const { bar, beat } = barAndBeat(beats, position.value);
    place.current.textContent = beats.length > 1 ? `${bar}.${beat}` : "";
  });
  return (
    <p class="clock" aria-hidden="true">
      <span ref={time} class="now">
        0:00.0
      </span>
      <span class="of">/ {clock(lengthS.value)}</span>
      <span ref={place} class="place" />
    </p>
  );
}

export function Transport() {
  const job = openJob.value;
  const takes = job?.status === "succeeded" ? job.outputs : [];
  const nothing = !plan.value && !takeBuffer.value;
  return (
    <section class="transport" aria-label="Playback">
      <button
        type="button"
        class="play"
        disabled={nothing}
        onClick={() => void toggle()}
        title="Space"
        aria-label={playing.value ? "Pause" : "Play"}
      >
        {playing.value ? <Pause /> : <Play />}
      </button>
      <Clock />
      <IconButton label="Loop" aria-pressed={looping.value} onClick={() => setLooping(!looping.value)}>
        <Loop />
      </IconButton>
      {takeBuffer.value && plan.value && (
        <div class="switch" role="group" aria-label="Listen to">
          <button type="button" aria-pressed={hearsTake.value} onClick={() => (source.value = "take")}>
            Music
          </button>
          <button type="button" aria-pressed={!hearsTake.value} onClick={() => (source.value = "sketch")}>
            Sketch
          </button>
        </div>
      )}
      {!takeBuffer.value && plan.value && <span class="note sketch-note">Sketch of the plan</span>}
      {takes.length > 1 && (
        <div class="switch" role="group" aria-label="Take">
          {takes.map((take) => (
            <button
              key={take.index}
              type="button"
              aria-pressed={take.index === takeIndex.value}
              onClick={() => (takeIndex.value = take.index)}
            >
              {take.index + 1}
            </button>
          ))}
        </div>
      )}
      {takeBuffer.value && changedSince.value && (
        <span class="note edited">The plan has changed since this sound.</span>
      )}
    </section>
  );
}
