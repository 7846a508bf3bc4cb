// The piece on the desk as a request in four languages, to copy.

import { useState } from "preact/hooks";
import { apiKey } from "../api/client";
import type { GenerationRequest } from "../api/types";
import { requestOf } from "../state/actions";
import { announce, toast } from "../state/announce";
import { draft } from "../state/draft";
import { panel } from "../state/view";
import { Copy } from "./icons";
import { Dialog } from "./parts";

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function indented(body: GenerationRequest): string {
  // Beats and chords stay on one line each.
  return JSON.stringify(body, null, 2).replace(
    /\{\s+"t": ([\d.]+),\s+"(\w+)": ("[^"]*"|\d+)\s+\}/g,
    '{"t": $1, "$2": $3}',
  );
}

const python = (json: string) =>
  json
    .replace(/\btrue\b/g, "True")
    .replace(/\bfalse\b/g, "False")
    .replace(/\bnull\b/g, "None");

/** The languages that are offered, each with what it makes of a request to `origin`. Where a key is
 * `needed` it is taken from the environment, never written out. */
const LANGUAGES: Record<string, (body: GenerationRequest, origin: string, needed: boolean) => string> = {
  curl: (body, origin, needed) => {
    const type =
      { wav: "audio/wav", flac: "audio/flac", mp3: "audio/mpeg", ogg: "audio/ogg" }[
        body.output?.format ?? "wav"
      ] ?? "audio/wav";
    return `curl ${origin}/v1/generations \\
  -H 'Content-Type: application/json' \\
  -H 'Accept: ${type}' \\${needed ? '\n  -H "Authorization: Bearer $MUSTOOL_KEY" \\' : ""}
  -d ${quoted(indented(body))} \\
  -o piece.${body.output?.format ?? "wav"}`;
  },
  Python: (body, origin, needed) => `import json, ${needed ? "os, " : ""}time, urllib.request

ORIGIN = "${origin}"
request = ${python(indented(body))}

def call(path, body=None):
    data = json.dumps(body).encode() if body else None
    headers = {"Content-Type": "application/json"${needed ? ', "Authorization": "Bearer " + os.environ["MUSTOOL_KEY"]' : ""}}
    return urllib.request.urlopen(urllib.request.Request(ORIGIN + path, data, headers))

job = json.load(call("/v1/generations", request))
while job["status"] in ("queued", "running"):
    time.sleep(0.5)
    job = json.load(call(job["urls"]["self"]))
for output in job["outputs"]:
    with open(f"piece-{output['seed']}.${body.output?.format ?? "wav"}", "wb") as file:
        file.write(call(output["url"]).read())`,
  JavaScript: (body, origin, needed) => `const origin = "${origin}";
const key = ${needed ? "{ Authorization: `Bearer ${process.env.MUSTOOL_KEY}` }" : "{}"};
const request = ${indented(body)};

const answer = await fetch(origin + "/v1/generations", {
  method: "POST",
  headers: { ...key, "Content-Type": "application/json", Prefer: "wait=60" },
  body: JSON.stringify(request),
});
const job = await answer.json();
for (const output of job.outputs) {
  const audio = await (await fetch(origin + output.url, { headers: key })).arrayBuffer();
  console.log(output.seed, audio.byteLength, "bytes");
}`,
  "Command line": (body) => {
    const plan = body.plan ? `cat > plan.json <<'END'\n${JSON.stringify(planFile(body))}\nEND\n` : "";
    const flags = [
      body.seed === undefined ? "" : `--seed ${body.seed}`,
      body.plan ? "--plan plan.json" : `--duration ${body.duration_s}`,
      body.n ? `-n ${body.n}` : "",
      body.steps ? `--steps ${body.steps}` : "",
      body.guidance_scale ? `--guidance ${body.guidance_scale}` : "",
      body.scheduler ? `--scheduler ${body.scheduler}` : "",
      body.negative_prompt ? `--negative ${quoted(body.negative_prompt)}` : "",
      `-o ${body.n ? "pieces/" : "piece.wav"}`,
    ].filter(Boolean);
    return `${plan}mustool generate ${quoted(body.prompt)} \\\n  ${flags.join(" \\\n  ")}`;
  },
};

/** The plan as the command line reads it. */
function planFile({ plan }: GenerationRequest) {
  const { time_signature, ...rest } = plan!;
  return { ...rest, meter: time_signature };
}

export function SnippetsDialog() {
  const [language, setLanguage] = useState("curl");
  const text = LANGUAGES[language]!(requestOf(draft.value.seed), location.origin, apiKey.value !== "");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast("Copied");
    } catch {
      announce("Could not copy; the text is selected");
      getSelection()?.selectAllChildren(document.getElementById("snippet")!);
    }
  };
  return (
    <Dialog title="This piece as code" wide onClose={() => (panel.value = null)}>
      <div class="tabs" role="group" aria-label="Language">
        {Object.keys(LANGUAGES).map((name) => (
          <button key={name} type="button" aria-pressed={name === language} onClick={() => setLanguage(name)}>
            {name}
          </button>
        ))}
        <button type="button" class="button small" onClick={() => void copy()}>
          <Copy /> Copy
        </button>
      </div>
      <pre id="snippet" tabIndex={0} aria-label={`${language} code`}>
        <code>{text}</code>
      </pre>
      <p class="note">
        The whole interface is described at <a href="/docs">/docs</a>.
      </p>
    </Dialog>
  );
}
