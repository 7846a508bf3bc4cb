"""T5 encoder and encoder-decoder (Raffel et al. 2020, v1.1 form; transformers' key names).

RMS norm before every sub-layer, no query scaling, no biases, gated GELU(tanh), relative position
bias in the first block of each stack shared by the others.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


class RmsNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        h = x.float()
        h = h * torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-6)
        return h.to(x.dtype) * self.weight


def relative_buckets(queries, keys, num_buckets, max_distance, bidirectional):
    """Bucket of (key position - query position): [queries, keys] long."""
    rel = torch.arange(keys)[None, :] - torch.arange(queries)[:, None]
    out = torch.zeros_like(rel)
    if bidirectional:
        num_buckets //= 2
        out = (rel > 0).long() * num_buckets
        rel = rel.abs()
    else:
        rel = (-rel).clamp(min=0)
    exact = num_buckets // 2
    far = torch.log(rel.clamp(min=1).float() / exact) / math.log(max_distance / exact)
    far = (exact + (far * (num_buckets - exact)).long()).clamp(max=num_buckets - 1)
    return out + torch.where(rel < exact, rel, far)


class Attention(nn.Module):
    """x [B,N,D], context [B,M,D], additive bias [B or 1,H,N,M] -> [B,N,D]."""

    def __init__(self, cfg, has_bias):
        super().__init__()
        d, self.heads = cfg["d_model"], cfg["num_heads"]
        inner = self.heads * cfg["d_kv"]
        self.q = nn.Linear(d, inner, bias=False)
        self.k = nn.Linear(d, inner, bias=False)
        self.v = nn.Linear(d, inner, bias=False)
        self.o = nn.Linear(inner, d, bias=False)
        nn.init.normal_(self.q.weight, std=(d * cfg["d_kv"]) ** -0.5)
        for m in (self.k, self.v):
            nn.init.normal_(m.weight, std=d**-0.5)
        nn.init.normal_(self.o.weight, std=inner**-0.5)
        if has_bias:
            self.relative_attention_bias = nn.Embedding(
                cfg["relative_attention_num_buckets"], self.heads)
            nn.init.normal_(self.relative_attention_bias.weight, std=d**-0.5)

    def forward(self, x, context, bias):
        split = lambda z: z.unflatten(2, (self.heads, -1)).transpose(1, 2)
        q, k, v = split(self.q(x)), split(self.k(context)), split(self.v(context))
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype), scale=1.0)
        return self.o(h.transpose(1, 2).flatten(2))


class AttentionLayer(nn.Module):
    def __init__(self, cfg, name, has_bias):
        super().__init__()
        self.name = name
        setattr(self, name, Attention(cfg, has_bias))
        self.layer_norm = RmsNorm(cfg["d_model"])

    def forward(self, x, context, bias):
        h = self.layer_norm(x)
        return x + getattr(self, self.name)(h, h if context is None else context, bias)


class DenseReluDense(nn.Module):
    def __init__(self, d, d_ff):
        super().__init__()
        self.wi_0 = nn.Linear(d, d_ff, bias=False)
        self.wi_1 = nn.Linear(d, d_ff, bias=False)
        self.wo = nn.Linear(d_ff, d, bias=False)
        for m in (self.wi_0, self.wi_1):
            nn.init.normal_(m.weight, std=d**-0.5)
        nn.init.normal_(self.wo.weight, std=d_ff**-0.5)

    def forward(self, x):
        return self.wo(F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))


class FeedForwardLayer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.DenseReluDense = DenseReluDense(cfg["d_model"], cfg["d_ff"])
        self.layer_norm = RmsNorm(cfg["d_model"])

    def forward(self, x):
        return x + self.DenseReluDense(self.layer_norm(x))


class Block(nn.Module):
    """layer.0 self-attention, (decoder: layer.1 cross-attention,) last feed-forward."""

    def __init__(self, cfg, decoder, has_bias):
        super().__init__()
        layers = [AttentionLayer(cfg, "SelfAttention", has_bias)]
        if decoder:
            layers.append(AttentionLayer(cfg, "EncDecAttention", False))
        self.layer = nn.ModuleList(layers + [FeedForwardLayer(cfg)])


class Stack(nn.Module):
    """embeddings [B,N,D] -> [B,N,D]; mask 1 = token, 0 = padding."""

    def __init__(self, cfg, layers, decoder):
        super().__init__()
        self.cfg, self.decoder = cfg, decoder
        self.block = nn.ModuleList(Block(cfg, decoder, i == 0) for i in range(layers))
        self.final_layer_norm = RmsNorm(cfg["d_model"])

    def position_bias(self, n):
        cfg = self.cfg
        buckets = relative_buckets(n, n, cfg["relative_attention_num_buckets"],
                                   cfg["relative_attention_max_distance"], not self.decoder)
        table = self.block[0].layer[0].SelfAttention.relative_attention_bias
        return table(buckets).permute(2, 0, 1)[None]

    def forward(self, x, mask, context=None, context_mask=None):
        n = x.shape[1]
        bias = self.position_bias(n) + (1.0 - mask.float())[:, None, None, :] * -1e9
        if self.decoder:
            bias = bias + torch.full((n, n), -1e9).triu(1)
            cross = (1.0 - context_mask.float())[:, None, None, :] * -1e9
            cross = cross.expand(-1, -1, n, -1)
        for block in self.block:
            x = block.layer[0](x, None, bias)
            if self.decoder:
                x = block.layer[1](x, context, cross)
            x = block.layer[-1](x)
        return self.final_layer_norm(x)


class T5Encoder(nn.Module):
    """input_ids [B,N], mask [B,N] -> hidden states [B,N,d_model]."""

    def __init__(self, cfg):
        super().__init__()
        self.shared = nn.Embedding(cfg["vocab_size"], cfg["d_model"])
        self.encoder = Stack(cfg, cfg["num_layers"], False)

    def forward(self, input_ids, mask):
        return self.encoder(self.shared(input_ids), mask)


class T5ForConditionalGeneration(nn.Module):
    """Prompt ids and shifted target ids -> logits [B,M,vocab]; `lm_head` is separate."""

    def __init__(self, cfg):
        super().__init__()
        self.shared = nn.Embedding(cfg["vocab_size"], cfg["d_model"])
        self.encoder = Stack(cfg, cfg["num_layers"], False)
        self.decoder = Stack(cfg, cfg["num_decoder_layers"], True)
        self.lm_head = nn.Linear(cfg["d_model"], cfg["vocab_size"], bias=False)
        nn.init.normal_(self.lm_head.weight, std=cfg["d_model"] ** -0.5)

    def forward(self, input_ids, mask, decoder_ids, decoder_mask):
        context = self.encoder(self.shared(input_ids), mask)
        h = self.decoder(self.shared(decoder_ids), decoder_mask, context, mask)
        return self.lm_head(h)
