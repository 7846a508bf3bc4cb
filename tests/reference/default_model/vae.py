"""Variational autoencoder of the semitone spectrogram (CompVis/AudioLDM layout and key names).

The spectrogram is folded 2x2 into channels before the first convolution and unfolded after the
last one, so that every convolution runs on a quarter of the positions.
"""

import torch
import torch.nn.functional as F
from torch import nn


def space_to_depth(x, p):
    """[B,1,T,K] -> [B,p*p,T/p,K/p]; channel dy*p+dx holds in[:, 0, p*t+dy, p*f+dx]."""
    b, _, t, k = x.shape
    x = x.reshape(b, t // p, p, k // p, p)
    return x.permute(0, 2, 4, 1, 3).reshape(b, p * p, t // p, k // p)


def depth_to_space(x, p):
    """Inverse of `space_to_depth`: [B,p*p,T,K] -> [B,1,p*T,p*K]."""
    b, _, t, k = x.shape
    x = x.reshape(b, p, p, t, k).permute(0, 3, 1, 4, 2)
    return x.reshape(b, 1, t * p, k * p)


def group_norm(channels, groups):
    return nn.GroupNorm(groups, channels, eps=1e-6)


class ResnetBlock(nn.Module):
    """norm-swish-conv twice, added to the input."""

    def __init__(self, cin, cout, groups):
        super().__init__()
        self.norm1 = group_norm(cin, groups)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.norm2 = group_norm(cout, groups)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        if cin != cout:
            self.nin_shortcut = nn.Conv2d(cin, cout, 1)
        self.same = cin == cout

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (x if self.same else self.nin_shortcut(x))


class AttnBlock(nn.Module):
    """Single-head self-attention over all T x K positions, 1x1 convolutions as projections."""

    def __init__(self, c, groups):
        super().__init__()
        self.norm = group_norm(c, groups)
        self.q, self.k, self.v = (nn.Conv2d(c, c, 1) for _ in range(3))
        self.proj_out = nn.Conv2d(c, c, 1)

    def forward(self, x):
        b, c, t, k = x.shape
        h = self.norm(x)
        flat = [m(h).reshape(b, 1, c, t * k).transpose(2, 3) for m in (self.q, self.k, self.v)]
        h = F.scaled_dot_product_attention(*flat)
        return x + self.proj_out(h.transpose(2, 3).reshape(b, c, t, k))


class Mid(nn.Module):
    def __init__(self, c, groups):
        super().__init__()
        self.block_1 = ResnetBlock(c, c, groups)
        self.attn_1 = AttnBlock(c, groups)
        self.block_2 = ResnetBlock(c, c, groups)

    def forward(self, x):
        return self.block_2(self.attn_1(self.block_1(x)))


class Resample(nn.Module):
    """`downsample`: pad right/bottom by 1, stride-2 conv. `upsample`: nearest x2, conv."""

    def __init__(self, c, down):
        super().__init__()
        self.down = down
        self.conv = nn.Conv2d(c, c, 3, stride=2 if down else 1, padding=0 if down else 1)

    def forward(self, x):
        if self.down:
            return self.conv(F.pad(x, (0, 1, 0, 1)))
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """One resolution: `block.I`, then optionally `downsample` or `upsample`."""

    def __init__(self, cin, cout, blocks, groups, resample):
        super().__init__()
        self.block = nn.ModuleList(
            ResnetBlock(cin if i == 0 else cout, cout, groups) for i in range(blocks)
        )
        if resample is not None:
            setattr(self, resample, Resample(cout, resample == "downsample"))
        self.resample = resample

    def forward(self, x):
        for block in self.block:
            x = block(x)
        return x if self.resample is None else getattr(self, self.resample)(x)


class Encoder(nn.Module):
    """[B,1,T,K] -> moments [B,2*z,T/8,K/8]."""

    def __init__(self, cfg):
        super().__init__()
        ch, groups, self.patch = cfg["channels"], cfg["norm_groups"], cfg["patch_size"]
        self.conv_in = nn.Conv2d(self.patch**2, ch[0], 3, padding=1)
        self.down = nn.ModuleList(
            Level(ch[max(i - 1, 0)], c, cfg["num_res_blocks"], groups,
                  "downsample" if i + 1 < len(ch) else None)
            for i, c in enumerate(ch)
        )
        self.mid = Mid(ch[-1], groups)
        self.norm_out = group_norm(ch[-1], groups)
        self.conv_out = nn.Conv2d(ch[-1], 2 * cfg["z_channels"], 3, padding=1)

    def forward(self, x):
        h = self.conv_in(space_to_depth(x, self.patch))
        for level in self.down:
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(self.mid(h))))


class Decoder(nn.Module):
    """[B,z,T/8,K/8] -> [B,1,T,K]."""

    def __init__(self, cfg):
        super().__init__()
        ch, groups, self.patch = cfg["channels"], cfg["norm_groups"], cfg["patch_size"]
        self.conv_in = nn.Conv2d(cfg["z_channels"], ch[-1], 3, padding=1)
        self.mid = Mid(ch[-1], groups)
        self.up = nn.ModuleList(
            Level(ch[min(i + 1, len(ch) - 1)], c, cfg["num_res_blocks"] + 1, groups,
                  "upsample" if i > 0 else None)
            for i, c in enumerate(ch)
        )
        self.norm_out = group_norm(ch[0], groups)
        self.conv_out = nn.Conv2d(ch[0], self.patch**2, 3, padding=1)

    def forward(self, z):
        h = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            h = level(h)
        return depth_to_space(self.conv_out(F.silu(self.norm_out(h))), self.patch)


class Vae(nn.Module):
    """Encoder, decoder and the two 1x1 convolutions around the latent."""

    def __init__(self, cfg):
        super().__init__()
        z, e = cfg["z_channels"], cfg["embed_dim"]
        self.encoder, self.decoder = Encoder(cfg), Decoder(cfg)
        self.quant_conv = nn.Conv2d(2 * z, 2 * e, 1)
        self.post_quant_conv = nn.Conv2d(e, z, 1)

    def encode(self, x):
        """[B,1,T,K] -> mean and log-variance, each [B,embed,T/8,K/8]."""
        mean, logvar = self.quant_conv(self.encoder(x)).float().chunk(2, dim=1)
        return mean, logvar.clamp(-30.0, 20.0)

    def decode(self, z):
        """[B,embed,T/8,K/8] -> [B,1,T,K]."""
        return self.decoder(self.post_quant_conv(z))
