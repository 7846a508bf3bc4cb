"""MuNet: the denoising UNet with frame- and pitch-aligned controls (diffusers' key names).

One text transformer per layer at the two lower resolutions and in the middle. Chords and beats
enter as a map on the latent grid, added after the first convolution.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def timestep_embedding(t, dim):
    """[B] -> [B,dim]: cosines, then sines, of rates 10000^(-i/(dim/2))."""
    half = dim // 2
    freq = torch.exp(-math.log(10000.0) * torch.arange(half, dtype=torch.float32) / half)
    angle = t.float()[:, None] * freq[None, :]
    return torch.cat([torch.cos(angle), torch.sin(angle)], dim=1)


class TimeEmbedding(nn.Module):
    def __init__(self, cin, dim):
        super().__init__()
        self.linear_1 = nn.Linear(cin, dim)
        self.linear_2 = nn.Linear(dim, dim)

    def forward(self, x):
        return self.linear_2(F.silu(self.linear_1(x)))


class Resnet(nn.Module):
    """[B,cin,H,W], temb [B,E] -> [B,cout,H,W]."""

    def __init__(self, cin, cout, temb, groups, eps):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, cin, eps=eps)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.time_emb_proj = nn.Linear(temb, cout)
        self.norm2 = nn.GroupNorm(groups, cout, eps=eps)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)
        if cin != cout:
            self.conv_shortcut = nn.Conv2d(cin, cout, 1)
        self.same = cin == cout

    def forward(self, x, temb):
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time_emb_proj(F.silu(temb))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (x if self.same else self.conv_shortcut(x))


class Attention(nn.Module):
    """x [B,N,C] attends to context [B,L,D]; mask additive [B,1,1,L] or None."""

    def __init__(self, c, context, heads):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(c, c, bias=False)
        self.to_k = nn.Linear(context, c, bias=False)
        self.to_v = nn.Linear(context, c, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(c, c)])

    def forward(self, x, context, mask=None):
        q, k, v = self.to_q(x), self.to_k(context), self.to_v(context)
        split = lambda z: z.unflatten(2, (self.heads, -1)).transpose(1, 2)
        scores = split(q) @ split(k).transpose(2, 3) * (q.shape[2] // self.heads) ** -0.5
        if mask is not None:
            scores = scores + mask.to(scores.dtype)
        h = torch.softmax(scores, dim=-1).to(q.dtype) @ split(v)
        return self.to_out[0](h.transpose(1, 2).flatten(2))


class GeGlu(nn.Module):
    def __init__(self, c, inner):
        super().__init__()
        self.proj = nn.Linear(c, 2 * inner)

    def forward(self, x):
        h, gate = self.proj(x).chunk(2, dim=-1)
        return h * F.gelu(gate)


class FeedForward(nn.Module):
    """Keys net.0.proj and net.2 (net.1 is diffusers' dropout)."""

    def __init__(self, c, mult):
        super().__init__()
        self.net = nn.ModuleList([GeGlu(c, c * mult), nn.Identity(), nn.Linear(c * mult, c)])

    def forward(self, x):
        return self.net[2](self.net[0](x))


class TransformerBlock(nn.Module):
    def __init__(self, c, context, heads, mult):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(c) for _ in range(3))
        self.attn1 = Attention(c, c, heads)
        self.attn2 = Attention(c, context, heads)
        self.ff = FeedForward(c, mult)

    def forward(self, x, context, mask):
        h = self.norm1(x)
        x = x + self.attn1(h, h)
        x = x + self.attn2(self.norm2(x), context, mask)
        return x + self.ff(self.norm3(x))


class Transformer2D(nn.Module):
    """[B,C,H,W], text [B,L,D] -> [B,C,H,W]."""

    def __init__(self, c, context, heads, groups, mult):
        super().__init__()
        self.norm = nn.GroupNorm(groups, c, eps=1e-6)
        self.proj_in = nn.Linear(c, c)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(c, context, heads, mult)])
        self.proj_out = nn.Linear(c, c)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, x, context, mask):
        b, c, height, width = x.shape
        h = self.proj_in(self.norm(x).flatten(2).transpose(1, 2))
        h = self.proj_out(self.transformer_blocks[0](h, context, mask))
        return x + h.transpose(1, 2).reshape(b, c, height, width)


class Sampler(nn.Module):
    """`downsamplers.0` (stride-2 conv) or `upsamplers.0` (nearest x2, conv)."""

    def __init__(self, c, down):
        super().__init__()
        self.down = down
        self.conv = nn.Conv2d(c, c, 3, stride=2 if down else 1, padding=1)

    def forward(self, x):
        if not self.down:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return self.conv(x)


class Block(nn.Module):
    """A resolution of the UNet: `resnets.I`, `attentions.I`, and a sampler."""

    def __init__(self, widths, cout, cfg, heads, sampler):
        super().__init__()
        temb, groups = 4 * cfg["block_out_channels"][0], cfg["norm_num_groups"]
        self.resnets = nn.ModuleList(
            Resnet(cin, cout, temb, groups, cfg["norm_eps"]) for cin in widths
        )
        self.attentions = None
        if heads:
            self.attentions = nn.ModuleList(
                Transformer2D(cout, cfg["cross_attention_dim"], heads, groups,
                              cfg["feed_forward_mult"])
                for _ in range(max(len(widths) - (sampler == "mid"), 1))
            )
        if sampler in ("downsamplers", "upsamplers"):
            setattr(self, sampler, nn.ModuleList([Sampler(cout, sampler == "downsamplers")]))

    def layer(self, i, x, temb, context, mask):
        x = self.resnets[i](x, temb)
        return x if self.attentions is None else self.attentions[i](x, context, mask)


class MuNet(nn.Module):
    """sample [B,16,T,R], timestep [B], text [B,L,D], mask [B,L], controls [B,38,T,R],
    labels [B,len(class_labels)] of 0 and 1 -> v.
    """

    def __init__(self, cfg):
        super().__init__()
        ch, heads = cfg["block_out_channels"], cfg["attention_head_dim"]
        cross = ["CrossAttn" in name for name in cfg["down_block_types"]]
        n = cfg["layers_per_block"]
        self.cfg = cfg
        self.conv_in = nn.Conv2d(cfg["in_channels"], ch[0], 3, padding=1)
        self.control_in = nn.Conv2d(cfg["control_channels"], ch[0], 3, padding=1)
        self.frequency_bias = nn.Parameter(torch.zeros(cfg["sample_size"][1], ch[0]))
        self.time_embedding = TimeEmbedding(ch[0], 4 * ch[0])
        self.class_embedding = nn.Embedding(len(cfg["class_labels"]), 4 * ch[0])
        nn.init.zeros_(self.class_embedding.weight)
        self.down_blocks, skips, cin = nn.ModuleList(), [ch[0]], ch[0]
        for i, cout in enumerate(ch):
            last = i + 1 == len(ch)
            widths = [cin] + [cout] * (n - 1)
            self.down_blocks.append(Block(widths, cout, cfg, heads[i] if cross[i] else 0,
                                          None if last else "downsamplers"))
            skips += [cout] * (n if last else n + 1)
            cin = cout
        self.mid_block = Block([cin, cin], cin, cfg, heads[-1], "mid")
        self.up_blocks = nn.ModuleList()
        for i in reversed(range(len(ch))):
            cout, widths = ch[i], []
            for _ in range(n + 1):
                widths.append(cin + skips.pop())
                cin = cout
            self.up_blocks.append(Block(widths, cout, cfg, heads[i] if cross[i] else 0,
                                        "upsamplers" if i > 0 else None))
        self.conv_norm_out = nn.GroupNorm(cfg["norm_num_groups"], ch[0], eps=cfg["norm_eps"])
        self.conv_out = nn.Conv2d(ch[0], cfg["out_channels"], 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, sample, timestep, text, text_mask, controls, labels):
        mask = (1.0 - text_mask.float())[:, None, None, :] * -10000.0
        temb = self.time_embedding(timestep_embedding(timestep, self.conv_in.out_channels))
        temb = temb + labels @ self.class_embedding.weight
        x = self.conv_in(sample) + self.control_in(controls)
        x = x + self.frequency_bias.t()[None, :, None, :]
        skips = [x]
        for block in self.down_blocks:
            for i in range(len(block.resnets)):
                x = block.layer(i, x, temb, text, mask)
                skips.append(x)
            if hasattr(block, "downsamplers"):
                x = block.downsamplers[0](x)
                skips.append(x)
        x = self.mid_block.resnets[0](x, temb)
        x = self.mid_block.attentions[0](x, text, mask)
        x = self.mid_block.resnets[1](x, temb)
        for block in self.up_blocks:
            for i in range(len(block.resnets)):
                x = block.layer(i, torch.cat([x, skips.pop()], dim=1), temb, text, mask)
            if hasattr(block, "upsamplers"):
                x = block.upsamplers[0](x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))
