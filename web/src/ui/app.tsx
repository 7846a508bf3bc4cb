// The page as a whole: the bar at the top, the desk, the library, dialogs, messages, dropped files.

import { useEffect, useState } from "preact/hooks";
import { online } from "../api/client";
import { loadModel } from "../api/model";
import { readTags } from "../audio/tags";
import { restore } from "../state/actions";
import { dismiss, said, toast, toasts } from "../state/announce";
import { model } from "../state/draft";
import { loadHistory, recall } from "../state/history";
import { activeJobs } from "../state/jobs";
import { panel, prefer } from "../state/view";
import { CompareDialog } from "./compare";
import { HelpDialog, SettingsDialog } from "./dialogs";
import { Close, Code, Compare, Gear, Help, Mark, Moon, Sun } from "./icons";
import { Library } from "./library";
import { IconButton } from "./parts";
import { Prompt } from "./prompt";
import { ScoreHead } from "./score";
import { onKey } from "./shortcuts";
import { SnippetsDialog } from "./snippets";
import { Takes } from "./takes";
import { dark } from "./theme";
import { Timeline } from "./timeline/timeline";
import { Transport } from "./transport";

function Header() {
  const making = activeJobs.value.length;
  return (
    <header class="top">
      <a class="brand" href="/" aria-label="mustool, start page">
        <Mark /> <span>mustool</span>
      </a>
      <p class="status">
        {model.value && <span class="model">{model.value.id}</span>}
        {making > 0 && <span class="busy">{making} being made</span>}
      </p>
      <nav aria-label="Tools">
        <button type="button" class="button quiet" onClick={() => (panel.value = "compare")}>
          <Compare />
          <span>Compare</span>
        </button>
        <button type="button" class="button quiet" onClick={() => (panel.value = "snippets")}>
          <Code />
          <span>Code</span>
        </button>
        <IconButton label="Keys" onClick={() => (panel.value = "help")}>
          <Help />
        </IconButton>
        <IconButton
          label={dark.value ? "Light colours" : "Dark colours"}
          onClick={() => prefer({ theme: dark.value ? "light" : "dark" })}
        >
          {dark.value ? <Sun /> : <Moon />}
        </IconButton>
        <IconButton label="Settings" onClick={() => (panel.value = "settings")}>
          <Gear />
        </IconButton>
      </nav>
    </header>
  );
}

function Messages() {
  return (
    <div class="toasts">
      {toasts.value.map(({ id, text, tone, action }) => (
        <div key={id} class={`toast ${tone}`} role={tone === "error" ? "alert" : "status"}>
          <p>{text}</p>
          {action && (
            <button type="button" class="button small" onClick={() => (action.run(), dismiss(id))}>
              {action.label}
            </button>
          )}
          <IconButton label="Dismiss" onClick={() => dismiss(id)}>
            <Close />
          </IconButton>
        </div>
      ))}
    </div>
  );
}

/** Largest file that is read for its settings. */
const MAX_DROP_BYTES = 64 << 20;

async function takeFile(file: File): Promise<void> {
  if (file.size > MAX_DROP_BYTES) return toast(`${file.name} is too large.`, "error");
  const tags = readTags(await file.arrayBuffer());
  if (!restore(tags, file.name)) toast(`There are no mustool settings in ${file.name}.`, "error");
}

/** Files dropped anywhere on the page give their settings back. */
function useDrop(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const holdsFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const onOver = (event: DragEvent) => {
      if (!holdsFile(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event: DragEvent) => event.relatedTarget === null && setOver(false);
    const onDrop = (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      const file = event.dataTransfer?.files[0];
      if (file) void takeFile(file);
    };
    window.addEventListener("dragover", onOver);
    window.addEventListener("dragleave", onLeave);
    window.addEventListener("drop", onDrop);
    return () => {
      window.removeEventListener("dragover", onOver);
      window.removeEventListener("dragleave", onLeave);
      window.removeEventListener("drop", onDrop);
    };
  }, []);
  return over;
}

/** Asks the server for its model and its pieces, and again whenever the page is looked at. */
function useServer(): void {
  const up = online.value;
  useEffect(() => {
    if (up)
      loadModel()
        .then((found) => (model.value = found))
        .catch(() => undefined);
  }, [up]);
  useEffect(() => {
    void loadHistory().then(recall);
    const onShow = () => document.visibilityState === "visible" && void loadHistory();
    document.addEventListener("visibilitychange", onShow);
    window.addEventListener("keydown", onKey);
    return () => {
      document.removeEventListener("visibilitychange", onShow);
      window.removeEventListener("keydown", onKey);
    };
  }, []);
}

export function App() {
  useServer();
  const dropping = useDrop();
  return (
    <>
      <a class="skip" href="#desk">
        To the timeline
      </a>
      <Header />
      {!online.value && (
        <p class="offline" role="status">
          <span class="pulse" aria-hidden="true" />
          The server does not answer. Your work is safe; I keep trying.
        </p>
      )}
      <main>
        <h1 class="sr-only">mustool playground</h1>
        <div class="desk">
          <Prompt />
          <section id="desk" class="plan" aria-label="Plan and sound" tabIndex={-1}>
            <ScoreHead />
            <Timeline />
            <Transport />
          </section>
          <Takes />
          <p class="drop-hint">
            Drop a WAV or FLAC file that mustool made anywhere here to get its settings back, or
            <label class="file-pick">
              choose one
              <input
                type="file"
                class="sr-only"
                accept=".wav,.flac,.ogg,audio/*"
                onChange={(event) => {
                  const file = event.currentTarget.files?.[0];
                  if (file) void takeFile(file);
                  event.currentTarget.value = "";
                }}
              />
            </label>
            .
          </p>
        </div>
        <Library />
      </main>
      {panel.value === "compare" && <CompareDialog />}
      {panel.value === "snippets" && <SnippetsDialog />}
      {panel.value === "help" && <HelpDialog />}
      {panel.value === "settings" && <SettingsDialog />}
      {dropping && (
        <div class="drop-veil" aria-hidden="true">
          <p>Drop it to get its settings back</p>
        </div>
      )}
      <Messages />
      <div class="sr-only" role="status" aria-live="polite">
        {said.value}
      </div>
    </>
  );
}
