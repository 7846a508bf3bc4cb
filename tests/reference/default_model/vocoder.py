"""Vocoder: normalised semitone spectrogram -> waveform, by ConvNeXt blocks and an inverse STFT.

After Vocos (Siuzdak 2023). A network that only sees a steady spectrum gives the same frame again
and again, i.e. a tone whose pitch is a multiple of the frame rate. A bank of one oscillator per
band, whose phases run on over the whole clip, therefore carries the pitched part: the network
gives each oscillator's level and phase offset, and its inverse-STFT head adds all that is not
a steady equal-tempered tone.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


class ConvNeXtBlock(nn.Module):
    """Depthwise conv, norm and MLP, scaled by gamma and added: [B,D,T] -> [B,D,T]."""

    def __init__(self, d, d_ff, layers):
        super().__init__()
        self.dwconv = nn.Conv1d(d, d, 7, padding=3, groups=d)
        self.norm = nn.LayerNorm(d, eps=1e-6)
        self.pwconv1 = nn.Linear(d, d_ff)
        self.pwconv2 = nn.Linear(d_ff, d)
        self.gamma = nn.Parameter(torch.full((d,), 1.0 / layers))

    def forward(self, x):
        h = self.norm(self.dwconv(x).transpose(1, 2))
        h = self.gamma * self.pwconv2(F.gelu(self.pwconv1(h)))
        return x + h.transpose(1, 2)


class Backbone(nn.Module):
    """x [B,K,T] and controls [B,24,T] -> [B,T,D]."""

    def __init__(self, cfg):
        super().__init__()
        d, n = cfg["dim"], cfg["num_layers"]
        self.embed = nn.Conv1d(cfg["num_bands"], d, 7, padding=3)
        self.control_embed = nn.Conv1d(cfg["control_channels"], d, 7, padding=3, bias=False)
        nn.init.zeros_(self.control_embed.weight)
        self.norm = nn.LayerNorm(d, eps=1e-6)
        self.convnext = nn.ModuleList(ConvNeXtBlock(d, cfg["intermediate_dim"], n) for _ in range(n))
        self.final_layer_norm = nn.LayerNorm(d, eps=1e-6)

    def forward(self, x, controls):
        h = self.embed(x) + self.control_embed(controls)
        h = self.norm(h.transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            h = block(h)
        return self.final_layer_norm(h.transpose(1, 2))


def band_frequencies(cfg):
    """Centre frequency in Hz of each band, equal-tempered, A4 = 440: [K] f64."""
    midi = torch.arange(cfg["num_bands"], dtype=torch.float64) + cfg["lowest_midi"]
    return 440.0 * 2.0 ** ((midi - 69.0) / 12.0)


def oscillator_spectra(cfg):
    """STFT of a unit cosine of each band, without its phase: real [K, n_fft/2+1].

    The Hann window is symmetric about the frame's centre, so the spectrum of exp(i w n) seen from
    that centre is real: (-1)^bin * R(f - bin), R the window's transform, halved (cos = half of exp).
    """
    n, f = cfg["n_fft"], band_frequencies(cfg) / cfg["sample_rate"]
    window = torch.hann_window(n, periodic=True, dtype=torch.float64)
    centred = torch.arange(n, dtype=torch.float64) - n / 2
    bins = torch.arange(n // 2 + 1, dtype=torch.float64)
    nu = f[:, None] - bins[None, :] / n
    r = torch.stack([(window * torch.cos(2 * math.pi * row[:, None] * centred)).sum(1) for row in nu])
    sign = 1.0 - 2.0 * (bins % 2)
    return (0.5 * sign * r).float()


class Head(nn.Module):
    """[B,T,D] and log-spectrum [B,K,T] -> waveform [B, T*hop]."""

    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.out = nn.Linear(cfg["dim"], cfg["n_fft"] + 2)
        self.oscillators = nn.Linear(cfg["dim"], 2 * cfg["num_bands"])
        self.register_buffer("window", torch.hann_window(cfg["n_fft"]), persistent=False)
        self.register_buffer("spectra", oscillator_spectra(cfg), persistent=False)
        # Start as a plain bank of tones: each band's level, its filter's loss given back.
        nn.init.normal_(self.oscillators.weight, std=0.01)
        with torch.no_grad():
            self.out.bias[: cfg["n_fft"] // 2 + 1] = -2.0
            self.oscillators.bias[: cfg["num_bands"]] = cfg.get("level_bias", 1.0)
            self.oscillators.bias[cfg["num_bands"] :] = 0.0
        cycles = band_frequencies(cfg) * cfg["hop_length"] / cfg["sample_rate"]
        self.register_buffer("cycles_per_frame", cycles, persistent=False)

    def oscillator_phase(self, first_frame, frames):
        """Phase of every oscillator at the frames' centres, radians: [B,T,K]."""
        t = first_frame.double()[:, None] + torch.arange(frames, dtype=torch.float64)
        return (2 * math.pi * ((t[:, :, None] * self.cycles_per_frame) % 1.0)).float()

    def spectrum(self, h, log_spectrum, first_frame):
        """Complex STFT [B, n_fft/2+1, T]."""
        log_mag, phase = self.out(h).float().chunk(2, dim=2)
        level, offset = self.oscillators(h).float().chunk(2, dim=2)
        limit = math.log(100.0)
        mag = torch.exp(log_mag.clamp(max=limit))
        level = torch.exp((level + log_spectrum.transpose(1, 2)).clamp(max=limit))
        angle = offset + self.oscillator_phase(first_frame, h.shape[1])
        with torch.autocast("cpu", enabled=False):
            re = mag * torch.cos(phase) + (level * torch.cos(angle)) @ self.spectra
            im = mag * torch.sin(phase) + (level * torch.sin(angle)) @ self.spectra
        return torch.complex(re, im).transpose(1, 2)

    def forward(self, h, log_spectrum, first_frame):
        n, hop = self.cfg["n_fft"], self.cfg["hop_length"]
        spec = self.spectrum(h, log_spectrum, first_frame)
        length = spec.shape[2] * hop
        return torch.istft(spec, n, hop, n, self.window, center=True, length=length)


class Vocoder(nn.Module):
    """x [B,K,T] normalised, controls [B,24,T] -> waveform [B, T*hop_length].

    `first_frame` [B] is the crop's place in the clip (0 for whole clips): oscillators count from
    the clip's start.
    """

    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.backbone = Backbone(cfg)
        self.head = Head(cfg)

    def forward(self, x, controls, first_frame=None):
        if first_frame is None:
            first_frame = torch.zeros(x.shape[0], dtype=torch.long)
        log_spectrum = x.float() * self.cfg["std"] + self.cfg["mean"]
        return self.head(self.backbone(x, controls), log_spectrum, first_frame)
