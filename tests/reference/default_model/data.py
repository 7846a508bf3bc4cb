"""Corpus on disk -> arrays in memory: audio (memory-mapped), spectrograms, control maps, captions.

`python data.py CORPUS OUT [--shard I/N]` computes the spectrograms of the clips that OUT lacks.
The corpus holds records.jsonl and 16-bit mono WAV files of 10.24 s at 24 kHz.
"""

import argparse
import json
import os
import wave
from pathlib import Path

import numpy as np
import torch

import features
from model import BANDS, FRAMES, HOP

SAMPLES = FRAMES * HOP


def folders(names):
    """`a,b` -> paths: several corpora count as one."""
    return [Path(name) for name in str(names).split(",")]


def read_records(corpora):
    """Records that have their audio, in the order of the files."""
    records = []
    for corpus in folders(corpora):
        with open(corpus / "records.jsonl") as lines:
            records += [json.loads(line) for line in lines if line.endswith("\n")]
    return records


def read_wav(path):
    """16-bit mono file -> int16 [SAMPLES], padded with zeros or cut."""
    with wave.open(str(path)) as f:
        assert f.getnchannels() == 1 and f.getframerate() == 24000 and f.getsampwidth() == 2, path
        pcm = np.frombuffer(f.readframes(SAMPLES), np.int16)
    return np.pad(pcm, (0, SAMPLES - len(pcm)))


def prepare(corpus, out, shard=(0, 1), block=64):
    """Writes blocks of spectrograms f16 [64,1024,96] and audio int16 [64,SAMPLES] to OUT."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    records = read_records(corpus)
    for b in range(len(records) // block):
        path = out / f"block_{b:05d}.spec.npy"
        if b % shard[1] != shard[0] or path.exists():
            continue
        rows = records[b * block : (b + 1) * block]
        audio = np.stack([read_wav(Path(corpus) / r["location"]) for r in rows])
        with torch.no_grad():
            spec = torch.cat([
                features.spectrogram(torch.from_numpy(a.astype(np.float32)) / 32768.0)
                for a in np.split(audio, block // 8)
            ])
        np.save(out / f"block_{b:05d}.audio.npy", audio)
        part = out / f"part{shard[0]}.npy"
        np.save(part, spec.numpy().astype(np.float16))
        os.replace(part, path)


class Clips:
    """Prepared clips. `spec` and `audio` give crops; `records` are the rows in the same order."""

    def __init__(self, corpora, prepared, limit=None):
        self.specs, self.audios, self.records = [], [], []
        for corpus, folder in zip(folders(corpora), folders(prepared), strict=True):
            records = read_records(corpus)
            for path in sorted(folder.glob("block_*.spec.npy")):
                if limit is not None and len(self.records) >= limit:
                    break
                block = int(path.name[6:11])
                self.specs.append(np.load(path, mmap_mode="r"))
                self.audios.append(np.load(str(path).replace(".spec", ".audio"), mmap_mode="r"))
                n = len(self.specs[-1])
                self.records += records[block * n : (block + 1) * n]
        self.block = len(self.specs[0])

    def __len__(self):
        return len(self.records)

    def spec(self, i, start=0, frames=FRAMES):
        """Log spectrogram [frames, 96] f32."""
        rows = self.specs[i // self.block][i % self.block, start : start + frames]
        return torch.from_numpy(np.asarray(rows, np.float32))

    def audio(self, i, start=0, frames=FRAMES):
        """Waveform [frames*240] f32 of the same frames."""
        rows = self.audios[i // self.block][i % self.block, start * HOP : (start + frames) * HOP]
        return torch.from_numpy(rows.astype(np.float32) / 32768.0)


def statistics(clips, count=256):
    """Scalar mean and standard deviation of the log spectrogram over some clips."""
    rows = torch.stack([clips.spec(i) for i in range(0, len(clips), max(1, len(clips) // count))])
    return float(rows.mean()), float(rows.std())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus")
    parser.add_argument("out")
    parser.add_argument("--shard", default="0/1")
    parser.add_argument("--stats", help="write mean and standard deviation to this JSON file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    prepare(args.corpus, args.out, tuple(int(v) for v in args.shard.split("/")))
    if args.stats:
        mean, std = statistics(Clips(args.corpus, args.out))
        Path(args.stats).write_text(json.dumps({"mean": round(mean, 3), "std": round(std, 3)}))


if __name__ == "__main__":
    main()
