"""Shipped files -> checkpoints, so that training can go on from released weights.

`python restore.py FILES RUNS` writes RUNS/NAME.pt for every network and the tokenizer. There is no
optimizer state in FILES: it starts anew, and so do the counts of steps, seconds and samples. A part
that FILES lacks begins as the network is built.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

import loop
from export import STAGES
from plan_tokens import class_labels


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path)
    parser.add_argument("runs", type=Path)
    args = parser.parse_args()
    args.runs.mkdir(parents=True, exist_ok=True)
    read = lambda name: json.loads((args.files / f"{name}_config.json").read_text())
    for name, (build, _) in STAGES.items():
        cfg, more = read(name), {}
        if name == "unet":
            cfg.setdefault("class_labels", class_labels(read("planner")["tokens"]))
            latent = read("vae")
            more = {"samples": 0, "latent_stats": tuple(
                torch.tensor(latent[key]) for key in ("latent_mean", "latent_std"))}
        torch.manual_seed(0)
        module = build(cfg)
        weights = {k: v.float() for k, v in load_file(args.files / f"{name}.safetensors").items()}
        module.load_state_dict(weights, strict=False)
        shadow = {k: v.detach().clone() for k, v in module.named_parameters()}
        loop.save(args.runs / f"{name}.pt", config=cfg, model=module.state_dict(), ema=shadow,
                  opt=None, step=0, cpu=0.0, **more)
    shutil.copyfile(args.files / "tokenizer.json", args.runs / "tokenizer.json")


if __name__ == "__main__":
    main()
