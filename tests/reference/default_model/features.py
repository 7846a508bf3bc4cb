"""What the networks see: the semitone spectrogram, chord symbols, and the control maps.

The spectrogram is the twin of crates/audio/src/semitone.rs; the maps are the twin of the
control features in crates/diffusion.
"""

import functools
import math
import re

import numpy as np
import torch

from model import BANDS, CELL_SECONDS, CELLS, HOP, LOWEST_MIDI, ROWS, SAMPLE_RATE

N_FFT_LOW, N_FFT_HIGH, CROSSOVER_HZ, FLOOR = 3072, 1536, 520.0, 1e-4
FRAMES_PER_CELL, BANDS_PER_ROW = 8, BANDS // ROWS


def centre_hz(k):
    return 440.0 * 2.0 ** ((k + LOWEST_MIDI - 69) / 12.0)


def band_filters(n_fft, bands):
    """Triangles over the FFT's bins, each row summing to 1: [len(bands), n_fft/2+1] f64."""
    f = np.arange(n_fft // 2 + 1) * (SAMPLE_RATE / n_fft)
    rows = []
    for k in bands:
        width = max(centre_hz(k) * (2 ** (1 / 12) - 1), SAMPLE_RATE / n_fft)
        row = np.maximum(0.0, 1.0 - np.abs(f - centre_hz(k)) / width)
        if k == 0:
            row[(f >= 20.0) & (f <= centre_hz(k))] = 1.0
        rows.append(row / row.sum())
    return np.stack(rows)


@functools.lru_cache(maxsize=None)
def _tables():
    split = sum(centre_hz(k) < CROSSOVER_HZ for k in range(BANDS))
    return [
        (n, torch.hann_window(n), torch.tensor(band_filters(n, b), dtype=torch.float32))
        for n, b in ((N_FFT_LOW, range(split)), (N_FFT_HIGH, range(split, BANDS)))
    ]


def spectrogram(samples):
    """samples [B, n] at 24 kHz -> natural-log band magnitudes [B, n // 240, 96]."""
    out, frames = [], samples.shape[1] // HOP
    for n_fft, window, filters in _tables():
        s = torch.stft(samples, n_fft, HOP, n_fft, window, pad_mode="reflect", return_complex=True)
        out.append(filters @ (s.abs() / (window.sum() / 2))[..., :frames])
    return torch.cat(out, dim=1).clamp(min=FLOOR).log().transpose(1, 2)


LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
NOTE = r"([A-G])((?:#|b|♯|♭)*)"
DEGREE = {"2": 14, "4": 5, "5": 7, "6": 9, "9": 14, "11": 17, "13": 21}


def _pitch_class(letter, accidentals):
    up = accidentals.count("#") + accidentals.count("♯")
    down = accidentals.count("b") + accidentals.count("♭")
    return (LETTERS[letter] + up - down) % 12


def _third_fifth(body):
    """Triad of a chord body, and the body without the words that named it."""
    for words, triad in (
        (("dim7", "°7", "o7"), (0, 3, 6, 9)), (("m7b5", "ø7", "ø"), (0, 3, 6, 10)),
        (("dim", "°"), (0, 3, 6)), (("aug7", "+7"), (0, 4, 8, 10)), (("aug", "+"), (0, 4, 8)),
        (("7sus4", "7sus"), (0, 5, 7, 10)), (("9sus4", "9sus"), (0, 5, 7, 10, 14)),
        (("sus2",), (0, 2, 7)), (("sus4", "sus"), (0, 5, 7)), (("5",), (0, 7)),
    ):
        for word in words:
            if body.startswith(word):
                return set(triad), body[len(word):]
    if re.match(r"m(?!aj)|min|-", body):
        return {0, 3, 7}, re.sub(r"^(min|m|-)", "", body)
    return {0, 4, 7}, body


def parse_chord(symbol):
    """Lead-sheet symbol -> (root, bass, set of pitch classes), or None for no chord."""
    symbol = symbol.strip()
    if symbol in ("N", "NC", "N.C.", "X", ""):
        return None
    match = re.fullmatch(NOTE + r"([^/]*(?:/9)?)(?:/" + NOTE + ")?", symbol)
    if match is None:
        raise ValueError(f"unknown chord symbol {symbol!r}")
    letter, accidental, body, bass_letter, bass_accidental = match.groups()
    root = _pitch_class(letter, accidental)
    tones, rest = _third_fifth(body)
    rest = re.sub(r"[(),\s]", "", rest)
    major7 = re.match(r"(maj|M|△|Δ)", rest)
    rest = re.sub(r"^(maj|M|△|Δ)", "", rest)
    number = re.match(r"(6/9|69|13|11|9|7|6)", rest)
    if number:
        value, rest = number.group(1), rest[number.end():]
        if value in ("6", "69", "6/9"):
            tones |= {9} if value == "6" else {9, 14}
        else:
            tones |= {11 if major7 else 10}
            tones |= {"7": set(), "9": {14}, "11": {14, 17}, "13": {14, 21}}[value]
    elif major7 and body not in ("maj",):
        tones |= {11}
    for kind, sign, degree in re.findall(r"(add|sus)?([b#]?)(2|4|5|6|9|11|13)", rest):
        shift = {"": 0, "b": -1, "#": 1}[sign]
        if kind == "sus":
            tones -= {3, 4}
        if degree == "5" and sign:
            tones.discard(7)
        tones.add(DEGREE[degree] + shift)
    bass = root if bass_letter is None else _pitch_class(bass_letter, bass_accidental)
    return root, bass, {(root + t) % 12 for t in tones} | {bass}


def beats_per_bar(meter):
    """Felt beats: 3/4 -> 3, 6/8 -> 2, 12/8 -> 4."""
    count, unit = (int(v) for v in meter.split("/"))
    return count // 3 if unit == 8 and count % 3 == 0 and count > 3 else count


def chord_frames(chords, frames=CELLS * FRAMES_PER_CELL):
    """Events [{t, symbol}] -> tones, root, bass one-hots [frames,12] each, and presence [frames]."""
    tones, root, bass = (np.zeros((frames, 12), np.float32) for _ in range(3))
    present = np.zeros(frames, np.float32)
    starts = [max(0, math.ceil(e["t"] * 100.0 - 1e-6)) for e in chords] + [frames]
    for event, a, b in zip(chords, starts, starts[1:]):
        chord = parse_chord(event["symbol"])
        if chord is None:
            continue
        tones[a:b, sorted(chord[2])] = 1.0
        root[a:b, chord[0]] = 1.0
        bass[a:b, chord[1]] = 1.0
        present[a:b] = 1.0
    return tones, root, bass, present


def vocoder_controls(chords, frames=CELLS * FRAMES_PER_CELL):
    """[24, frames]: chord tones (bass among them), bass one-hot."""
    tones, _, bass, _ = chord_frames(chords, frames)
    return np.concatenate([tones, bass], axis=1).T


def chord_cells(chords):
    """UNet channels of a chord list: [26 per row] -> map [26, 128, 12]."""
    tones, root, bass, present = chord_frames(chords)
    pitch = (np.arange(BANDS) + LOWEST_MIDI) % 12
    out = np.zeros((26, CELLS, ROWS), np.float32)
    for i, rows in enumerate((tones, root, bass)):
        mean = rows[:, pitch].reshape(CELLS, FRAMES_PER_CELL, BANDS).mean(1)
        out[8 * i : 8 * i + 8] = mean.reshape(CELLS, ROWS, BANDS_PER_ROW).transpose(2, 0, 1)
    for event in chords:
        cell = math.floor(event["t"] / CELL_SECONDS + 1e-6)
        if event["t"] > 0 and cell < CELLS:
            out[24, cell] = 1.0
    out[25] = present.reshape(CELLS, FRAMES_PER_CELL).mean(1)[:, None]
    return out


def beat_positions(beats, times):
    """Fractional beat index at each time, extrapolated with the neighbouring interval."""
    t = np.array([b["t"] for b in beats], np.float64)
    if len(t) < 2:
        t = np.array([t[0], t[0] + 0.5]) if len(t) else np.array([0.0, 0.5])
    i = np.clip(np.searchsorted(t, times, side="right") - 1, 0, len(t) - 2)
    return i + (times - t[i]) / (t[i + 1] - t[i])


def beat_cells(beats, meter):
    """UNet channels 26..37 of a beat list [{t, beat}]: [12, 128, 12]."""
    out = np.zeros((12, CELLS, ROWS), np.float32)
    if not beats:
        return out
    per_bar = beats_per_bar(meter)
    position = beat_positions(beats, (np.arange(CELLS) + 0.5) * CELL_SECONDS)
    for i, k in enumerate((1, 2, 4)):
        out[2 * i] = np.sin(2 * np.pi * k * position)[:, None]
        out[2 * i + 1] = np.cos(2 * np.pi * k * position)[:, None]
    bar = 2 * np.pi * (position + beats[0]["beat"] - 1) / per_bar
    out[6], out[7] = np.sin(bar)[:, None], np.cos(bar)[:, None]
    for beat in beats:
        cell = math.floor(beat["t"] / CELL_SECONDS + 1e-6)
        if 0 <= cell < CELLS:
            out[8, cell] = 1.0
            if beat["beat"] == 1:
                out[9, cell] = 1.0
    out[10] = 1.0
    out[11] = {3: 1.0, 2: -1.0}.get(per_bar, 0.0)
    return out


def control_map(plan):
    """Plan -> UNet controls [38, 128, 12]."""
    return np.concatenate([chord_cells(plan["chords"]), beat_cells(plan["beats"], plan["meter"])])
