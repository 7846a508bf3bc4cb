// The timeline: all lanes on one time axis, in one box that scrolls and zooms.

import { useEffect, useRef } from "preact/hooks";
import { isActive } from "../../api/types";
import { cancel, openJob, standing } from "../../state/jobs";
import { playing, position } from "../../audio/player";
import { plan } from "../../state/plan";
import { asTable, lengthS, pxPerS, selection, viewportPx, zoomBy } from "../../state/view";
import { BeatLane } from "./beat-lane";
import { ChordLane } from "./chord-lane";
import { ChordTable } from "./chord-table";
import { Inspector } from "./inspector";
import { Playhead, Ruler } from "./ruler";
import { SelectionMark, SoundLanes } from "./sound-lanes";

/** How far a running job is, over the sound lanes, with a way to stop it. */
function Making() {
  const job = openJob.value;
  if (!job || !isActive(job.status)) return null;
  const { step, total, fraction, eta_s, stage } = job.progress ?? {
    step: 0,
    total: 0,
    fraction: 0,
    eta_s: null,
    stage: "",
  };
  const percent = Math.round(100 * fraction);
  const eta = job.status === "queued" ? job.queue?.eta_s : eta_s;
  return (
    <div class="making">
      <div
        class={job.status === "queued" ? "bar waiting" : "bar"}
        role="progressbar"
        aria-label="Rendering"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={`${standing(job)}, ${percent} percent`}
      >
        <span style={{ transform: `scaleX(${job.status === "queued" ? 1 : fraction})` }} />
      </div>
      <p>
        <strong>{standing(job)}</strong>
        {stage === "denoise" && job.status === "running" && (
          <span class="numbers">
            {step}/{total}
          </span>
        )}
        {eta != null && eta > 0.5 && <span class="numbers">about {Math.ceil(eta)} s</span>}
        <button type="button" class="button small" onClick={() => void cancel(job.id)}>
          Cancel
        </button>
      </p>
    </div>
  );
}

const STEPS = [
  ["Describe", "Say what it should sound like."],
  ["Plan", "Get tempo, key, beats and chords."],
  ["Change", "Move, rename, add: it is your score."],
  ["Render", "Hear exactly that plan."],
];

/** In place of a plan: how to get one. */
function Steps() {
  return (
    <ol class="steps">
      {STEPS.map(([name, what]) => (
        <li key={name}>
          <strong>{name}</strong>
          {what}
        </li>
      ))}
    </ol>
  );
}

export function Timeline() {
  const box = useRef<HTMLDivElement>(null);
  const current = plan.value;
  useEffect(() => {
    const observer = new ResizeObserver(
      ([entry]) => (viewportPx.value = Math.max(240, entry!.contentRect.width)),
    );
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  const isPlaying = playing.value;
  useEffect(() => {
    if (!isPlaying) return;
    // Keeps the playhead in sight: a page at a time, not by a steady slide.
    return position.subscribe((at) => {
      const node = box.current!;
      const x = at * pxPerS.peek();
      if (x < node.scrollLeft || x > node.scrollLeft + node.clientWidth)
        node.scrollLeft = Math.max(0, x - 24);
    });
  }, [isPlaying]);
  const onWheel = (event: WheelEvent) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const node = box.current!;
    const x = event.clientX - node.getBoundingClientRect().left;
    const under = (node.scrollLeft + x) / pxPerS.value;
    zoomBy(Math.exp(-event.deltaY / 300));
    requestAnimationFrame(() => (node.scrollLeft = under * pxPerS.value - x));
  };
  useEffect(() => {
    const node = box.current!;
    node.addEventListener("wheel", onWheel, { passive: false });
    return () => node.removeEventListener("wheel", onWheel);
  }, []);
  return (
    <>
      <div class={selection.value ? "timeline selecting" : "timeline"}>
        <div class="gutter" aria-hidden="true">
          <span class="of-ruler">{current ? "Bar" : "Time"}</span>
          <span class="of-beats">{current && "Beats"}</span>
          <span class="of-chords">{current && "Chords"}</span>
          <span class="of-wave">Wave</span>
          <span class="of-mel">Pitch</span>
        </div>
        <div class="scroller" ref={box} role="group" aria-label="Timeline">
          <div class="lanes" style={{ width: `${lengthS.value * pxPerS.value}px` }}>
            <Ruler />
            {current ? (
              <>
                <BeatLane />
                <ChordLane />
              </>
            ) : (
              <Steps />
            )}
            <SoundLanes />
            <SelectionMark />
            <Playhead />
          </div>
        </div>
        <Making />
      </div>
      {current && asTable.value && <ChordTable />}
      <Inspector />
    </>
  );
}
