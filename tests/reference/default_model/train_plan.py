"""Trains the plan predictor: prompt -> plan text, for prompts that leave tempo, key or chords open.

The plan text names everything the composer would choose, for example
`bpm 96 | 4/4 | A minor | Am7 Dm7 G7 Cmaj7 | style bossa nova | nylon guitar, bass guitar, drums`.
Chords are the clip's distinct events in order, at most 16. Sampling it with a seed gives variety.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import captions
import data
import loop
import model
from t5 import T5ForConditionalGeneration
from train_text import load_tokenizer, tokenise

CFG = model.PREDICTOR


def plan_text(record):
    """The plan of a record in one line."""
    plan = record["plan"]
    chords = [e["symbol"] for e in plan["chords"]][:16] or ["N"]
    key = " ".join(record["key"]).strip() or "no key"
    names = list(dict.fromkeys(i["name"] for i in record["instruments"]))
    return (f"bpm {round(plan['tempo_bpm'])} | {plan['meter']} | {key} | {' '.join(chords)} | "
            f"style {record['style']} | {', '.join(names)}")


def batch(tokenizer, pool, size, rng):
    rows = [(captions.wording(r, rng), plan_text(r)) for r in rng.choices(pool, k=size)]
    ids, mask = tokenise(tokenizer, [c for c, _ in rows])
    target, target_mask = tokenise(tokenizer, [p for _, p in rows], CFG["max_plan_length"])
    shifted = F.pad(target, (1, 0))[:, :-1]  # starts with decoder_start_token_id 0
    return ids, mask, shifted, target_mask, target


@torch.no_grad()
def generate(net, tokenizer, prompts, temperature=0.8, seed=0):
    """Plan texts sampled token by token."""
    g = torch.Generator().manual_seed(seed)
    ids, mask = tokenise(tokenizer, prompts)
    context = net.encoder(net.shared(ids), mask)
    out = torch.zeros(len(prompts), 1, dtype=torch.long)
    for _ in range(CFG["max_plan_length"]):
        h = net.decoder(net.shared(out), torch.ones(out.shape), context, mask)
        p = torch.softmax(net.lm_head(h[:, -1]).float() / temperature, dim=-1)
        out = torch.cat([out, torch.multinomial(p, 1, generator=g)], dim=1)
        if bool((out == 1).any(1).all()):
            break
    texts = []
    for row in out[:, 1:].tolist():
        texts.append(tokenizer.decode(row[: row.index(1)] if 1 in row else row))
    return texts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("corpus", "val", "runs", "deadline"):
        parser.add_argument("--" + name)
    parser.add_argument("--cpu-s", type=float, default=500.0)
    parser.add_argument("--seed", type=int, default=6)
    args = parser.parse_args()
    torch.set_num_threads(1)
    runs = Path(args.runs)
    path = runs / "predictor.pt"
    tokenizer = load_tokenizer(runs)
    pool, val = data.read_records(args.corpus), data.read_records(args.val)
    rng = random.Random(args.seed)
    torch.manual_seed(args.seed)
    net = T5ForConditionalGeneration(CFG)
    state = loop.load(path)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    average, step, cpu = loop.Average(net, 0.998), 0, 0.0
    if state:
        net.load_state_dict(state["model"])
        opt.load_state_dict(state["opt"])
        average.shadow, average.steps, step, cpu = (
            state["ema"], state["step"], state["step"], state["cpu"])
    log, started = loop.Log(runs / "predictor.log", cpu), time.time()
    budget, shown, saved = loop.Budget(args.cpu_s, args.deadline), [], log.cpu()
    while (done := budget.fraction(log.cpu(), started)) < 1.0:
        opt.param_groups[0]["lr"] = loop.warm_cosine(done, 1.5e-3)
        ids, mask, shifted, target_mask, target = batch(tokenizer, pool, 32, rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(ids, mask, shifted, target_mask).float()
        loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=0)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        average.update(net)
        step += 1
        shown.append(loss.item())
        if log.cpu() - saved > 60:
            saved = log.cpu()
            checkpoint(path, net, opt, average, step, log)
            log.write(step=step, done=done, loss=float(np.mean(shown)))
            shown = []
    checkpoint(path, net, opt, average, step, log)
    net = average.copy_to(net).eval()
    prompts = [captions.wording(r, rng) for r in val[:: max(1, len(val) // 8)]][:8]
    for prompt, text in zip(prompts, generate(net, tokenizer, prompts)):
        print(prompt, "->", text)
    log.write(step=step, finished=True, loss=float(np.mean(shown or [0.0])))


def checkpoint(path, net, opt, average, step, log):
    loop.save(path, config=CFG, model=net.state_dict(), ema=average.shadow,
              opt=opt.state_dict(), step=step, cpu=log.cpu())


if __name__ == "__main__":
    main()
