"""Measures what can be heard of the asked plan: chords, beat phase and tempo of waveforms.

Chords: constant-Q chroma averaged over each asked segment against 24 triad templates. Beats: onset
strength folded on the asked grid (phase right if the best shift is within 45 ms of 0), and an
autocorrelation tempo within 4 % of the asked one or an octave of it.
`python judge.py stages ...` compares true audio, vocoder on true spectrograms, and VAE + vocoder.
"""

import argparse
import json
from pathlib import Path

import librosa
import numpy as np
import torch

import data
import features
import loop
import model
from vocoder import Vocoder

RATE = model.SAMPLE_RATE


def templates():
    """24 triads, major then minor by root: [24,12], unit length, harmonics' fifth at low weight."""
    rows = []
    for third in (4, 3):
        for root in range(12):
            row = np.zeros(12)
            row[[root, (root + third) % 12, (root + 7) % 12]] = (1.0, 0.9, 0.9)
            rows.append(row / np.linalg.norm(row))
    return np.stack(rows)


TEMPLATES = templates()


def triad_index(chord):
    """0..23 for chords with a plain major or minor triad, else None."""
    if chord is None:
        return None
    root, _, tones = chord
    steps = {(t - root) % 12 for t in tones}
    if {4, 7} <= steps:
        return root
    return 12 + root if {3, 7} <= steps else None


def chroma(wave):
    """[12, frames] at 480-sample hops."""
    c = librosa.cqt(wave, sr=RATE, hop_length=480, fmin=librosa.midi_to_hz(36), n_bins=60)
    return np.abs(c).reshape(5, 12, -1).sum(0)


def judge_chords(wave, chords):
    """(right triads, right roots, count) over the segments of at least 0.3 s."""
    c = chroma(wave)
    right = roots = count = 0
    ends = [e["t"] for e in chords[1:]] + [model.CLIP_SECONDS]
    for event, end in zip(chords, ends):
        index = triad_index(features.parse_chord(event["symbol"]))
        if index is None or end - event["t"] < 0.3:
            continue
        a, b = int((event["t"] + 0.05) * RATE / 480), int(end * RATE / 480)
        guess = int((TEMPLATES @ c[:, a:b].mean(1)).argmax())
        right += guess == index
        roots += guess % 12 == index % 12
        count += 1
    return right, roots, count


def onset_strength(wave):
    """Onset envelope at 10 ms steps."""
    return librosa.onset.onset_strength(y=wave, sr=RATE, hop_length=240, n_mels=80)


def judge_beats(envelope, beats, tempo_bpm):
    """(phase right, tempo right): 0 or 1 each."""
    times = np.array([b["t"] for b in beats])
    shifts = np.arange(-30, 31) * 0.01
    period = 60.0 / tempo_bpm
    grid = np.concatenate([times, times[:-1] + np.diff(times) / 2])
    weight = np.concatenate([np.ones(len(times)), np.full(len(times) - 1, 0.5)])
    inside = shifts[np.abs(shifts) < period / 4]
    at = lambda s: np.interp(grid + s, np.arange(len(envelope)) * 0.01, envelope) @ weight
    best = inside[int(np.argmax([at(s) for s in inside]))]
    ac = librosa.autocorrelate(envelope - envelope.mean(), max_size=400)
    lags = np.arange(25, 220)
    prior = np.exp(-0.5 * (np.log2(6000.0 / lags / 110.0) / 1.0) ** 2)
    tempo = 6000.0 / lags[int(np.argmax(ac[lags] * prior))]
    ratios = np.array([0.25, 1 / 3, 0.5, 2 / 3, 1.0, 1.5, 2.0, 3.0, 4.0])
    return abs(best) <= 0.045, bool((np.abs(tempo / (tempo_bpm * ratios) - 1) < 0.04).any())


def judge(waves, plans):
    """Means over clips; plans may belong to other clips (the floor)."""
    chord = np.zeros(3)
    beat = []
    for wave, plan in zip(waves, plans):
        wave = np.asarray(wave, np.float32)
        chord += judge_chords(wave, plan["chords"])
        beat.append(judge_beats(onset_strength(wave), plan["beats"], plan["tempo_bpm"]))
    phase, tempo = np.mean(np.array(beat, np.float64), axis=0)
    n = max(1, chord[2])
    return {"chord": round(chord[0] / n, 3), "root": round(chord[1] / n, 3),
            "segments": int(n), "phase": round(float(phase), 3), "tempo": round(float(tempo), 3)}


def load_vocoder(runs, name="vocoder"):
    state = loop.load(Path(runs) / f"{name}.pt")
    vocoder = Vocoder(state["config"]).eval()
    vocoder.load_state_dict(state["ema"], strict=False)
    return vocoder


@torch.no_grad()
def stages(args):
    from train_vocoder import load_vae

    clips = data.Clips(args.val, args.val_prepared)
    name = args.vocoder
    vocoder, vae = load_vocoder(args.runs, name), load_vae(args.runs)
    cfg = vocoder.cfg
    rows = {"true": [], "vocoder": [], "vocoder_no_chords": [], "vae": [], "vae_no_chords": []}
    picked = [i for i in range(len(clips)) if triads(clips.records[i])][: args.count]
    for i in picked:
        x = (clips.spec(i)[None] - cfg["mean"]) / cfg["std"]
        decoded = vae.decode(vae.encode(x[:, None])[0])[:, 0]
        controls = torch.from_numpy(
            features.vocoder_controls(clips.records[i]["plan"]["chords"]))[None]
        rows["true"].append(clips.audio(i).numpy())
        for key, source in (("vocoder", x), ("vae", decoded)):
            s = source.transpose(1, 2)
            rows[key].append(vocoder(s, controls)[0].numpy())
            rows[key + "_no_chords"].append(vocoder(s, controls * 0)[0].numpy())
    plans = [clips.records[i]["plan"] for i in picked]
    for key, waves in rows.items():
        print(key, json.dumps(judge(waves, plans)), flush=True)
    print("floor", json.dumps(judge(rows["true"], plans[1:] + plans[:1])))


def triads(record):
    return any(triad_index(features.parse_chord(e["symbol"])) is not None
               for e in record["plan"]["chords"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["stages"])
    for name in ("val", "val-prepared", "runs"):
        parser.add_argument("--" + name)
    parser.add_argument("--vocoder", default="vocoder")
    parser.add_argument("--count", type=int, default=32)
    args = parser.parse_args()
    torch.set_num_threads(1)
    stages(args)


if __name__ == "__main__":
    main()
