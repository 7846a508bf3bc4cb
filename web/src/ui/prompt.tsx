// The top of the page: what the music should sound like, and the settings of the next piece.

import { useEffect, useId, useRef } from "preact/hooks";
import { FORMATS } from "../api/types";
import { makePlan, pinned, planning, render, sending } from "../state/actions";
import { MAX_PROMPT_CHARS, MAX_SEED, change, draft, drawSeed, maxDuration, model } from "../state/draft";
import { edit, madeFrom, plan } from "../state/plan";
import { setDuration } from "../music/grid";
import { Dice } from "./icons";
import { Fault, Field, IconButton, NumberInput, faultProps } from "./parts";

const EXAMPLES = [
  "Slow bossa nova with nylon guitar and brushed drums, A minor, 96 bpm",
  "Warm lo-fi piano over a dusty beat",
  "Funk with slap bass, chords Em7 A7 Em7 B7",
  "Calm piano waltz in F major, 3/4",
  "Slow blues in 12/8 with organ",
  "Bright folk guitar, G major, 120 bpm",
];

function changeLength(duration_s: number): void {
  const length = Math.min(Math.max(duration_s, 1), maxDuration.value);
  change({ duration_s: length });
  if (plan.value) edit(setDuration(plan.value, length), `${length} seconds long`, "duration");
}

export function Prompt() {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const { prompt } = draft.value;
  useEffect(() => {
    // The field is as tall as its text.
    const node = area.current!;
    node.style.height = "auto";
    node.style.height = `${node.scrollHeight}px`;
  }, [prompt]);
  const stale = plan.value !== null && madeFrom.value !== prompt && prompt.trim() !== "";
  const left = MAX_PROMPT_CHARS - [...prompt].length;
  return (
    <section class="prompt" aria-label="Create">
      <label class="overline" for="prompt">
        What should it sound like?
      </label>
      <textarea
        id="prompt"
        ref={area}
        rows={1}
        placeholder="Slow bossa nova…"
        value={prompt}
        maxLength={MAX_PROMPT_CHARS}
        {...faultProps("/prompt", `${id}-fault`)}
        onInput={(event) => change({ prompt: event.currentTarget.value })}
        onKeyDown={(event) => {
          // Enter asks for a plan; a new line needs Shift. Ctrl+Enter renders, for the whole page.
          if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.metaKey || event.isComposing)
            return;
          event.preventDefault();
          void makePlan();
        }}
      />
      <Fault id={`${id}-fault`} pointer="/prompt" />
      <div class="prompt-row">
        {prompt.trim() === "" || plan.value === null ? (
          <ul class="examples" aria-label="Examples">
            {EXAMPLES.map((example) => (
              <li key={example}>
                <button
                  type="button"
                  class="chip"
                  onClick={() => (change({ prompt: example }), area.current!.focus())}
                >
                  {example}
                </button>
              </li>
            ))}
          </ul>
        ) : (
          <p class="note">
            {stale
              ? "The prompt has changed since this plan was made."
              : "Edit the plan below, then render it. What you see is what is played."}
          </p>
        )}
        {left < 200 && <span class="counter">{left} left</span>}
        <div class="actions">
          <button
            type="button"
            class="button"
            disabled={planning.value}
            onClick={() => void makePlan(plan.value !== null)}
          >
            {planning.value ? "Planning…" : plan.value ? "Plan again" : "Plan"}
          </button>
          <button
            type="button"
            class="button primary"
            disabled={sending.value}
            onClick={() => void render()}
            title="Ctrl+Enter"
          >
            <span class="dot" aria-hidden="true" />
            {sending.value ? "Sending…" : "Render"}
          </button>
        </div>
      </div>
      <Settings />
    </section>
  );
}

function Settings() {
  const { duration_s, seed, n, format } = draft.value;
  return (
    <div class="settings">
      <Field label="Length" pointer="/duration_s">
        {(props) => (
          <span class="with-unit">
            <NumberInput
              {...props}
              value={duration_s}
              min={1}
              max={maxDuration.value}
              step={1}
              onValue={changeLength}
            />
            <span aria-hidden="true">s</span>
          </span>
        )}
      </Field>
      <Field label="Seed" pointer="/seed">
        {(props) => (
          <span class="with-button">
            <input
              {...props}
              type="text"
              inputMode="numeric"
              placeholder="any"
              value={seed ?? ""}
              onInput={(event) => {
                const digits = event.currentTarget.value.replace(/\D/g, "").slice(0, 16);
                event.currentTarget.value = digits;
                change({ seed: digits === "" ? null : Math.min(Number(digits), MAX_SEED) });
              }}
            />
            <IconButton label="Draw a seed and keep it" onClick={() => change({ seed: drawSeed() })}>
              <Dice />
            </IconButton>
          </span>
        )}
      </Field>
      <Field label="Takes" pointer="/n">
        {(props) => (
          <select {...props} value={n} onChange={(event) => change({ n: Number(event.currentTarget.value) })}>
            {[1, 2, 3, 4].map((count) => (
              <option key={count} value={count}>
                {count}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="File" pointer="/output/format">
        {(props) => (
          <select
            {...props}
            value={format}
            onChange={(event) => change({ format: event.currentTarget.value })}
          >
            {FORMATS.map((name) => (
              <option key={name} value={name}>
                {name.toUpperCase()}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Advanced />
    </div>
  );
}

function Advanced() {
  const { negative_prompt, steps, guidance_scale, scheduler } = draft.value;
  const number = (text: string) => (text === "" ? null : Number(text));
  return (
    <details class="advanced">
      <summary>More settings</summary>
      <div class="settings">
        <Field label="Not like this" pointer="/negative_prompt">
          {(props) => (
            <input
              {...props}
              class="long"
              type="text"
              maxLength={1000}
              placeholder="vocals, distortion…"
              value={negative_prompt}
              onInput={(event) => change({ negative_prompt: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field label="Steps" hint="more is finer" pointer="/steps">
          {(props) => (
            <input
              {...props}
              type="number"
              min={1}
              max={200}
              placeholder={String(model.value?.default_steps ?? "")}
              value={steps ?? ""}
              onInput={(event) => change({ steps: number(event.currentTarget.value) })}
            />
          )}
        </Field>
        <Field label="Guidance" hint="grip of the prompt" pointer="/guidance_scale">
          {(props) => (
            <input
              {...props}
              type="number"
              min={0}
              max={50}
              step={0.5}
              placeholder={String(model.value?.default_guidance_scale ?? "")}
              value={guidance_scale ?? ""}
              onInput={(event) => change({ guidance_scale: number(event.currentTarget.value) })}
            />
          )}
        </Field>
        <Field label="Sampler" pointer="/scheduler">
          {(props) => (
            <select
              {...props}
              value={scheduler ?? ""}
              onChange={(event) => change({ scheduler: event.currentTarget.value || null })}
            >
              <option value="">the model’s own</option>
              {(model.value?.schedulers ?? []).map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <PinNote />
      </div>
    </details>
  );
}

function PinNote() {
  return pinned.value.size ? <p class="note">Pinned facts are kept when you plan again.</p> : null;
}
