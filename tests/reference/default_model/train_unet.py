"""Trains MuNet on the frozen latents, one single-threaded process per core.

`python train_unet.py --rank 0 --world 2 ...` and the same with `--rank 1`: gradients are averaged
over the processes (gloo, localhost). v-prediction, min-SNR 5, condition dropout, averaged weights.
"""

import argparse
import os
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

import captions
import data
import features
import loop
import model
from plan_tokens import class_labels, vocabulary
from train_text import Text
from unet import MuNet

DROP_ALL, DROP_TEXT, DROP_CHORDS, DROP_BEATS = 0.08, 0.10, 0.08, 0.08
DROP_LABELS, DROP_SOUNDS, DROP_STYLE = 0.06, 0.08, 0.15
CHORD_CHANNELS = 26


def alphas_cumprod():
    s = model.SCHEDULER
    betas = torch.linspace(s["beta_start"] ** 0.5, s["beta_end"] ** 0.5, 1000) ** 2
    return torch.cumprod(1.0 - betas, dim=0)


class Latents:
    """Standardised latents with their plans and captions."""

    def __init__(self, corpus, prepared, folder, stats=None):
        self.clips = data.Clips(corpus, prepared)
        paths = [p for f in data.folders(folder) for p in sorted(f.glob("block_*.npy"))]
        self.blocks = [np.load(p, mmap_mode="r") for p in paths]
        self.records = self.clips.records[: sum(len(b) for b in self.blocks)]
        if stats is None:
            rows = np.concatenate([b[::4] for b in self.blocks]).astype(np.float32)
            stats = (rows.mean((0, 2, 3)), rows.std((0, 2, 3)))
        self.mean, self.std = (torch.as_tensor(v) for v in stats)

    def __len__(self):
        return len(self.records)

    def latent(self, i):
        z = torch.from_numpy(self.blocks[i // 64][i % 64].astype(np.float32))
        return (z - self.mean[:, None, None]) / self.std[:, None, None]

    def controls(self, i):
        return torch.from_numpy(features.control_map(self.records[i]["plan"]))


def condition(controls, labels, prompts, rng):
    """Drops conditions in place; returns the prompts that are left."""
    kept = list(prompts)
    for j in range(len(kept)):
        everything = rng.random() < DROP_ALL
        if everything or rng.random() < DROP_TEXT:
            kept[j] = ""
        if everything or rng.random() < DROP_LABELS:
            labels[j] = 0
        if everything or rng.random() < DROP_CHORDS:
            controls[j, :CHORD_CHANNELS] = 0
        if everything or rng.random() < DROP_BEATS:
            controls[j, CHORD_CHANNELS:] = 0
    return kept


def told(record, labels, rng=None):
    """Style and instruments as a row of 0 and 1; with `rng` either may be kept back."""
    sounds = {i["name"] for i in record["instruments"]}
    if rng and rng.random() < DROP_SOUNDS:
        sounds = set()
    if not rng or rng.random() >= DROP_STYLE:
        sounds.add(f"style:{record['style']}")
    return torch.tensor([float(label in sounds) for label in labels])


def noised(z, t, noise, acp):
    a, s = acp[t].sqrt()[:, None, None, None], (1 - acp[t]).sqrt()[:, None, None, None]
    return a * z + s * noise, a * noise - s * z


def full_caption(record):
    """Style and all instruments, always the same for a record."""
    parts = list(dict.fromkeys(i["name"] for i in record["instruments"]))
    return f"{record['style']}: {', '.join(parts)} | {record['mood'][0]} {record['style']}"


@torch.no_grad()
def validate(unet, latents, text, acp, count=48):
    """Loss with the right controls, with another clip's, and with none: at fixed noise."""
    g = torch.Generator().manual_seed(5)
    losses = {"right": [], "shuffled": [], "null": [], "text_shuffled": []}
    names = unet.cfg["class_labels"]
    n = min(count, len(latents))
    for i in range(0, n - 7, 8):
        z = torch.stack([latents.latent(j) for j in range(i, i + 8)])
        noise, t = torch.randn(z.shape, generator=g), torch.randint(0, 1000, (8,), generator=g)
        x, v = noised(z, t, noise, acp)
        right = torch.stack([latents.controls(j) for j in range(i, i + 8)])
        prompts = [full_caption(latents.records[j]) for j in range(i, i + 8)]
        labels = torch.stack([told(latents.records[j], names) for j in range(i, i + 8)])
        other = torch.stack([latents.controls((j + 8) % n) for j in range(i, i + 8)])
        swapped = [full_caption(latents.records[(j + 8) % n]) for j in range(i, i + 8)]
        mixed = torch.stack([told(latents.records[(j + 8) % n], names) for j in range(i, i + 8)])
        for name, controls, words, sounds in (
            ("right", right, prompts, labels), ("shuffled", other, prompts, labels),
            ("null", right * 0, prompts, labels), ("text_shuffled", right, swapped, mixed),
        ):
            with loop.autocast():
                out = unet(x, t, *text.encode(words), controls, sounds)
            losses[name].append((out.float() - v).square().mean().item())
    return {k: float(np.mean(v)) for k, v in losses.items()}


def average_gradients(parameters, world):
    if world == 1:
        return
    flat = torch.cat([p.grad.flatten() for p in parameters])
    dist.all_reduce(flat)
    flat /= world
    offset = 0
    for p in parameters:
        p.grad.copy_(flat[offset : offset + p.numel()].view_as(p))
        offset += p.numel()


def learning_rate(done, step, peak):
    """100 steps of warm-up, constant to 55 % of the run, then cosine to 2 %."""
    if done < 0.55:
        return peak * min(1.0, (step + 1) / 100)
    x = (done - 0.55) / 0.45
    return peak * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * min(x, 1.0))))


def progress(budget, log, started, world):
    """The furthest process's progress, so that all stop at the same step."""
    done = torch.tensor(budget.fraction(log.cpu(), started))
    if world > 1:
        dist.all_reduce(done, dist.ReduceOp.MAX)
    return float(done)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("corpus", "prepared", "latents", "val", "val-prepared", "val-latents", "runs",
                 "deadline"):
        parser.add_argument("--" + name)
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--world", type=int, default=1)
    parser.add_argument("--port", default="29511")
    parser.add_argument("--cpu-s", type=float, default=6000.0, help="per process")
    parser.add_argument("--lr", type=float, default=8e-4)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--every", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.world > 1:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": args.port}
        dist.init_process_group("gloo", rank=args.rank, world_size=args.world)
    runs = Path(args.runs)
    path = runs / "unet.pt"
    state = loop.load(path)
    stats = state["latent_stats"] if state else None
    train = Latents(args.corpus, args.prepared, args.latents, stats)
    stats = (train.mean, train.std)
    val = Latents(args.val, args.val_prepared, args.val_latents, stats)
    text = Text.load(runs)
    torch.manual_seed(args.seed)
    cfg = state["config"] if state else {**model.UNET, "class_labels": class_labels(vocabulary(train.records))}
    names = cfg["class_labels"]
    unet = MuNet(cfg).to(memory_format=torch.channels_last)
    parameters = list(unet.parameters())
    opt = torch.optim.AdamW(parameters, lr=args.lr, betas=(0.9, 0.99), weight_decay=0.01)
    average, step, cpu, samples = loop.Average(unet, 0.999), 0, 0.0, 0
    if state:
        unet.load_state_dict(state["model"])
        if state["opt"]:
            opt.load_state_dict(state["opt"])
        average.shadow, average.steps, step, cpu, samples = (
            state["ema"], state["step"], state["step"], state["cpu"], state["samples"])
    acp = alphas_cumprod()
    log, started = loop.Log(runs / f"unet_{args.rank}.log", cpu), time.time()
    budget = loop.Budget(args.cpu_s, args.deadline)
    rng = random.Random(args.seed * 1000 + step * 2 + args.rank)
    torch.manual_seed(args.seed * 1000 + step * 2 + args.rank)
    saved, running, order = log.cpu(), [], []
    while (done := progress(budget, log, started, args.world)) < 1.0:
        opt.param_groups[0]["lr"] = learning_rate(done, step, args.lr)
        if len(order) < args.batch:
            order = list(range(args.rank, len(train), args.world))
            rng.shuffle(order)
        picked, order = order[: args.batch], order[args.batch :]
        z = torch.stack([train.latent(i) for i in picked])
        controls = torch.stack([train.controls(i) for i in picked])
        prompts = [captions.prompt(train.records[i], rng) for i in picked]
        labels = torch.stack([told(train.records[i], names, rng) for i in picked])
        prompts = condition(controls, labels, prompts, rng)
        t = (torch.rand(args.batch) + torch.arange(args.batch)) * (1000 / args.batch)
        t = t.long().clamp(max=999)
        x, v = noised(z, t, torch.randn_like(z), acp)
        snr = acp[t] / (1 - acp[t])
        weight = (5.0 / snr.clamp(min=5.0))[:, None, None, None]
        with loop.autocast():
            words, mask = text.encode(prompts)
            out = unet(x.contiguous(memory_format=torch.channels_last), t, words, mask,
                       controls.contiguous(memory_format=torch.channels_last), labels)
        error = (out.float() - v).square()
        loss = (error * weight).mean()
        opt.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(parameters, args.world)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        opt.step()
        average.update(unet)
        step += 1
        samples += args.batch * args.world
        running.append(error.mean().item())
        if log.cpu() - saved > args.every and args.rank == 0:
            saved = log.cpu()
            checkpoint(path, unet, opt, average, step, log, samples, stats)
            shadow = average.copy_to(MuNet(cfg))
            log.write(step=step, samples=samples, done=done, train=float(np.mean(running)),
                      **validate(shadow, val, text, acp))
            running = []
    if args.rank == 0:
        checkpoint(path, unet, opt, average, step, log, samples, stats)
        shadow = average.copy_to(MuNet(cfg))
        log.write(step=step, samples=samples, finished=True, **validate(shadow, val, text, acp, 96))


def checkpoint(path, unet, opt, average, step, log, samples, stats):
    loop.save(path, config=unet.cfg, model=unet.state_dict(), ema=average.shadow,
              opt=opt.state_dict(), step=step, cpu=log.cpu(), samples=samples, latent_stats=stats)


if __name__ == "__main__":
    main()
