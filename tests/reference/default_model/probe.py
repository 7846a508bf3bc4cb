"""Which instruments and style are heard: a small probe on latents, to judge generated clips.

The probe reads each channel's and row's mean, spread and movement over time and is trained on the
corpus's latents. `Probe.scores` gives, over a set of clips, how well it ranks the asked
instruments above the others (area under the ROC curve, .5 = chance) and how often it hears the
asked style. Real held-out latents give the ceiling.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def summary(z):
    """Latents [B,16,128,12] -> [B, 3*192]."""
    parts = (z.mean(2), z.std(2), z.diff(dim=2).abs().mean(2))
    return torch.cat([p.flatten(1) for p in parts], dim=1)


def area(scores, labels):
    """Area under the ROC curve of flat scores for 0/1 labels."""
    order = np.argsort(np.argsort(scores))
    positive = labels > 0.5
    n, m = positive.sum(), (~positive).sum()
    return float((order[positive].sum() - n * (n - 1) / 2) / max(1, n * m))


class Probe:
    """Trained on a `Latents` corpus; takes half a minute."""

    @torch.enable_grad()
    def __init__(self, latents, epochs=8, seed=0):
        records = latents.records
        self.styles = sorted({r["style"] for r in records})
        self.names = sorted({i["name"] for r in records for i in r["instruments"]})
        with torch.no_grad():
            x = torch.cat([summary(torch.stack([latents.latent(i) for i in range(a, a + 64)]))
                           for a in range(0, len(latents) - 63, 64)])
        self.mean, self.std = x.mean(0), x.std(0) + 1e-4
        x = (x - self.mean) / self.std
        hot, style = self.labels(records[: len(x)])
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Linear(x.shape[1], 256), nn.GELU(), nn.Dropout(0.3),
                                 nn.Linear(256, len(self.names) + len(self.styles)))
        opt = torch.optim.AdamW(self.net.parameters(), lr=1e-3, weight_decay=0.05)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(64):
                out = self.net(x[rows])
                played, heard = out.split([len(self.names), len(self.styles)], dim=1)
                loss = F.binary_cross_entropy_with_logits(played, hot[rows]) * 20
                loss = loss + F.cross_entropy(heard, style[rows])
                opt.zero_grad()
                loss.backward()
                opt.step()
        self.net.eval()

    def labels(self, records):
        hot = torch.zeros(len(records), len(self.names))
        for i, r in enumerate(records):
            for part in r["instruments"]:
                if part["name"] in self.names:
                    hot[i, self.names.index(part["name"])] = 1
        styles = [self.styles.index(r["style"]) if r["style"] in self.styles else 0
                  for r in records]
        return hot, torch.tensor(styles)

    @torch.no_grad()
    def scores(self, z, records):
        """Instrument ROC area, drums' alone, and top-3 style accuracy, for latents z [B,...]."""
        out = self.net((summary(z) - self.mean) / self.std)
        played, heard = out.split([len(self.names), len(self.styles)], dim=1)
        hot, style = self.labels(records)
        centred = played - played.mean(0)
        drums = [i for i, n in enumerate(self.names) if "drums" in n]
        top = heard.topk(3, dim=1).indices
        return {"instruments": round(area(centred.flatten().numpy(), hot.flatten().numpy()), 3),
                "drums": round(area(played[:, drums].amax(1).numpy(),
                                    hot[:, drums].amax(1).numpy()), 3),
                "style_top3": round(float((top == style[:, None]).any(1).float().mean()), 3)}
