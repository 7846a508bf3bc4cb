"""Generates held-out clips with the trained networks and judges them; writes WAVs and pictures.

`python generate.py --runs R --val V --val-prepared P --out DIR --count 32`: DDIM, 25 steps,
guidance 2.5, plan and caption of held-out clips.
"""

import argparse
import json
import wave
from pathlib import Path

import numpy as np
import torch

import data
import features
import judge
import loop
import model
from probe import Probe
from train_text import Text
from train_unet import Latents, alphas_cumprod, full_caption, told
from train_vocoder import load_vae
from unet import MuNet


def ddim_timesteps(steps):
    """Descending, spaced by 1000 // steps, shifted by 1 (the scheduler's steps_offset)."""
    return (np.arange(steps)[::-1] * (1000 // steps) + model.SCHEDULER["steps_offset"]).copy()


@torch.no_grad()
def sample(unet, text, prompts, controls, labels, steps=25, guidance=2.5, seed=0, rescale=0.0):
    """Standardised latents [B,16,128,12]; the unconditional half has no text and no controls."""
    acp, stride = alphas_cumprod(), 1000 // steps
    g = torch.Generator().manual_seed(seed)
    n = len(prompts)
    x = torch.randn(n, model.UNET["in_channels"], model.CELLS, model.ROWS, generator=g)
    words, mask = text.encode([""] * n + list(prompts))
    both = torch.cat([torch.zeros_like(controls), controls])
    labels = torch.cat([torch.zeros_like(labels), labels])
    for t in ddim_timesteps(steps):
        with loop.autocast():
            v = unet(torch.cat([x, x]), torch.full((2 * n,), int(t)), words, mask, both,
                     labels).float()
        null, cond = v.chunk(2)
        v = null + guidance * (cond - null)
        if rescale:
            ratio = cond.std((1, 2, 3), keepdim=True) / v.std((1, 2, 3), keepdim=True)
            v = v * (rescale * ratio + 1 - rescale)
        a = acp[t]
        previous = acp[t - stride] if t >= stride else acp[0]
        x0 = a.sqrt() * x - (1 - a).sqrt() * v
        noise = a.sqrt() * v + (1 - a).sqrt() * x
        x = previous.sqrt() * x0 + (1 - previous).sqrt() * noise
    return x


def load_unet(runs):
    state = loop.load(Path(runs) / "unet.pt")
    unet = MuNet(state["config"]).eval()
    unet.load_state_dict(state["ema"], strict=False)
    return unet, state


def write_wav(path, samples):
    pcm = np.clip(np.round(samples * 32767), -32767, 32767).astype("<i2")
    with wave.open(str(path), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(model.SAMPLE_RATE)
        f.writeframes(pcm.tobytes())


def picture(path, rows, title):
    """Spectrograms [1024,96] one above the other, with the asked beats as ticks."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(rows), 1, figsize=(14, 3.2 * len(rows)))
    for axis, (name, spec, beats) in zip(axes, rows):
        axis.imshow(spec.T, origin="lower", aspect="auto", extent=(0, model.CLIP_SECONDS, 31, 127))
        axis.set_title(name, fontsize=8)
        for beat in beats:
            axis.plot([beat["t"]] * 2, [124, 127], "r" if beat["beat"] == 1 else "w")
    figure.suptitle(title, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=60)
    pyplot.close(figure)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("val", "val-prepared", "val-latents", "corpus", "prepared", "latents", "runs",
                 "out"):
        parser.add_argument("--" + name)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=2.5)
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--vocoder", default="vocoder")
    args = parser.parse_args()
    torch.set_num_threads(1)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    unet, state = load_unet(args.runs)
    mean, std = state["latent_stats"]
    vae, text = load_vae(args.runs), Text.load(args.runs)
    vocoder = judge.load_vocoder(args.runs, args.vocoder)
    cfg = vocoder.cfg
    clips = data.Clips(args.val, args.val_prepared)
    picked = [i for i in range(len(clips)) if judge.triads(clips.records[i])][: args.count]
    waves, silent, plans, generated = [], [], [], []
    for at in range(0, len(picked), 8):
        rows = picked[at : at + 8]
        records = [clips.records[i] for i in rows]
        controls = torch.stack([torch.from_numpy(features.control_map(r["plan"])) for r in records])
        prompts = [full_caption(r) for r in records]
        labels = torch.stack([told(r, unet.cfg["class_labels"]) for r in records])
        z = sample(unet, text, prompts, controls, labels, args.steps, args.guidance, seed=at)
        generated.append(z)
        x = vae.decode(z * std[:, None, None] + mean[:, None, None])[:, 0].transpose(1, 2)
        chords = torch.from_numpy(np.stack(
            [features.vocoder_controls(r["plan"]["chords"]) for r in records]))
        told, untold = vocoder(x, chords), vocoder(x, chords * 0)
        for j, i in enumerate(rows):
            waves.append(told[j].numpy())
            silent.append(untold[j].numpy())
            plans.append(records[j]["plan"])
            write_wav(out / f"{i:04d}.wav", waves[-1])
            if at + j < args.pictures:
                beats = records[j]["plan"]["beats"]
                spec = x[j].t() * cfg["std"] + cfg["mean"]
                picture(out / f"{i:04d}.png", [("generated", spec, beats),
                        ("composer", clips.spec(i), beats)], prompts[j][:200])
    print("generated", json.dumps(judge.judge(waves, plans)), flush=True)
    print("vocoder without chords", json.dumps(judge.judge(silent, plans)))
    print("floor", json.dumps(judge.judge(waves, plans[1:] + plans[:1])))
    if args.latents:
        probe = Probe(Latents(args.corpus, args.prepared, args.latents, (mean, std)))
        real = Latents(args.val, args.val_prepared, args.val_latents, (mean, std))
        records, z = [clips.records[i] for i in picked], torch.cat(generated)
        print("probe, real", probe.scores(torch.stack([real.latent(i) for i in picked]), records))
        print("probe, generated", probe.scores(z, records))
        print("probe, floor", probe.scores(z, records[1:] + records[:1]))


if __name__ == "__main__":
    main()
