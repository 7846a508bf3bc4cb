"""Trains the vocoder: multi-resolution STFT losses, first on true, then on decoded spectrograms.

`python train_vocoder.py true ...` then `python train_vocoder.py decoded ...` (needs vae.pt).
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

import data
import features
import loop
import model
from vae import Vae
from vocoder import Vocoder

SIZES = (256, 512, 1024, 2048, 4096)
FLOOR = 1e-3


def stft(wave, size):
    window = torch.hann_window(size)
    s = torch.stft(wave, size, size // 4, size, window, return_complex=True)
    return (s.real.square() + s.imag.square() + 1e-9).sqrt()


def spectral_loss(output, target, weighted=True):
    """Spectral convergence + log-magnitude L1, mean over sizes; bins below 1.2 kHz count more."""
    total, parts = 0.0, [0.0, 0.0]
    for size in SIZES:
        a, b = stft(output, size), stft(target, size)
        weight = torch.ones(a.shape[1])
        if weighted and size >= 1024:
            weight[: a.shape[1] // 10] = 4.0
        weight = (weight / weight.mean())[None, :, None]
        convergence = ((a - b) * weight.sqrt()).norm() / ((b * weight.sqrt()).norm() + 1e-6)
        floor = FLOOR * size / 1024
        log = ((a + floor).log() - (b + floor).log()).abs() * weight
        total = total + convergence + log.mean()
        parts[0] += convergence.item() / len(SIZES)
        parts[1] += log.mean().item() / len(SIZES)
    return total / len(SIZES), parts


def crop(clips, rng, frames, controls):
    """A random crop: clip index, start frame."""
    i = int(rng.integers(len(clips)))
    start = int(rng.integers(0, model.FRAMES - frames + 1))
    start -= start % 8
    if i not in controls:
        controls[i] = features.vocoder_controls(clips.records[i]["plan"]["chords"])
    return i, start


class Source:
    """Batches of (x [B,96,T], controls [B,24,T], first frame [B], waveform [B,T*240])."""

    def __init__(self, clips, cfg, vae, noise):
        self.clips, self.cfg, self.vae, self.noise, self.controls = clips, cfg, vae, noise, {}

    @torch.no_grad()
    def batch(self, size, frames, rng, drop=0.12):
        margin = 32 if self.vae else 0  # context for the decoder, cut off afterwards
        span = frames + 2 * margin
        specs, waves, controls, starts = [], [], [], []
        for _ in range(size):
            i, start = crop(self.clips, rng, span, self.controls)
            gain = float(rng.uniform(0.5, 1.3))
            spec = self.clips.spec(i, start, span) + float(np.log(gain))
            specs.append(spec.clamp(min=float(np.log(1e-4))))
            waves.append(self.clips.audio(i, start + margin, frames) * gain)
            keep = 0.0 if rng.random() < drop else 1.0
            inner = slice(start + margin, start + margin + frames)
            controls.append(torch.from_numpy(self.controls[i][:, inner] * keep))
            starts.append(start + margin)
        x = (torch.stack(specs) - self.cfg["mean"]) / self.cfg["std"]
        if self.vae:
            with loop.autocast():
                mean, _ = self.vae.encode(x[:, None])
                scale = torch.rand(size, 1, 1, 1) * self.noise
                x = self.vae.decode(mean + scale * torch.randn_like(mean))[:, 0].float()
            x = x[:, margin : margin + frames]
        return x.transpose(1, 2), torch.stack(controls), torch.tensor(starts), torch.stack(waves)


@torch.no_grad()
def validate(vocoder, source, count=12):
    """Unweighted losses on held-out crops of 2.56 s."""
    rng, parts = np.random.default_rng(0), []
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    for _ in range(count):
        x, controls, first, wave = source.batch(1, 256, rng, drop=0.0)
        parts.append(spectral_loss(vocoder(x, controls, first), wave, weighted=False)[1])
    torch.set_rng_state(torch_state)
    return {"sc": float(np.mean([p[0] for p in parts])),
            "log_mag": float(np.mean([p[1] for p in parts]))}


def band_response():
    """ln of each band's reading of a unit cosine at its centre: the oscillators' starting bias."""
    t = torch.arange(24000, dtype=torch.float64) / model.SAMPLE_RATE
    tones = torch.stack([torch.cos(2 * np.pi * features.centre_hz(k) * t) for k in range(model.BANDS)])
    spec = features.spectrogram(tones.float())[:, 50]
    return spec.diagonal()


def build(cfg):
    vocoder = Vocoder(cfg)
    with torch.no_grad():
        vocoder.head.oscillators.bias[: model.BANDS] = -band_response()
    return vocoder


def load_vae(runs):
    state = loop.load(Path(runs) / "vae.pt") or loop.load(Path(runs) / "vae_full.pt")
    vae = Vae(state["config"]).eval().requires_grad_(False)
    vae.load_state_dict(state["ema"], strict=False)
    return vae


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["true", "decoded"])
    for name in ("corpus", "prepared", "val", "val-prepared", "runs", "stats", "deadline"):
        parser.add_argument("--" + name)
    parser.add_argument("--cpu-s", type=float, default=1500.0)
    parser.add_argument("--noise", type=float, default=0.3)
    parser.add_argument("--lr", type=float, default=1.2e-3)
    parser.add_argument("--every", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    decoded, runs = args.part == "decoded", Path(args.runs)
    path = runs / ("vocoder.pt" if decoded else "vocoder_true.pt")
    clips, val = data.Clips(args.corpus, args.prepared), data.Clips(args.val, args.val_prepared)
    state = loop.load(path)
    first = loop.load(runs / "vocoder_true.pt") if decoded and not state else None
    cfg = (state or first or {}).get("config")
    cfg = cfg or {**model.VOCODER, **json.loads(Path(args.stats).read_text())}
    torch.manual_seed(args.seed)
    vocoder = build(cfg)
    if first:
        vocoder.load_state_dict(first["ema"], strict=False)
    opt = torch.optim.AdamW(vocoder.parameters(), lr=1e-3, betas=(0.8, 0.99), weight_decay=0.01)
    average, step, cpu = loop.Average(vocoder, 0.998), 0, 0.0
    if state:
        vocoder.load_state_dict(state["model"])
        if state["opt"]:
            opt.load_state_dict(state["opt"])
        average.shadow, average.steps, step, cpu = (
            state["ema"], state["step"], state["step"], state["cpu"])
    log, started = loop.Log(runs / f"vocoder_{args.part}.log", cpu), time.time()
    budget = loop.Budget(args.cpu_s, args.deadline)
    vae = load_vae(runs) if decoded else None
    source = Source(clips, cfg, vae, args.noise)
    held_out = Source(val, cfg, vae, args.noise)
    rng = np.random.default_rng(args.seed + step)
    saved, running = log.cpu(), []
    while (done := budget.fraction(log.cpu(), started)) < 1.0:
        opt.param_groups[0]["lr"] = loop.warm_cosine(done, args.lr)
        x, controls, at, wave = source.batch(8, 80 if not decoded else 128, rng)
        with loop.autocast():
            output = vocoder(x, controls, at)
        loss, _ = spectral_loss(output, wave)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vocoder.parameters(), 1.0)
        opt.step()
        average.update(vocoder)
        step += 1
        running.append(loss.item())
        if log.cpu() - saved > args.every:
            saved = log.cpu()
            checkpoint(path, cfg, vocoder, opt, average, step, log)
            shadow = average.copy_to(Vocoder(cfg))
            log.write(step=step, loss=float(np.mean(running)), done=done,
                      **validate(shadow, held_out))
            running = []
    checkpoint(path, cfg, vocoder, opt, average, step, log)
    log.write(step=step, finished=True, **validate(average.copy_to(Vocoder(cfg)), held_out, 32))


def checkpoint(path, cfg, vocoder, opt, average, step, log):
    loop.save(path, config=cfg, model=vocoder.state_dict(), ema=average.shadow,
              opt=opt.state_dict(), step=step, cpu=log.cpu())


if __name__ == "__main__":
    main()
