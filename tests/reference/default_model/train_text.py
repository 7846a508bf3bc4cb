"""Tokenizer and text encoder.

`python train_text.py tokenizer ...` trains a byte-pair tokenizer on the corpus's captions, a list of
genres and own music words. `python train_text.py encoder ...` trains the encoder to give (a) the
facts of the caption's clip by throw-away heads, (b) MiniLM's sentence embedding of captions and of
phrases, so that words beyond the corpus find their neighbours. It is frozen afterwards.
"""

import argparse
import random
import re
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn

import captions
import data
import loop
import model
import words
from minilm import MiniLm
from t5 import T5Encoder


class Text:
    """Frozen tokenizer + encoder: prompts -> hidden states [B,N,256], mask [B,N]."""

    def __init__(self, tokenizer, encoder):
        self.tokenizer, self.encoder = tokenizer, encoder.eval().requires_grad_(False)

    @classmethod
    def load(cls, runs):
        encoder = T5Encoder(model.TEXT)
        encoder.load_state_dict(loop.load(Path(runs) / "text_encoder.pt")["ema"], strict=False)
        return cls(load_tokenizer(runs), encoder)

    @torch.no_grad()
    def encode(self, prompts):
        ids, mask = tokenise(self.tokenizer, prompts)
        return self.encoder(ids, mask), mask


def load_tokenizer(runs):
    return Tokenizer.from_file(str(Path(runs) / "tokenizer.json"))


def tokenise(tokenizer, texts, limit=model.TEXT["max_length"]):
    """Ids [B,N] padded with 0, mask [B,N]; each text ends with </s> even when it is cut."""
    rows = [e.ids for e in tokenizer.encode_batch(list(texts))]
    rows = [r if len(r) <= limit else r[: limit - 1] + [1] for r in rows]
    n = max(len(r) for r in rows)
    ids = torch.zeros(len(rows), n, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    mask = torch.arange(n)[None] < torch.tensor([len(r) for r in rows])[:, None]
    return ids, mask.float()


def train_tokenizer(args):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Metaspace(),
        pre_tokenizers.Split(Regex(r'[,.;:!?()"|]'), "isolated"),
        pre_tokenizers.Digits(individual_digits=True)])
    tokenizer.decoder = decoders.Metaspace()
    texts = words.phrases(args.genres, 30000, seed=1) + words.vocabulary(args.genres) * 6
    texts += words.facts(20000, seed=2)
    rng = random.Random(5)
    for record in data.read_records(args.corpus)[:6000]:
        texts += captions.composed(record) + [captions.caption(record, rng) for _ in range(4)]
    trainer = trainers.BpeTrainer(
        vocab_size=model.TEXT["vocab_size"], special_tokens=["<pad>", "</s>", "<unk>"],
        min_frequency=4, max_token_length=14, show_progress=False,
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789#/.,'-():;!?&+%\"°♭♯△|▁"))
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(Path(args.runs) / "tokenizer.json"))
    print("vocabulary", tokenizer.get_vocab_size())
    for text in ("Rainy Sunday jazz, not too fast", "96 BPM in F# minor: F#m7b5 B7 Em7",
                 "hypnotic psytrance with didgeridoo"):
        print(tokenizer.encode(text).tokens)


def names_key(key, caption):
    """Whether a caption says the key ("A minor", "Am", "A:min")."""
    if not key[0]:
        return False
    words = rf"\b{re.escape(key[0])}(m\b|min\b|:| ?{key[1][:3]})"
    return re.search(words, caption, re.IGNORECASE) is not None


class Heads(nn.Module):
    """Throw-away heads on the mean of the token states."""

    def __init__(self, sizes, d=model.TEXT["d_model"], sentence=384):
        super().__init__()
        self.facts = nn.ModuleDict({k: nn.Linear(d, n) for k, n in sizes.items()})
        self.sentence = nn.Linear(d, sentence)


class Facts:
    """Targets of a record: class indices (style, key, meter), tempo, multi-hot instruments, moods."""

    def __init__(self, records):
        self.styles = sorted({r["style"] for r in records})
        self.keys = sorted({" ".join(r["key"]) for r in records})
        self.meters = sorted({r["plan"]["meter"] for r in records})
        self.instruments = sorted({i["name"] for r in records for i in r["instruments"]})
        self.moods = sorted({m for r in records for m in r["mood"]})

    def sizes(self):
        return {"style": len(self.styles), "key": len(self.keys), "meter": len(self.meters),
                "instruments": len(self.instruments), "mood": len(self.moods), "tempo": 1}

    def loss(self, heads, mean, rows):
        """rows: (record, caption); the key counts only where the caption names it."""
        out = heads.facts
        index = lambda table, values: torch.tensor([table.index(v) for v in values])
        records = [r for r, _ in rows]
        style = F.cross_entropy(out["style"](mean), index(self.styles, [r["style"] for r in records]))
        meter = F.cross_entropy(out["meter"](mean),
                                index(self.meters, [r["plan"]["meter"] for r in records]))
        key = F.cross_entropy(out["key"](mean),
                              index(self.keys, [" ".join(r["key"]) for r in records]),
                              reduction="none")
        named = torch.tensor([float(names_key(r["key"], c)) for r, c in rows])
        tempo = (out["tempo"](mean)[:, 0] - torch.tensor(
            [np.log2(r["plan"]["tempo_bpm"] / 100.0) for r in records])).float().abs().mean()
        hot = torch.zeros(len(rows), len(self.instruments))
        moods = torch.zeros(len(rows), len(self.moods))
        for i, r in enumerate(records):
            for part in r["instruments"]:
                hot[i, self.instruments.index(part["name"])] = 1
            for mood in r["mood"]:
                moods[i, self.moods.index(mood)] = 1
        played = F.binary_cross_entropy_with_logits(out["instruments"](mean), hot) * 10
        mood = F.binary_cross_entropy_with_logits(out["mood"](mean), moods) * 5
        return {"style": style, "meter": meter * 0.5, "tempo": tempo, "instruments": played,
                "mood": mood, "key": (key * named).sum() / named.sum().clamp(min=1) * 0.3}


def start_from(encoder, state):
    """Takes what fits of a larger encoder: its first layers, and the first units of each."""
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            parameter.copy_(state[name][tuple(slice(n) for n in parameter.shape)])


def train_encoder(args):
    runs = Path(args.runs)
    tokenizer = load_tokenizer(runs)
    assert tokenizer.get_vocab_size() <= model.TEXT["vocab_size"]
    records = data.read_records(args.corpus)
    facts = Facts(records)
    rng = random.Random(args.seed)
    wording = lambda r: (captions.prompt if rng.random() < 0.4 else captions.wording)(r, rng)
    teacher = MiniLm(args.minilm)
    phrases = words.phrases(args.genres, args.phrases, seed=3) + words.vocabulary(args.genres)
    taught = phrases + [captions.wording(rng.choice(records), rng)
                        for _ in range(args.phrases // 2)]
    rng.shuffle(taught)
    targets = teacher.embed(taught)
    torch.manual_seed(args.seed)
    encoder, heads = T5Encoder(model.TEXT), Heads(facts.sizes())
    if args.start:
        start_from(encoder, loop.load(args.start)["ema"])
    both = nn.ModuleList([encoder, heads])
    opt = torch.optim.AdamW(both.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    average, step = loop.Average(encoder, 0.998), 0
    log, started = loop.Log(runs / "text.log"), time.time()
    budget, shown = loop.Budget(args.cpu_s, args.deadline), []
    pooled = lambda h, mask: (h.float() * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    while (done := budget.fraction(log.cpu(), started)) < 1.0:
        opt.param_groups[0]["lr"] = loop.warm_cosine(done, 1.5e-3)
        rows = [(r, wording(r)) for r in rng.choices(records, k=24)]
        chosen = torch.randint(len(taught), (40,))
        ids, mask = tokenise(tokenizer, [c for _, c in rows] + [taught[int(i)] for i in chosen])
        with loop.autocast():
            mean = pooled(encoder(ids, mask), mask)
        parts = facts.loss(heads, mean[:24], rows)
        guess = F.normalize(heads.sentence(mean[24:]), dim=1)
        parts["sentence"] = (1 - (guess * targets[chosen]).sum(1)).mean() * 4
        loss = sum(parts.values())
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        opt.step()
        average.update(encoder)
        step += 1
        shown.append({k: v.item() for k, v in parts.items()})
        if len(shown) == 200:
            log.write(step=step, done=done, **{k: float(np.mean([s[k] for s in shown]))
                                               for k in shown[0]})
            shown = []
    loop.save(runs / "text_encoder.pt", config=model.TEXT, ema=average.shadow, step=step,
              cpu=log.cpu())
    log.write(step=step, finished=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["tokenizer", "encoder"])
    for name in ("corpus", "runs", "genres", "minilm", "deadline", "start"):
        parser.add_argument("--" + name)
    parser.add_argument("--phrases", type=int, default=12000)
    parser.add_argument("--cpu-s", type=float, default=500.0)
    parser.add_argument("--seed", type=int, default=4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    train_tokenizer(args) if args.part == "tokenizer" else train_encoder(args)


if __name__ == "__main__":
    main()
