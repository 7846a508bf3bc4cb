// Help and settings.

import { apiKey, setApiKey } from "../api/client";
import { loadHistory } from "../state/history";
import { type Theme, panel, prefer, preferences } from "../state/view";
import { toast } from "../state/announce";
import { Dialog } from "./parts";

const KEYS: [string, [string, string][]][] = [
  [
    "Everywhere",
    [
      ["Ctrl+Enter", "Render"],
      ["Ctrl+Z, Ctrl+Shift+Z", "Undo, redo"],
      ["Esc", "Close; cancel what is being made"],
    ],
  ],
  [
    "Playing (single keys)",
    [
      ["Space", "Play or pause"],
      ["J, L", "Back or on by a bar"],
      ["K", "Stop"],
      ["[ and ]", "Selection begins or ends at the playhead"],
      ["?", "This list"],
    ],
  ],
  [
    "Chords",
    [
      ["← →", "Previous, next chord"],
      ["Enter, or a note’s letter", "Rename"],
      ["Alt+← →", "Move by a beat"],
      ["Alt+Shift+← →", "Change the length"],
      ["Insert", "Split in two"],
      ["Delete", "Remove"],
    ],
  ],
  [
    "Bars",
    [
      ["← →", "Previous, next bar"],
      ["Alt+← →", "Move the bar line"],
      ["+ and −", "Beats in this bar"],
    ],
  ],
  [
    "Playhead (the ruler)",
    [
      ["← →", "By a beat"],
      ["Shift+← →", "By a bar"],
    ],
  ],
];

export function HelpDialog() {
  return (
    <Dialog title="Keys" wide onClose={() => (panel.value = null)}>
      <div class="keys">
        {KEYS.map(([title, rows]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {rows.map(([keys, what]) => (
                <div key={keys}>
                  <dt>
                    <kbd>{keys}</kbd>
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p class="note">
        On a Mac, Ctrl is Command and Alt is Option. Single keys can be turned off in the settings.
      </p>
    </Dialog>
  );
}

const THEMES: [Theme, string][] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function SettingsDialog() {
  const { theme, singleKeys, numerals } = preferences.value;
  return (
    <Dialog title="Settings" onClose={() => (panel.value = null)}>
      <form
        class="preferences"
        onSubmit={(event) => {
          event.preventDefault();
          setApiKey(new FormData(event.currentTarget).get("key") as string);
          toast(apiKey.value ? "The key is used until you close this tab." : "No key is used.");
          void loadHistory();
          panel.value = null;
        }}
      >
        <fieldset>
          <legend>Colours</legend>
          {THEMES.map(([value, label]) => (
            <label key={value} class="check">
              <input
                type="radio"
                name="theme"
                checked={theme === value}
                onChange={() => prefer({ theme: value })}
              />{" "}
              {label}
            </label>
          ))}
        </fieldset>
        <fieldset>
          <legend>Editing</legend>
          <label class="check">
            <input
              type="checkbox"
              checked={singleKeys}
              onChange={(event) => prefer({ singleKeys: event.currentTarget.checked })}
            />
            Single keys, such as Space to play
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={numerals}
              onChange={(event) => prefer({ numerals: event.currentTarget.checked })}
            />
            Roman numerals on chords
          </label>
        </fieldset>
        <div class="field">
          <label for="api-key">
            API key<span class="hint">only for servers that ask for one</span>
          </label>
          <span class="with-button">
            <input
              id="api-key"
              name="key"
              type="password"
              autocomplete="off"
              defaultValue={apiKey.value}
              placeholder="mk_live_…"
            />
            <button type="submit" class="button">
              Save
            </button>
          </span>
        </div>
      </form>
    </Dialog>
  );
}
