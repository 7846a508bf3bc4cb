// The right side: what is being made, and everything that the server has kept, with search.

import type { Job } from "../api/types";
import { isActive } from "../api/types";
import { chordHue, parseChord } from "../music/chord";
import { openPiece, takeUp } from "../state/actions";
import { toast } from "../state/announce";
import { failure, hasMore, listed, loadHistory, loading, query, search } from "../state/history";
import { activeJobs, cancel, open, openId, planOf, remove, standing } from "../state/jobs";
import { addToCompare } from "./compare-state";
import { Close, Compare, Copy, Search, Trash } from "./icons";
import { IconButton } from "./parts";

const ONE_DAY_MS = 86_400_000;

function when(iso: string): string {
  const date = new Date(iso);
  const today = Date.now() - date.getTime() < ONE_DAY_MS;
  return date.toLocaleString(
    "en-GB",
    today ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" },
  );
}

function Active({ job }: { job: Job }) {
  const fraction = job.progress?.fraction ?? 0;
  const eta = job.status === "queued" ? job.queue?.eta_s : job.progress?.eta_s;
  return (
    <li class={openId.value === job.id ? "active-job open" : "active-job"}>
      <button
        type="button"
        class="entry"
        onClick={() => open(job.id)}
        aria-current={openId.value === job.id || undefined}
      >
        <span class="title">{job.input.prompt}</span>
        <span class="muted">
          {standing(job)}
          {eta ? ` · about ${Math.ceil(eta)} s` : ""}
        </span>
      </button>
      <IconButton label={`Cancel ${job.input.prompt.slice(0, 40)}`} onClick={() => void cancel(job.id)}>
        <Close />
      </IconButton>
      <span class="thin-bar" aria-hidden="true">
        <span style={{ transform: `scaleX(${fraction})` }} />
      </span>
    </li>
  );
}

/** The harmony of a piece as a strip of colours: how to know it again at a glance. */
function Strip({ job }: { job: Job }) {
  const of = planOf(job);
  if (!of || of.chords.length === 0) return <span class="strip" aria-hidden="true" />;
  const ends = [...of.chords.slice(1).map((chord) => chord.t), of.duration_s];
  return (
    <span class="strip" aria-hidden="true">
      {of.chords.slice(0, 24).map((chord, index) => (
        <span
          key={chord.t}
          style={{
            flexGrow: String(Math.max(0.01, ends[index]! - chord.t)),
            "--hue": String(chordHue(parseChord(chord.symbol)?.root ?? 0)),
          }}
        />
      ))}
    </span>
  );
}

function facts(job: Job): string {
  const of = planOf(job);
  const tempo = of ? `${Math.round(of.tempo_bpm)} bpm` : "";
  const length = `${Math.round(of?.duration_s ?? job.input.duration_s ?? 0)} s`;
  const kind = job.input.input_audio
    ? { vary: "variation", extend: "extended", inpaint: "part anew", loop: "loop" }[
        job.input.input_audio.mode
      ]
    : "";
  const takes = job.outputs.length > 1 ? `${job.outputs.length} takes` : "";
  return [when(job.created_at), kind, of?.key ?? "", tempo, length, takes].filter(Boolean).join(" · ");
}

function Past({ job }: { job: Job }) {
  const current = openId.value === job.id;
  const done = job.status === "succeeded";
  const [first] = job.outputs;
  const name = job.input.prompt.slice(0, 40);
  return (
    <li class={current ? "past open" : "past"}>
      <button type="button" class="entry" aria-current={current || undefined} onClick={() => openPiece(job)}>
        <span class="title">{job.input.prompt}</span>
        <span class="muted">{done ? facts(job) : `${when(job.created_at)} · ${standing(job)}`}</span>
        {done && <Strip job={job} />}
      </button>
      <span class="entry-tools">
        {done && first && (
          <IconButton label={`Compare ${name}`} onClick={() => addToCompare(job, first)}>
            <Compare />
          </IconButton>
        )}
        <IconButton
          label={`Use the settings of ${name}`}
          onClick={() => {
            takeUp(job.input, planOf(job), job.input.seed ?? null);
            toast("The settings are on the desk.");
          }}
        >
          <Copy />
        </IconButton>
        <IconButton
          label={`Delete ${name}`}
          onClick={() => {
            if (window.confirm("Delete this piece and its sound for good?")) void remove(job.id);
          }}
        >
          <Trash />
        </IconButton>
      </span>
    </li>
  );
}

export function Library() {
  const past = listed.value.filter((job) => !isActive(job.status));
  return (
    <aside class="library" aria-label="Pieces">
      {activeJobs.value.length > 0 && (
        <section aria-labelledby="queue-title">
          <h2 id="queue-title">Being made</h2>
          <ul>
            {activeJobs.value.map((job) => (
              <Active key={job.id} job={job} />
            ))}
          </ul>
        </section>
      )}
      <section aria-labelledby="history-title">
        <h2 id="history-title">Your pieces</h2>
        <div class="search">
          <Search />
          <input
            type="search"
            aria-label="Search your pieces"
            placeholder="Search"
            value={query.value}
            onInput={(event) => search(event.currentTarget.value)}
          />
        </div>
        {failure.value && <p class="note">{failure.value}</p>}
        {past.length === 0 && !loading.value && !failure.value && (
          <p class="note">{query.value ? "Nothing has these words." : "What you render is kept here."}</p>
        )}
        <ul>
          {past.map((job) => (
            <Past key={job.id} job={job} />
          ))}
        </ul>
        {hasMore.value && (
          <button
            type="button"
            class="button"
            disabled={loading.value}
            onClick={() => void loadHistory(true)}
          >
            Older pieces
          </button>
        )}
      </section>
    </aside>
  );
}
