// The finished sound: its figures, its files, and what can be made from it.

import { useState } from "preact/hooks";
import { explain, postJson, request } from "../api/client";
import { FORMATS, type Job, type JobOutput } from "../api/types";
import { rework, sending } from "../state/actions";
import { toast } from "../state/announce";
import { change, maxDuration } from "../state/draft";
import { openJob, takeIndex } from "../state/jobs";
import { openOutput } from "../state/listening";
import { addToCompare } from "./compare-state";
import { Compare, Download, Link, Loop, Pin } from "./icons";

/** Fetches a file with the key and hands it to the browser to save. */
async function save(url: string, name: string): Promise<void> {
  try {
    const blob = await (await request(url)).blob();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (error) {
    toast(explain(error), "error");
  }
}

/** Makes a link by which anybody can hear the piece for a week, and puts it on the clipboard. */
async function share(job: Job): Promise<void> {
  try {
    const { url } = await postJson<{ url: string }>("/v1/shares", { generation_id: job.id });
    const link = location.origin + url;
    // Pages without TLS from another machine have no clipboard.
    const copied = await navigator.clipboard?.writeText(link).then(
      () => true,
      () => false,
    );
    toast(copied ? "The link is copied. It works for a week." : `Anybody can hear it for a week at ${link}`);
  } catch (error) {
    toast(explain(error), "error");
  }
}

/** A file name from a prompt: letters and digits of any script, the seed, the ending. */
export function fileName(prompt: string, seed: number, ending: string): string {
  const words = prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const stem = words.slice(0, 6).join("-").slice(0, 60) || "mustool";
  return `${stem}-${seed}.${ending}`;
}

function Files({ job, take }: { job: Job; take: JobOutput }) {
  const base = take.url.replace(/\/audio(\?.*)?$/, "");
  const named = (ending: string) => fileName(job.input.prompt, take.seed, ending);
  return (
    <div class="files" role="group" aria-label="Download">
      <Download />
      {FORMATS.map((format) => (
        <button
          key={format}
          type="button"
          class="chip"
          aria-label={`Download ${format.toUpperCase()}`}
          onClick={() => void save(`${base}/audio?format=${format}`, named(format))}
        >
          {format.toUpperCase()}
        </button>
      ))}
      <button
        type="button"
        class="chip"
        aria-label="Download the plan as MIDI"
        onClick={() => void save(`${base}/controls.mid`, named("mid"))}
      >
        MIDI
      </button>
      <button
        type="button"
        class="chip"
        aria-label="Download the plan as JSON"
        onClick={() => void save(`${base}/controls.json`, named("json"))}
      >
        Plan
      </button>
    </div>
  );
}

function Figures({ take }: { take: JobOutput }) {
  const figure = (value: number | null, unit: string) =>
    value === null ? "–" : `${value.toFixed(1).replace("-", "−")} ${unit}`;
  return (
    <dl class="figures">
      <div>
        <dt>Length</dt>
        <dd>{take.duration_s.toFixed(2)} s</dd>
      </div>
      <div>
        <dt>Loudness</dt>
        <dd>{figure(take.lufs, "LUFS")}</dd>
      </div>
      <div>
        <dt>True peak</dt>
        <dd>{figure(take.true_peak_dbtp, "dB")}</dd>
      </div>
      <div>
        <dt>Seed</dt>
        <dd>
          {take.seed}
          <button
            type="button"
            class="icon-button"
            aria-label={`Keep seed ${take.seed}`}
            title="Keep this seed"
            onClick={() => (change({ seed: take.seed }), toast(`The next piece uses seed ${take.seed}.`))}
          >
            <Pin />
          </button>
        </dd>
      </div>
    </dl>
  );
}

function More({ job, take }: { job: Job; take: JobOutput }) {
  const [strength, setStrength] = useState(60);
  const [seconds, setSeconds] = useState(5);
  const room = maxDuration.value - take.duration_s;
  const added = Math.min(seconds, Math.floor(room));
  const go = (how: Parameters<typeof rework>[2]) => void rework(job, take.index, how);
  return (
    <div class="more" role="group" aria-label="Make more of this">
      <div class="way">
        <button
          type="button"
          class="button"
          disabled={sending.value}
          onClick={() => go({ mode: "vary", strength: strength / 100 })}
        >
          Variation
        </button>
        <label class="inline">
          <span class="sr-only">How different, in percent</span>
          <input
            type="range"
            min={10}
            max={100}
            step={5}
            value={strength}
            onInput={(event) => setStrength(event.currentTarget.valueAsNumber)}
          />
          <output>{strength < 40 ? "close" : strength < 75 ? "related" : "free"}</output>
        </label>
      </div>
      <div class="way">
        <button
          type="button"
          class="button"
          disabled={sending.value || added < 1}
          onClick={() => go({ mode: "extend", duration_s: take.duration_s + added })}
        >
          Extend
        </button>
        <label class="inline">
          by{" "}
          <input
            type="number"
            min={1}
            max={Math.max(1, Math.floor(room))}
            value={added}
            aria-label="Seconds to add"
            onChange={(event) => setSeconds(event.currentTarget.valueAsNumber || 5)}
          />{" "}
          s
        </label>
      </div>
      <div class="way">
        <button type="button" class="button" disabled={sending.value} onClick={() => go({ mode: "loop" })}>
          <Loop /> Make it loop
        </button>
      </div>
      <div class="way">
        <button type="button" class="button" onClick={() => addToCompare(job, take)}>
          <Compare /> Compare
        </button>
        <button type="button" class="button" onClick={() => void share(job)}>
          <Link /> Share
        </button>
      </div>
    </div>
  );
}

export function Takes() {
  const job = openJob.value;
  const take = openOutput.value;
  if (!job) return null;
  if (job.status === "failed" || job.status === "expired") {
    return (
      <p class="failed" role="alert">
        <strong>This piece could not be made.</strong> {job.error?.detail ?? ""}
      </p>
    );
  }
  if (!take) return null;
  return (
    <section class="takes" aria-label={job.outputs.length > 1 ? `Take ${takeIndex.value + 1}` : "Result"}>
      <Figures take={take} />
      <Files job={job} take={take} />
      <More key={take.url} job={job} take={take} />
    </section>
  );
}
