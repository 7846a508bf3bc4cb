"""Trains the beat network: rhythm bands -> logits of beat and downbeat, 50 times a second.

A temporal convolutional network as in Davies & Böck (EUSIPCO 2019), smaller, with our features.
"""

import argparse
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import data

CHANNELS, DILATIONS = 24, (1, 2, 4, 8, 16, 32, 64, 128)


class BeatNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.input = nn.Conv1d(data.RHYTHM_BANDS, CHANNELS, 5, padding=2)
        self.blocks = nn.ModuleList(
            nn.Conv1d(CHANNELS, CHANNELS, 5, padding=2 * d, dilation=d) for d in DILATIONS
        )
        self.output = nn.Conv1d(CHANNELS, 2, 1)

    def forward(self, x):  # [B, T, 78] -> [B, T, 2]
        x = F.elu(self.input(x.transpose(1, 2)))
        for block in self.blocks:
            x = x + F.dropout(F.elu(block(x)), 0.1, self.training)
        return self.output(x).transpose(1, 2)


def targets(record, frames):
    y = np.zeros((frames, 2), np.float32)
    for t, number in zip(*record["beats"]):
        centre = (t - 0.005) * data.RHYTHM_FPS
        for frame in range(int(centre) - 2, int(centre) + 4):
            if 0 <= frame < frames:
                weight = max(0.0, 1.0 - abs(frame - centre) / 2.0)
                y[frame, 0] = max(y[frame, 0], weight)
                if number == 1:
                    y[frame, 1] = max(y[frame, 1], weight)
    return y


def stretched(x, y_record, rate):
    """Rhythm bands played `rate` times as fast, and the record's beats with them."""
    bands = 36
    frames = len(x)
    halves = x[:, : 2 * bands].reshape(2 * frames, bands)
    count = int(frames / rate)
    fine = np.clip(np.round(np.arange(2 * count) * rate).astype(int), 0, 2 * frames - 1)
    coarse = np.clip(np.round(np.arange(count) * rate).astype(int), 0, frames - 1)
    out = np.concatenate([halves[fine].reshape(count, 2 * bands), x[coarse, 2 * bands :]], 1)
    times, numbers = y_record["beats"]
    return out, {"beats": ([t / rate for t in times], numbers)}


class Clips:
    def __init__(self, sources, seed):
        self.items = [(record, rhythm) for path, corpus, n in sources for record, rhythm, _ in data.load(path, corpus, n)]
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)

    def batch(self, size, frames=512):
        xs, ys = [], []
        for index in self.rng.integers(len(self.items), size=size):
            record, rhythm = self.items[index]
            if self.rng.random() < 0.6:
                rhythm, record = stretched(np.asarray(rhythm), record, np.exp(self.rng.uniform(-0.3, 0.3)))
            x = np.zeros((frames, data.RHYTHM_BANDS), np.float32)
            y = np.zeros((frames, 2), np.float32)
            part = rhythm[:frames]
            x[: len(part)] = part
            y[: len(part)] = targets(record, len(part))
            xs.append(x / 64.0)
            ys.append(y)
        x, y = torch.tensor(np.stack(xs)), torch.tensor(np.stack(ys))
        g = self.generator
        mel, novelty = x[..., :72], x[..., 72:]
        eq = data.smooth_eq(g, size, 36, 0.25)
        mel = (mel + torch.cat([eq, eq], -1) * (mel > 0)).clamp(min=0)
        floor = torch.rand(size, 1, 1, generator=g) * 0.8 * (torch.rand(size, 1, 1, generator=g) < 0.4)
        mel = torch.maximum(mel, floor + 0.06 * torch.randn(mel.shape, generator=g) * (floor > 0))
        novelty = novelty * (torch.rand(size, 1, 1, generator=g) > 0.15)
        return torch.cat([mel, novelty], -1), y


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", nargs="+", required=True, help="FILE:CORPUS[:COUNT]")
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=3000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    sources = [(*spec.split(":")[:2], int(spec.split(":")[2]) if spec.count(":") > 1 else None) for spec in args.features]
    clips = Clips(sources, 1)
    print(len(clips.items), "clips", flush=True)
    net = BeatNet()
    average = {k: v.clone() for k, v in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=args.steps)
    start, running = time.time(), 0.0
    for step in range(args.steps):
        net.train()
        x, y = clips.batch(16)
        logits = net(x)
        # Frames beside a beat neither reward nor punish as much as the beat itself.
        weight = 1.0 + torch.tensor([6.0, 20.0]) * y
        loss = F.binary_cross_entropy_with_logits(logits, y, weight=weight)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        decay = min(0.998, (1 + step) / (10 + step))
        for k, v in net.state_dict().items():
            average[k].lerp_(v, 1 - decay)
        running += loss.item()
        if (step + 1) % 100 == 0:
            print(step + 1, f"{running / 100:.4f}", f"{time.time() - start:.0f} s", flush=True)
            running = 0.0
            data.export(average, args.out)
    data.export(average, args.out)


if __name__ == "__main__":
    main()
