"""Further wordings for a record of the corpus, drawn anew each time a clip is seen.

The composer writes captions of its own; these add registers that people type: bare tags, half
sentences, stated facts in any order, and what is absent. They never contradict the record.
"""

import random

STYLES = {
    "jazz swing": ["jazz", "swing", "swinging jazz", "straight-ahead jazz", "jazz combo"],
    "jazz waltz": ["jazz waltz", "waltzing jazz", "jazz in three"],
    "jazz ballad": ["jazz ballad", "slow jazz", "late-night jazz"],
    "hip-hop": ["hip-hop", "hip hop", "boom bap", "rap beat"],
    "lo-fi": ["lo-fi", "lofi", "lo-fi hip hop", "lofi beats", "study beats"],
    "drum and bass": ["drum and bass", "dnb", "jungle-like drum and bass"],
    "bossa nova": ["bossa nova", "bossa", "brazilian jazz"],
    "house": ["house", "house music", "deep house", "club house"],
    "techno": ["techno", "club techno", "rave techno"], "trance": ["trance", "uplifting trance"],
    "synthwave": ["synthwave", "retrowave", "80s synth music", "outrun"],
    "metal": ["metal", "heavy metal", "hard metal"], "punk": ["punk", "punk rock"],
    "indie": ["indie", "indie rock", "indie pop"], "pop": ["pop", "pop song", "chart pop"],
    "rock": ["rock", "rock music", "classic rock"], "ballad": ["ballad", "pop ballad"],
    "cinematic": ["cinematic", "film score", "soundtrack", "film music"],
    "orchestral": ["orchestral", "symphonic", "orchestra music"],
    "classical": ["classical", "classical music", "chamber music"],
    "celtic": ["celtic", "irish folk", "irish trad"], "folk": ["folk", "acoustic folk"],
    "country": ["country", "country music", "nashville country"],
    "salsa": ["salsa", "latin salsa", "latin dance music"], "samba": ["samba", "carnival samba"],
    "soul": ["soul", "soul music", "motown-like soul"], "funk": ["funk", "funky music"],
    "trap": ["trap", "trap beat"], "ambient": ["ambient", "ambient music", "soundscape"],
    "lullaby": ["lullaby", "cradle song"], "waltz": ["waltz", "viennese waltz"],
    "reggae": ["reggae", "roots reggae"], "calypso": ["calypso", "caribbean music"],
}
INSTRUMENTS = {
    "drums": ["drums", "acoustic drums", "a drum kit", "live drums"],
    "electronic drums": ["electronic drums", "a drum machine", "808 drums", "programmed drums"],
    "brushed drums": ["brushed drums", "brushes", "jazz drums"],
    "electric piano": ["electric piano", "rhodes", "e-piano"],
    "nylon guitar": ["nylon guitar", "classical guitar", "nylon-string guitar"],
    "acoustic guitar": ["acoustic guitar", "steel-string guitar"],
    "upright bass": ["upright bass", "double bass", "acoustic bass"],
    "bass guitar": ["bass guitar", "electric bass", "bass"],
    "synth bass": ["synth bass", "analog bass", "synthesizer bass"],
    "distorted guitar": ["distorted guitar", "heavy guitar", "distortion guitar"],
    "strings": ["strings", "string section", "string ensemble"],
    "saxophone": ["saxophone", "sax"], "brass": ["brass", "brass section", "horns"],
    "synth pad": ["synth pad", "pads", "warm pad"], "synth lead": ["synth lead", "lead synth"],
    "choir": ["choir", "voices", "choir aahs"], "organ": ["organ", "hammond organ"],
    "vibraphone": ["vibraphone", "vibes"], "piano": ["piano", "grand piano", "acoustic piano"],
    "bells": ["bells", "tubular bells"], "fiddle": ["fiddle", "folk violin"],
}
TEMPO_WORDS = ((60, ["very slow", "largo", "slow"]), (76, ["slow", "adagio", "unhurried"]),
               (96, ["relaxed", "andante", "slowish", "laid-back"]),
               (116, ["mid-tempo", "moderate", "medium tempo", "moderato"]),
               (140, ["upbeat", "lively", "allegro", "up-tempo"]),
               (168, ["fast", "energetic", "quick"]), (999, ["very fast", "presto", "frantic"]))


def tempo_word(bpm, rng):
    return rng.choice(next(words for limit, words in TEMPO_WORDS if bpm < limit))


def names(record, rng):
    """The instruments, in any order, some by another name."""
    parts = list(dict.fromkeys(i["name"] for i in record["instruments"]))
    if rng.random() < 0.6:
        rng.shuffle(parts)
    return [rng.choice(INSTRUMENTS.get(p, [p])) if rng.random() < 0.5 else p for p in parts]


def listed(items):
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def key_text(record, rng):
    tonic, mode = record["key"]
    if mode in ("major", "minor") and rng.random() < 0.3:
        return f"key of {tonic}{'m' if mode == 'minor' else ''}"
    return rng.choice([f"in {tonic} {mode}", f"{tonic} {mode}", f"in the key of {tonic} {mode}"])


def stated(record, rng):
    """Some of tempo, key, metre and chords, each in one of several forms."""
    plan, out = record["plan"], []
    bpm = round(plan["tempo_bpm"])
    if rng.random() < 0.6:
        out.append(rng.choice([f"{bpm} bpm", f"at {bpm} BPM", f"tempo {bpm}", f"bpm: {bpm}"]))
    if record["key"][0] and rng.random() < 0.5:
        out.append(key_text(record, rng))
    if plan["meter"] != "4/4" and rng.random() < 0.6 or rng.random() < 0.1:
        out.append(rng.choice([plan["meter"], plan["meter"] + " time"]))
    if rng.random() < 0.35:
        symbols = [e["symbol"] for e in plan["chords"] if e["symbol"] != "N"][:6]
        if symbols:
            chords = rng.choice([" ", ", ", " - "]).join(symbols)
            out.append(rng.choice(["", "chords: ", "chords ", "progression "]) + chords)
    rng.shuffle(out)
    return out


def missing(record, rng):
    """A group of instruments that the clip does not have, or nothing."""
    have = " ".join(i["name"] for i in record["instruments"])
    groups = [g for g in ("drums", "guitar", "piano", "bass", "strings") if g not in have]
    return rng.choice(["no ", "without "]) + rng.choice(groups) if groups else ""


def caption(record, rng=random):
    """One new wording."""
    style = record["style"]
    style = rng.choice(STYLES.get(style, [style])) if rng.random() < 0.6 else style
    moods = list(record["mood"])
    rng.shuffle(moods)
    mood, parts = moods[0], names(record, rng)
    tempo = tempo_word(record["plan"]["tempo_bpm"], rng)
    few = parts[: rng.randint(1, len(parts))]
    solo = len(parts) == 1
    lead = ("solo " if solo and rng.random() < 0.7 else "") + few[0]
    form = rng.randrange(12)
    if form == 0:
        text = f"{mood} {style}"
    elif form == 1:
        text = f"{style}, {lead}"
    elif form == 2:
        text = ", ".join([style, *few, *moods[:2]])
    elif form == 3:
        text = f"{tempo} {style} with {listed(few)}"
    elif form == 4:
        text = f"a {mood} {style} piece with {listed(parts)}"
    elif form == 5:
        text = f"{listed(parts)} playing {mood} {style}"
    elif form == 6:
        text = f"This is a {tempo}, {mood} {style} track. You hear {listed(parts)}."
    elif form == 7:
        text = f"{lead}, {mood}, {tempo}"
    elif form == 8:
        text = f"An instrumental {style} song with {listed(few)}. The mood is {listed(moods)}."
    elif form == 9:
        text = f"{lead}"
    elif form == 10:
        text = listed(few)
    else:
        text = f"{mood} and {tempo} {lead}, {style} style"
    if rng.random() < 0.08:
        text += ", " + missing(record, rng)
    facts = stated(record, rng) if rng.random() < 0.4 else []
    if facts:
        text = text.rstrip(".")
    text = ", ".join([text, *facts]) if rng.random() < 0.8 else ", ".join([*facts, text])
    return text if rng.random() < 0.7 else text.lower()


def composed(record):
    """The composer's own wordings, its control sentences joined to the main caption among them."""
    out = list(record["captions"])
    control = [record[k] for k in ("prompt_bpm", "prompt_key", "prompt_ch", "prompt_bt")
               if record.get(k)]
    if record.get("main_caption") and control:
        out.append(" ".join([record["main_caption"], *control]))
    return out


def wording(record, rng):
    """A composer's caption or a new one, equally likely."""
    own = composed(record)
    return rng.choice(own) if own and rng.random() < 0.5 else caption(record, rng)


def sounds(record, rng):
    """Style and instruments in the form that the program puts before a prompt; either may lack."""
    parts = list(dict.fromkeys(i["name"] for i in record["instruments"]))
    if rng.random() < 0.5:
        rng.shuffle(parts)
    style = record["style"] if rng.random() < 0.85 else ""
    parts = ", ".join(parts) if not style or rng.random() < 0.93 else ""
    return f"{style}: {parts}" if style and parts else style or parts


def prompt(record, rng):
    """What MuNet reads: a wording, mostly after the sounds of the plan, or these alone."""
    form = rng.random()
    if form < 0.2:
        return wording(record, rng)
    return f"{sounds(record, rng)} | {wording(record, rng) if form < 0.75 else ''}".strip()
