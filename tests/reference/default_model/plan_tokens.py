"""Plans as tokens of their own: style, metre, tempo, mode, tonic, instruments, chords.

    style:lo-fi meter:4/4 bpm:84 mode:minor tonic:9 nylon guitar drums | chord:0:m7 beats:4 ... </s>

A chord is its root's distance from the tonic and its quality, then perhaps `bass:` the bass note's
distance from the root, then `beats:`, how long it lasts. So a progression is the same in every key,
and what a prompt states can be put in place of what would be drawn. Chords begin at the clip's first
downbeat and end with the last that is whole. The list of tokens is shipped in the configuration.
"""

import re
from collections import Counter

PITCH = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
START, END, BAR = "<s>", "</s>", "|"
TEMPO_STEP, MAX_BEATS, RARE = 2, 8, 12


def pitch_class(name):
    """`F#` -> 6."""
    return (PITCH[name[0]] + name.count("#") - name[1:].count("b")) % 12


def chord_tokens(symbol, tonic):
    """Tokens of a chord symbol without its length: root, quality and perhaps the bass."""
    if symbol == "N":
        return ["chord:N"]
    root, quality, bass = re.fullmatch(
        r"([A-G][#b]*)(.*?)(?:/([A-G][#b]*))?", symbol).groups()
    root = pitch_class(root)
    out = [f"chord:{(root - tonic) % 12}:{quality}"]
    if bass and pitch_class(bass) != root:
        out.append(f"bass:{(pitch_class(bass) - root) % 12}")
    return out


def spans(plan):
    """(symbol, beats) of the chords from the first downbeat on that are heard whole."""
    beats = plan["beats"]
    first = next((i for i, b in enumerate(beats) if b["beat"] == 1), None)
    if first is None:
        return []
    index = lambda t: sum(1 for b in beats if b["t"] < t - 0.1)
    starts = [max(index(e["t"]), first) for e in plan["chords"]]
    out = []
    for event, start, end in zip(plan["chords"], starts, starts[1:]):
        if first <= start < end:
            out.append((event["symbol"], min(end - start, MAX_BEATS)))
    return out


def plan_tokens(record):
    """The whole plan of a record."""
    plan, (tonic, mode) = record["plan"], record["key"]
    tonic = pitch_class(tonic) if tonic else 0
    bpm = round(plan["tempo_bpm"] / TEMPO_STEP) * TEMPO_STEP
    out = [f"style:{record['style']}", f"meter:{plan['meter']}", f"bpm:{bpm}",
           f"mode:{mode}", f"tonic:{tonic}"]
    out += dict.fromkeys(i["name"] for i in record["instruments"])
    out.append(BAR)
    for symbol, beats in spans(plan):
        out += chord_tokens(symbol, tonic) + [f"beats:{beats}"]
    return out + [END]


def vocabulary(records):
    """All tokens: those of a kind together, chords that hardly occur left out."""
    count = Counter(t for r in records for t in plan_tokens(r))
    kinds = ("style:", "meter:", "bpm:", "mode:", "tonic:", "chord:", "bass:", "beats:")
    kind = lambda t: next((i for i, k in enumerate(kinds) if t.startswith(k)), len(kinds))
    number = lambda t: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", t)]
    seen = [t for t, n in count.items()
            if t not in (END, BAR) and (n >= RARE or not t.startswith("chord:"))]
    seen += [t for t in (f"bpm:{b}" for b in range(50, 191, TEMPO_STEP)) if t not in count]
    return [START, END, BAR] + sorted(seen, key=lambda t: (kind(t), number(t)))


def class_labels(tokens):
    """The tokens that MuNet is told of a plan: styles and instruments."""
    return [t for t in tokens if t.startswith("style:") or ":" not in t and t not in (START, END, BAR)]


def encode(tokens, table):
    """Ids; a chord that is not in the table becomes the triad on its root."""
    out = []
    for token in tokens:
        if token not in table:
            root, quality = token.split(":")[1:]
            token = f"chord:{root}:{'m' if quality.startswith('m') and quality[:3] != 'maj' else ''}"
        if token in table:
            out.append(table[token])
    return out
