"""Reads what `cargo run --release -p mustool-mir --example features` wrote, with the records."""

import json
import re

import numpy as np
import torch

RHYTHM_BANDS, SEMITONES = 78, 84
RHYTHM_FPS, PITCH_FPS = 50, 10
LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
QUALITIES = {
    "": (4, 7), "m": (3, 7), "dim": (3, 6), "aug": (4, 8), "sus2": (2, 7), "sus4": (5, 7), "5": (7,),
    "6": (4, 7, 9), "m6": (3, 7, 9), "7": (4, 7, 10), "maj7": (4, 7, 11), "m7": (3, 7, 10),
    "mMaj7": (3, 7, 11), "m7b5": (3, 6, 10), "dim7": (3, 6, 9), "aug7": (4, 8, 10),
    "7sus4": (5, 7, 10), "add9": (4, 7, 2), "madd9": (3, 7, 2), "6/9": (4, 7, 9, 2),
    "9": (4, 7, 10, 2), "maj9": (4, 7, 11, 2), "m9": (3, 7, 10, 2), "7b9": (4, 7, 10, 1),
    "13": (4, 7, 10, 2, 9),
}


def note(text):
    return (LETTERS[text[0]] + text.count("#") - text[1:].count("b")) % 12


def chord(symbol):
    """(root, bass, set of pitch classes), or None for no chord and for what is not known."""
    match = re.match(r"([A-G][#b]*)(.*)", symbol)
    if not match:
        return None
    root, rest = note(match[1]), match[2]
    bass = root
    slash = re.match(r"(.*)/([A-G][#b]*)$", rest)
    if slash:
        rest, bass = slash[1], note(slash[2])
    if rest not in QUALITIES:
        return None
    notes = {root, bass} | {(root + i) % 12 for i in QUALITIES[rest]}
    return root, bass, notes


def load(path, corpus, count=None):
    """Yields (record, rhythm [T, 78], pitch [T, 84]) as uint8."""
    data = np.memmap(path, dtype=np.uint8, mode="r")
    at = 0
    for index, line in enumerate(open(f"{corpus}/records.jsonl")):
        if at >= len(data) or (count is not None and index >= count):
            return
        pictures = []
        for bands in (RHYTHM_BANDS, SEMITONES):
            if at + 4 > len(data):
                return
            frames = int(np.frombuffer(data[at : at + 4].tobytes(), "<u4")[0])
            at += 4
            if at + frames * bands > len(data):
                return
            pictures.append(data[at : at + frames * bands].reshape(frames, bands))
            at += frames * bands
        yield json.loads(line), *pictures


def export(tensors, path):
    from safetensors.torch import save_file

    save_file({k: v.detach().float().contiguous() for k, v in tensors.items()}, path)


def smooth_eq(generator, shape_batch, bands, strength):
    """Random smooth curves over the bands, [B, 1, bands], about ±strength."""
    knots = torch.randn(shape_batch, 1, 5, generator=generator) * strength
    return torch.nn.functional.interpolate(knots, size=bands, mode="linear", align_corners=True)
