"""Fits the key: 96 weights for major and for minor, on what the chord network hears of a piece.

Logistic regression over the 24 keys; a key's features are those of all others, turned.
"""

import argparse

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

import data
from train_chords import ChordNet

KINDS = 8
MINOR = {"minor", "dorian", "phrygian", "locrian"}


def features(classes, root, bass):
    """[T, 12], [T, 13], [T, 13] probabilities -> [KINDS, 12]: what the piece has on each note."""
    r = root[:, :12]
    turn = lambda by: classes.roll(-by, 1)
    major = r * turn(4) * (1 - turn(3))
    minor = r * turn(3) * (1 - turn(4))
    dominant = major * turn(10)
    edge = max(1, min(15, len(r) // 3))
    return torch.stack(
        [classes.mean(0), r.mean(0), bass[:, :12].mean(0), r[:edge].mean(0), r[-edge:].mean(0),
         major.mean(0), minor.mean(0), dominant.mean(0)]
    )


def logits(weight, bias, x):
    """x [N, KINDS, 12] -> [N, 24]: C major .. B major, C minor .. B minor."""
    turned = torch.stack([x.roll(-tonic, 2) for tonic in range(12)], 1).flatten(2)  # [N, 12, 96]
    return torch.cat([turned @ weight[0] + bias[0], turned @ weight[1] + bias[1]], 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", nargs="+", required=True, help="FILE:CORPUS[:COUNT]")
    parser.add_argument("--chords", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(3)
    net = ChordNet()
    net.load_state_dict(load_file(args.chords))
    net.eval()
    xs, ys = [], []
    for spec in args.features:
        path, corpus, *count = spec.split(":")
        batch = []
        for record, _, pitch in data.load(path, corpus, int(count[0]) if count else None):
            if record["key"][0]:
                batch.append((record, torch.tensor(np.asarray(pitch[:102])).float() / 32))
        for at in range(0, len(batch), 32):
            part = batch[at : at + 32]
            with torch.no_grad():
                c, r, b = net(torch.stack([x for _, x in part]))
            for i, (record, _) in enumerate(part):
                xs.append(features(c[i].sigmoid(), r[i].softmax(-1), b[i].softmax(-1)))
                tonic, mode = record["key"]
                ys.append(data.note(tonic) + 12 * (mode in MINOR))
    x, y = torch.stack(xs), torch.tensor(ys)
    cut = len(x) * 9 // 10
    weight = torch.zeros(2, KINDS * 12, requires_grad=True)
    bias = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(logits(weight, bias, x[:cut]), y[:cut]) + 1e-4 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    for name, part in (("fitted", slice(0, cut)), ("kept apart", slice(cut, None))):
        right = (logits(weight, bias, x[part]).argmax(1) == y[part]).float().mean().item()
        print(f"{name}: {right:.3f} of {len(x[part])}")
    data.export({"weight": weight, "bias": bias}, args.out)


if __name__ == "__main__":
    main()
