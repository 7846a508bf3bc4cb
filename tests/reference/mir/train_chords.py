"""Trains the chord network: semitones -> which pitch classes sound, the root and the bass.

Convolutions around the circle of pitch classes, so that a transposed recording gives transposed
answers; structured targets as in McFee & Bello (ISMIR 2017).
"""

import argparse
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import data

HARMONICS = (-24, -19, -12, -7, -1, 0, 1, 7, 12, 19, 24, 28)
WIDTH, LOWEST_MIDI = 32, 28
DILATIONS = (1, 2, 4, 8)


def registers():
    """[84, 3]: how much each semitone belongs to bass, middle and treble."""
    position = torch.arange(data.SEMITONES).float()
    centres = (10.0, 34.0, 60.0)
    bass = ((centres[1] - position) / (centres[1] - centres[0])).clamp(0, 1)
    treble = ((position - centres[1]) / (centres[2] - centres[1])).clamp(0, 1)
    return torch.stack([bass, 1 - bass - treble, treble], 1)


class ChordNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.harmonics = nn.Linear(len(HARMONICS), 16)
        self.notes = nn.Linear(16, 8)
        self.circle = nn.ModuleList([nn.Conv2d(24, WIDTH, (1, 12)), nn.Conv2d(WIDTH, WIDTH, (1, 12))])
        self.time = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, (3, 1), padding=(d, 0), dilation=(d, 1)) for d in DILATIONS)
        self.output = nn.Linear(WIDTH, 3)
        self.none = nn.Linear(WIDTH, 2)

    def around(self, layer, x):
        return F.relu(layer(torch.cat([x, x[..., :11]], -1)))

    def forward(self, x):
        """[B, T, 84] -> pitch classes [B, T, 12], root [B, T, 13], bass [B, T, 13] (12: none)."""
        pad = F.pad(x, (24, 28))
        stack = torch.stack([pad[..., 24 + h : 24 + h + data.SEMITONES] for h in HARMONICS], -1)
        x = F.relu(self.notes(F.relu(self.harmonics(stack))))  # [B, T, 84, 8]
        by_register = torch.einsum("btpc,pr->btprc", x, registers()).flatten(3)  # [B, T, 84, 24]
        # Semitone 0 is an E, pitch class 4.
        x = by_register.unflatten(2, (7, 12)).sum(2).roll(LOWEST_MIDI % 12, 2) / 4.0
        x = x.permute(0, 3, 1, 2)  # [B, 24, T, 12]
        x = self.around(self.circle[0], x)
        for index, layer in enumerate(self.time):
            if index == 2:
                x = x + self.around(self.circle[1], x)
            x = x + F.relu(layer(x))
        x = F.dropout(x, 0.1, self.training).permute(0, 2, 3, 1)  # [B, T, 12, WIDTH]
        each = self.output(x)
        none = self.none(x.mean(2))
        root = torch.cat([each[..., 1], none[..., :1]], -1)
        bass = torch.cat([each[..., 2], none[..., 1:]], -1)
        return each[..., 0], root, bass


def targets(record, frames):
    """Pitch classes [T, 12], root [T], bass [T]; −1 where the chord is unknown."""
    classes = np.zeros((frames, 12), np.float32)
    root, bass = np.full(frames, 12), np.full(frames, 12)
    events = list(zip(record["chords_time"], record["chords"])) + [(1e9, "N")]
    times = np.arange(frames) / data.PITCH_FPS + 0.025
    for (start, symbol), (end, _) in zip(events, events[1:]):
        inside = (times >= start) & (times < end)
        parsed = data.chord(symbol)
        if parsed is None:
            root[inside] = bass[inside] = 12 if symbol == "N" else -1
        else:
            root[inside], bass[inside] = parsed[0], parsed[1]
            for pc in parsed[2]:
                classes[inside, pc] = 1
    return classes, root, bass


class Clips:
    def __init__(self, sources, seed):
        frames = 102
        self.x, self.classes, self.root, self.bass = [], [], [], []
        for path, corpus, n in sources:
            for record, _, pitch in data.load(path, corpus, n):
                x = np.zeros((frames, data.SEMITONES), np.uint8)
                x[: min(frames, len(pitch))] = pitch[:frames]
                self.x.append(x)
                for store, target in zip((self.classes, self.root, self.bass), targets(record, frames)):
                    store.append(target)
        self.x = torch.tensor(np.stack(self.x))
        self.classes = torch.tensor(np.stack(self.classes)).bool()
        self.root, self.bass = (torch.tensor(np.stack(v)).to(torch.int8) for v in (self.root, self.bass))
        self.generator = torch.Generator().manual_seed(seed)

    def batch(self, size):
        g = self.generator
        index = torch.randint(len(self.x), (size,), generator=g)
        x = self.x[index].float() / 32.0
        classes, root, bass = self.classes[index].float(), self.root[index].long(), self.bass[index].long()
        shift = int(torch.randint(-4, 5, (1,), generator=g))
        if shift:
            x = x.roll(shift, -1)
            x[..., :shift] = 0 if shift > 0 else x[..., :shift]
            if shift < 0:
                x[..., shift:] = 0
            classes = classes.roll(shift, -1)
            move = lambda v: torch.where((v >= 0) & (v < 12), (v + shift) % 12, v)
            root, bass = move(root), move(bass)
        # Equaliser, noise and blur between neighbours, on magnitudes.
        x = x.expm1() * data.smooth_eq(g, size, data.SEMITONES, 0.6).exp()
        some = torch.rand(size, 1, 1, generator=g)
        blur = torch.rand(size, 1, 1, generator=g) * 0.3 * (some < 0.3)
        neighbours = F.pad(x, (1, 1))
        x = x * (1 - blur) + blur * 0.5 * (neighbours[..., 2:] + neighbours[..., :-2])
        noise = (torch.rand(size, 1, 1, generator=g) * 4 - 1).exp() * (some > 0.6)
        x = x + noise * torch.empty(x.shape).exponential_(generator=g) * data.smooth_eq(g, size, data.SEMITONES, 0.7).exp()
        return x.log1p(), classes, root, bass


def loss_of(net, batch):
    x, classes, root, bass = batch
    c, r, b = net(x)
    known = (root >= 0).float().unsqueeze(-1)
    bce = (F.binary_cross_entropy_with_logits(c, classes, reduction="none") * known).mean()
    ce = lambda logits, target: F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-1)
    right = ((r.argmax(-1) == root) & (root >= 0)).sum() / (root >= 0).sum()
    return 2 * bce + ce(r, root) + 0.5 * ce(b, bass), right.item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", nargs="+", required=True, help="FILE:CORPUS[:COUNT]")
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=3000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2)
    sources = [(*spec.split(":")[:2], int(spec.split(":")[2]) if spec.count(":") > 1 else None) for spec in args.features]
    clips = Clips(sources, 2)
    print(len(clips.x), "clips", flush=True)
    net = ChordNet()
    average = {k: v.clone() for k, v in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=args.steps)
    start, running, rights = time.time(), 0.0, 0.0
    for step in range(args.steps):
        net.train()
        loss, right = loss_of(net, clips.batch(16))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        decay = min(0.998, (1 + step) / (10 + step))
        for k, v in net.state_dict().items():
            average[k].lerp_(v, 1 - decay)
        running, rights = running + loss.item(), rights + right
        if (step + 1) % 100 == 0:
            print(step + 1, f"{running / 100:.4f} root {rights / 100:.3f}", f"{time.time() - start:.0f} s", flush=True)
            running = rights = 0.0
            data.export(average, args.out)
    data.export(average, args.out)


if __name__ == "__main__":
    main()
