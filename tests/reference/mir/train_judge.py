"""Trains the judge of instruments and style on composed music.

Rhythm bands and semitones, ten frames a second, pass through convolutions over time and are pooled
to mean, maximum and spread; linear heads name the instruments and the style. The pooled layer is
the embedding of the Fréchet distance.
"""

import argparse
import json
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import data

INPUTS, WIDTH, EMBEDDING = 84 + 3 * 36, 96, 64
FRAMES = 102


def pictures(rhythm, pitch):
    """uint8 pictures -> [FRAMES, INPUTS] uint8: semitones, then mean, maximum and rise of mel."""
    mel = np.asarray(rhythm[:, :72]).reshape(-1, 36).astype(np.float32)
    rise = np.maximum(mel[1:] - mel[:-1], 0)
    rise = np.concatenate([rise[:1] * 0, rise])
    frames = min(FRAMES, len(mel) // 10, len(pitch))
    out = np.zeros((FRAMES, INPUTS), np.float32)
    tens = lambda x: x[: frames * 10].reshape(frames, 10, 36)
    out[:frames, :84] = pitch[:frames] / 32.0
    out[:frames, 84:120] = tens(mel).mean(1) / 64.0
    out[:frames, 120:156] = tens(mel).max(1) / 64.0
    out[:frames, 156:] = tens(rise).mean(1) * 4 / 64.0
    return np.clip(np.round(out * 40.0), 0, 255).astype(np.uint8)


class JudgeNet(nn.Module):
    def __init__(self, instruments, styles):
        super().__init__()
        self.input = nn.Conv1d(INPUTS, WIDTH, 3, padding=1, stride=2)
        self.middle = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.last = nn.Conv1d(WIDTH, WIDTH, 3, padding=2, dilation=2)
        self.embed = nn.Linear(3 * WIDTH, EMBEDDING)
        self.instruments = nn.Linear(3 * WIDTH, instruments)
        self.styles = nn.Linear(EMBEDDING, styles)

    def forward(self, x):  # [B, T, INPUTS] -> logits of instruments and of styles
        x = F.relu(self.input(x.transpose(1, 2)))
        x = x + F.relu(self.middle(F.dropout(x, 0.1, self.training)))
        x = x + F.relu(self.last(F.dropout(x, 0.1, self.training)))
        pooled = torch.cat([x.mean(2), x.amax(2), x.var(2, correction=0).add(1e-4).sqrt()], 1)
        embedding = F.relu(self.embed(F.dropout(pooled, 0.2, self.training)))
        return self.instruments(F.dropout(pooled, 0.2, self.training)), self.styles(embedding)


def load(specs):
    xs, names, styles = [], [], []
    for spec in specs:
        path, corpus, *count = spec.split(":")
        for record, rhythm, pitch in data.load(path, corpus, int(count[0]) if count else None):
            xs.append(pictures(rhythm, pitch))
            names.append({player["name"] for player in record["instruments"]})
            styles.append(record["style"])
    return torch.tensor(np.stack(xs)), names, styles


def augmented(x, generator):
    size = len(x)
    eq = data.smooth_eq(generator, size, 84, 0.25)
    mel = data.smooth_eq(generator, size, 36, 0.12)
    x = x + torch.cat([eq, mel, mel, torch.zeros(size, 1, 36)], -1) * (x > 0)
    floor = torch.rand(size, 1, 1, generator=generator) * 0.5 * (torch.rand(size, 1, 1, generator=generator) < 0.3)
    x = torch.maximum(x, floor * torch.cat([torch.ones(156), torch.zeros(36)]))
    shift = int(torch.randint(-2, 3, (1,), generator=generator))
    x = torch.cat([x[..., :84].roll(shift, -1), x[..., 84:]], -1)
    return x.clamp(min=0)


def report(net, x, instruments, styles, counts):
    """Shares of pieces of one and of two instruments that are all recognised, and of styles."""
    net.eval()
    with torch.no_grad():
        parts = [net(x[at : at + 64].float() / 40) for at in range(0, len(x), 64)]
    heard, styled = torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])
    style = (styled.argmax(1) == styles).float().mean().item()
    lines = [f"style {style:.3f}"]
    for count in counts:
        rows = (instruments.sum(1) == count).nonzero().flatten()
        if len(rows):
            top = heard[rows].topk(count).indices
            named = instruments[rows].gather(1, top)
            lines.append(f"{count} players: {named.mean():.3f} of them, all {named.prod(1).mean():.3f} (n {len(rows)})")
    return "; ".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", nargs="+", required=True, help="FILE:CORPUS[:COUNT]")
    parser.add_argument("--test", nargs="+", required=True)
    parser.add_argument("--out", required=True, help="without ending; weights and names")
    parser.add_argument("--steps", type=int, default=1500)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(4)
    x, names, style_names = load(args.features)
    instruments, styles = sorted(set().union(*names)), sorted(set(style_names))
    encode = lambda names: torch.tensor([[float(i in n) for i in instruments] for n in names])
    y, s = encode(names), torch.tensor([styles.index(v) for v in style_names])
    test_x, test_names, test_styles = load(args.test)
    test = encode(test_names), torch.tensor([styles.index(v) for v in test_styles])
    json.dump({"instruments": instruments, "styles": styles}, open(args.out + ".json", "w"))
    # Clips of few players, and rare instruments, are drawn more often.
    rarity = y.sum(0).clamp(min=1).rsqrt()
    draw = (y * rarity).amax(1) * torch.where(y.sum(1) <= 2, 2.0, 1.0) + 0.02
    net = JudgeNet(len(instruments), len(styles))
    print(sum(p.numel() for p in net.parameters()), "parameters,", len(x), "clips", flush=True)
    average = {k: v.clone() for k, v in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=args.steps)
    generator = torch.Generator().manual_seed(5)
    start, running = time.time(), 0.0
    for step in range(args.steps):
        net.train()
        index = torch.multinomial(draw, 32, True, generator=generator)
        with torch.autocast("cpu", torch.bfloat16):
            heard, styled = net(augmented(x[index].float() / 40, generator))
        heard, styled = heard.float(), styled.float()
        loss = 20 * F.binary_cross_entropy_with_logits(heard, y[index]) + F.cross_entropy(styled, s[index], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        decay = min(0.998, (1 + step) / (10 + step))
        for k, v in net.state_dict().items():
            average[k].lerp_(v, 1 - decay)
        running += loss.item()
        if (step + 1) % 250 == 0 or step + 1 == args.steps:
            judge = JudgeNet(len(instruments), len(styles))
            judge.load_state_dict(average)
            print(step + 1, f"{running / 250:.4f}", f"{time.time() - start:.0f} s;", report(judge, test_x, *test, (1, 2, 3, 4)), flush=True)
            running = 0.0
            data.export(average, args.out + ".safetensors")


if __name__ == "__main__":
    main()
