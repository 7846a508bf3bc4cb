// The chords as a plain table with a field for every number: the same edits without a timeline.

import { addChord, moveStart, removeChord, spans } from "../../music/plan";
import { spoken } from "../../music/chord";
import { spokenPosition, toBeats, toSeconds } from "../../music/time";
import { edit, plan } from "../../state/plan";
import { Plus, Trash } from "../icons";
import { IconButton, NumberInput } from "../parts";
import { chordFault, tryRename } from "./editing";

export function ChordTable() {
  const of = plan.value!;
  const shown = spans(of);
  const beats = (t: number) => Math.round(toBeats(of.beats, t) * 100) / 100 + 1;
  return (
    <div class="table-wrap">
      <table>
        <caption class="sr-only">Chords</caption>
        <thead>
          <tr>
            <th scope="col">Chord</th>
            <th scope="col">Begins at beat</th>
            <th scope="col">Beats</th>
            <th scope="col">Where</th>
            <th scope="col">
              <span class="sr-only">Remove</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ index, symbol, startS, endS }) => {
            return (
              <tr key={index}>
                <td>
                  <input
                    type="text"
                    aria-label={`Chord ${index + 1}`}
                    value={symbol}
                    maxLength={32}
                    aria-invalid={chordFault(index) !== undefined || undefined}
                    onChange={(event) => {
                      if (!tryRename(of, index, event.currentTarget.value))
                        event.currentTarget.value = symbol;
                    }}
                  />
                </td>
                <td>
                  <NumberInput
                    aria-label={`Chord ${index + 1} begins at beat`}
                    value={beats(startS)}
                    min={1}
                    step={0.5}
                    onValue={(value) =>
                      edit(
                        moveStart(of, index, toSeconds(of.beats, value - 1)),
                        `${spoken(symbol)} begins at beat ${value}`,
                      )
                    }
                  />
                </td>
                <td>
                  <NumberInput
                    aria-label={`Beats of chord ${index + 1}`}
                    value={Math.round((beats(endS) - beats(startS)) * 100) / 100}
                    min={0.5}
                    step={0.5}
                    disabled={index === of.chords.length - 1}
                    onValue={(value) =>
                      edit(
                        moveStart(of, index + 1, toSeconds(of.beats, toBeats(of.beats, startS) + value)),
                        `${spoken(symbol)}, ${value} beats`,
                      )
                    }
                  />
                </td>
                <td class="muted">{spokenPosition(of.beats, startS)}</td>
                <td>
                  <IconButton
                    label={`Remove ${spoken(symbol)}`}
                    onClick={() => edit(removeChord(of, index), `${spoken(symbol)} removed`)}
                  >
                    <Trash />
                  </IconButton>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <button
        type="button"
        class="button small"
        onClick={() => {
          const last = shown.at(-1);
          const at = last
            ? toSeconds(
                of.beats,
                Math.floor((toBeats(of.beats, last.startS) + toBeats(of.beats, last.endS)) / 2),
              )
            : 0;
          edit(addChord(of, at, last?.symbol ?? "C"), "Chord added");
        }}
      >
        <Plus /> Add a chord
      </button>
    </div>
  );
}
