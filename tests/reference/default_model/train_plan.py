"""Trains the planner: prompt -> tokens of a plan (see `plan_tokens.py`), on the frozen text encoder.

It writes what the composer would choose; sampling it with a seed gives variety.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import captions
import data
import loop
import model
from plan_tokens import encode, plan_tokens, vocabulary
from t5 import Stack
from train_text import Text, tokenise


class Planner(nn.Module):
    """Token ids [B,M], hidden states of the prompt [B,N,256] and their mask -> logits [B,M,tokens]."""

    def __init__(self, cfg):
        super().__init__()
        self.shared = nn.Embedding(len(cfg["tokens"]), cfg["d_model"])
        self.decoder = Stack(cfg, cfg["num_layers"], True)
        self.lm_head = nn.Linear(cfg["d_model"], len(cfg["tokens"]), bias=False)
        nn.init.normal_(self.lm_head.weight, std=cfg["d_model"] ** -0.5)

    def forward(self, ids, context, context_mask):
        h = self.decoder(self.shared(ids), torch.ones(ids.shape), context, context_mask)
        return self.lm_head(h)


FRAMES = """something {};{} music;a {} tune;i need something {};{} background music;a {} song;
music that feels {};play me something {};{} vibes;{} and instrumental;make it {};a {} mood""".replace(
    "\n", "").split(";")


def wording(record, rng):
    """A prompt that says little more often than the corpus's captions do."""
    form = rng.random()
    mood, style = rng.choice(record["mood"]), record["style"]
    tempo = captions.tempo_word(record["plan"]["tempo_bpm"], rng)
    if form < 0.12:
        both = f"{mood} and {rng.choice([tempo, *record['mood']])}"
        return rng.choice(FRAMES).format(rng.choice([mood, mood, both]))
    if form < 0.35:
        parts = list(dict.fromkeys(i["name"] for i in record["instruments"]))
        few = captions.listed(rng.sample(parts, rng.randint(1, min(2, len(parts)))))
        return rng.choice([mood, style, f"{mood} {style}", f"{style} with {few}", f"{few}, {mood}",
                           f"{tempo} {style}", rng.choice(FRAMES).format(style)])
    return captions.wording(record, rng)


def batch(records, table, text, size, rng):
    """Prompts' hidden states and mask, shifted ids, target ids (0 = padding)."""
    rows = rng.choices(records, k=size)
    ids, mask = tokenise(text.tokenizer, [wording(r, rng) for r in rows])
    with torch.no_grad():
        context = text.encoder(ids, mask)
    targets = [torch.tensor(encode(plan_tokens(r), table)) for r in rows]
    target = nn.utils.rnn.pad_sequence(targets, batch_first=True)
    return context, mask, F.pad(target, (1, 0))[:, :-1], target


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("corpus", "val", "runs", "deadline"):
        parser.add_argument("--" + name)
    parser.add_argument("--cpu-s", type=float, default=900.0)
    parser.add_argument("--seed", type=int, default=6)
    args = parser.parse_args()
    torch.set_num_threads(1)
    runs = Path(args.runs)
    path = runs / "planner.pt"
    pool, val = data.read_records(args.corpus), data.read_records(args.val)
    rng = random.Random(args.seed)
    torch.manual_seed(args.seed)
    state = loop.load(path)
    cfg = state["config"] if state else {**model.PLANNER, "tokens": vocabulary(pool)}
    cfg["vocab_size"] = len(cfg["tokens"])
    table = {t: i for i, t in enumerate(cfg["tokens"])}
    text, net = Text.load(runs), Planner(cfg)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    average, step, cpu = loop.Average(net, 0.998), 0, 0.0
    if state:
        net.load_state_dict(state["model"])
        if state["opt"]:
            opt.load_state_dict(state["opt"])
        average.shadow, average.steps, step, cpu = (
            state["ema"], state["step"], state["step"], state["cpu"])
    log, started = loop.Log(runs / "planner.log", cpu), time.time()
    budget, shown, saved = loop.Budget(args.cpu_s, args.deadline), [], log.cpu()

    def loss_on(records, size):
        with loop.autocast():
            context, mask, shifted, target = batch(records, table, text, size, rng)
            logits = net(shifted, context, mask).float()
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=0)

    while (done := budget.fraction(log.cpu(), started)) < 1.0:
        opt.param_groups[0]["lr"] = loop.warm_cosine(done, 2e-3)
        loss = loss_on(pool, 32)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        average.update(net)
        step += 1
        shown.append(loss.item())
        if log.cpu() - saved > 60:
            saved = log.cpu()
            checkpoint(path, cfg, net, opt, average, step, log)
            with torch.no_grad():
                held = float(np.mean([loss_on(val, 32).item() for _ in range(4)]))
            log.write(step=step, done=done, loss=float(np.mean(shown)), held_out=held)
            shown = []
    checkpoint(path, cfg, net, opt, average, step, log)
    net = average.copy_to(net)
    with torch.no_grad():
        held = float(np.mean([loss_on(val, 32).item() for _ in range(10)]))
    log.write(step=step, finished=True, held_out=held)


def checkpoint(path, cfg, net, opt, average, step, log):
    loop.save(path, config=cfg, model=net.state_dict(), ema=average.shadow,
              opt=opt.state_dict(), step=step, cpu=log.cpu())


if __name__ == "__main__":
    main()
