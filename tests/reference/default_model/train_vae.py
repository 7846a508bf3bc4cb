"""Trains the autoencoder of the semitone spectrogram, in two parts.

`python train_vae.py full  --corpus C --prepared P --runs R --cpu-s 1500`: L1 + KL, whole network.
`python train_vae.py decoder ...`: encoder frozen, the decoder learns from noisy latents.
`python train_vae.py latents ...`: writes the means of all clips and their per-channel statistics.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

import data
import loop
import model
from vae import Vae

DB = 20.0 / np.log(10.0)


def reconstruction(y, x, low_bands=54):
    """Weighted L1 of normalised spectrograms [B,1,T,K], plus L1 of neighbouring bands' differences.

    Loud bands count up to three times as much as silent ones and bands below C6 half as much
    again: a chord lives in which semitone stands above its neighbours, not in the noise floor.
    """
    level = 0.5 + 0.5 * (x + 1.0).clamp(0.0, 3.0)
    level = torch.cat([1.5 * level[..., :low_bands], level[..., low_bands:]], dim=-1)
    level = level / level.mean()
    slope = (y.diff(dim=-1) - x.diff(dim=-1)).abs() * level[..., 1:]
    return ((y - x).abs() * level).mean() + 0.5 * slope.mean()


def batch(clips, cfg, size, frames, rng):
    """Random crops [size,1,frames,96], normalised, at random gain (within +-6 dB)."""
    crops = []
    for _ in range(size):
        i = int(rng.integers(len(clips)))
        start = int(rng.integers(0, model.FRAMES - frames + 1))
        gain = float(rng.uniform(-0.7, 0.35))
        x = (clips.spec(i, start, frames) + gain).clamp(min=float(np.log(1e-4)))
        crops.append(x)
    x = torch.stack(crops)[:, None]
    return (x - cfg["mean"]) / cfg["std"]


@torch.no_grad()
def validate(vae, clips, cfg, count=12):
    """Mean |error| in dB over whole clips, of all bands and of the lower half; KL in nats."""
    errors, low, nats = [], [], []
    for i in range(min(count, len(clips))):
        x = (clips.spec(i)[None, None] - cfg["mean"]) / cfg["std"]
        with loop.autocast():
            mean, logvar = vae.encode(x)
            y = vae.decode(mean).float()
        error = (y - x).abs() * cfg["std"] * DB
        errors.append(error.mean().item())
        low.append(error[..., :54].mean().item())
        nats.append(kl(mean, logvar).sum().item())
    return {"error_db": float(np.mean(errors)), "low_db": float(np.mean(low)),
            "kl_nats": float(np.mean(nats))}


def kl(mean, logvar):
    return 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar)


def train(args):
    full = args.part == "full"
    runs = Path(args.runs)
    path = runs / ("vae_full.pt" if full else "vae.pt")
    clips, val = data.Clips(args.corpus, args.prepared), data.Clips(args.val, args.val_prepared)
    state = loop.load(path)
    cfg = state["config"] if state else {**model.VAE, **json.loads(Path(args.stats).read_text())}
    torch.manual_seed(args.seed)
    vae = Vae(cfg)
    if not full and not state:
        first = loop.load(runs / "vae_full.pt")
        cfg = first["config"]
        vae.load_state_dict(first["ema"], strict=False)
    if not full:
        vae.encoder.requires_grad_(False)
        vae.quant_conv.requires_grad_(False)
    vae.to(memory_format=torch.channels_last)
    trained = [p for p in vae.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(trained, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01)
    average, step, cpu = loop.Average(vae, 0.995 if full else 0.998), 0, 0.0
    if state:
        vae.load_state_dict(state["model"])
        if state["opt"]:
            opt.load_state_dict(state["opt"])
        average.shadow, average.steps, step, cpu = (
            state["ema"], state["step"], state["step"], state["cpu"])
    log, started = loop.Log(runs / f"vae_{args.part}.log", cpu), time.time()
    budget = loop.Budget(args.cpu_s, args.deadline)
    rng = np.random.default_rng(args.seed + step)
    saved, running = log.cpu(), []
    while (done := budget.fraction(log.cpu(), started)) < 1.0:
        opt.param_groups[0]["lr"] = loop.warm_cosine(done, 1.2e-3 if full else 8e-4)
        x = batch(clips, cfg, 8 if full else 6, 256 if full else 384, rng)
        x = x.contiguous(memory_format=torch.channels_last)
        with loop.autocast():
            if full:
                mean, logvar = vae.encode(x)
                z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
            else:
                with torch.no_grad():
                    mean, _ = vae.encode(x)
                scale = torch.rand(len(x), 1, 1, 1) * args.noise
                z = mean + scale * torch.randn_like(mean)
            y = vae.decode(z)
        loss = reconstruction(y.float(), x)
        if full:
            loss = loss + args.kl * kl(mean, logvar).mean()
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        opt.step()
        average.update(vae)
        step += 1
        running.append(loss.item())
        if log.cpu() - saved > args.every:
            saved = log.cpu()
            checkpoint(path, cfg, vae, opt, average, step, log)
            shadow = average.copy_to(Vae(cfg))
            log.write(step=step, loss=float(np.mean(running)), done=done,
                      **validate(shadow, val, cfg))
            running = []
    checkpoint(path, cfg, vae, opt, average, step, log)
    log.write(step=step, finished=True, **validate(average.copy_to(Vae(cfg)), val, cfg, 32))


def checkpoint(path, cfg, vae, opt, average, step, log):
    loop.save(path, config=cfg, model=vae.state_dict(), ema=average.shadow, opt=opt.state_dict(),
              step=step, cpu=log.cpu())


@torch.no_grad()
def write_latents(args):
    """OUT/latents_<shard>.npy f16 [n,16,128,12] of the shard's blocks, and their statistics."""
    runs = Path(args.runs)
    state = loop.load(runs / "vae_full.pt") or loop.load(runs / "vae.pt")
    cfg = state["config"]
    vae = Vae(cfg).eval().to(memory_format=torch.channels_last)
    vae.load_state_dict(state["ema"], strict=False)
    clips = data.Clips(args.corpus, args.prepared)
    out = Path(args.latents)
    out.mkdir(parents=True, exist_ok=True)
    shard, shards = (int(v) for v in args.shard.split("/"))
    for b in range(shard, len(clips) // clips.block, shards):
        path = out / f"block_{b:05d}.npy"
        if path.exists():
            continue
        rows = []
        for i in range(b * clips.block, (b + 1) * clips.block, 4):
            x = torch.stack([clips.spec(j) for j in range(i, i + 4)])[:, None]
            x = ((x - cfg["mean"]) / cfg["std"]).contiguous(memory_format=torch.channels_last)
            with loop.autocast():
                rows.append(vae.encode(x)[0].float())
        np.save(path, torch.cat(rows).numpy().astype(np.float16))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["full", "decoder", "latents"])
    for name in ("corpus", "prepared", "val", "val-prepared", "runs", "stats", "latents", "deadline"):
        parser.add_argument("--" + name)
    parser.add_argument("--cpu-s", type=float, default=1500.0)
    parser.add_argument("--kl", type=float, default=4e-3)
    parser.add_argument("--noise", type=float, default=0.3)
    parser.add_argument("--every", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shard", default="0/1")
    args = parser.parse_args()
    torch.set_num_threads(1)
    write_latents(args) if args.part == "latents" else train(args)


if __name__ == "__main__":
    main()
