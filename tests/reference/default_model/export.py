"""Checkpoints -> the files that mustool loads: f16 safetensors, configs, tokenizer, parity values.

`python export.py RUNS OUT PARITY` takes the newest checkpoint of each stage in RUNS (random weights
for a stage that has none) and writes OUT/*.safetensors and OUT/*.json, and for the parity test
PARITY/twin_io.safetensors, whose values come from the f16-rounded weights, computed in f32, and
PARITY/tokenizer_io.json.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import loop
import model
from t5 import T5Encoder
from train_plan import Planner
from unet import MuNet
from vae import Vae
from vocoder import Vocoder

STAGES = {
    "vae": (Vae, model.VAE), "vocoder": (Vocoder, model.VOCODER), "unet": (MuNet, model.UNET),
    "text_encoder": (T5Encoder, model.TEXT),
    "planner": (Planner, {**model.PLANNER, "vocab_size": 3, "tokens": ["<s>", "</s>", "|"]}),
}


FIRST = {"vae": "_full", "vocoder": "_true"}  # a stage's first part, until its second has run


def load_stage(runs, name):
    """The stage's module with its averaged weights, its config, and whether it was trained."""
    build, defaults = STAGES[name]
    state = loop.load(Path(runs) / f"{name}.pt") or loop.load(Path(runs) / f"{name}{FIRST.get(name)}.pt")
    cfg = dict(state["config"]) if state else dict(defaults)
    torch.manual_seed(0)
    module = build(cfg).eval()
    if state:
        module.load_state_dict(state["ema"], strict=False)
    else:  # last layers start at zero: give parity something to compare
        for parameter in module.parameters():
            if parameter.abs().max() == 0:
                torch.nn.init.normal_(parameter, std=0.05)
    if state and "latent_stats" in state:
        mean, std = (v.tolist() for v in state["latent_stats"])
        cfg |= {"latent_mean": mean, "latent_std": std}
    return module, cfg, state is not None


def write_json(path, value):
    part = Path(str(path) + ".part")
    part.write_text(json.dumps(value, indent=1) + "\n")
    os.replace(part, path)


def write_tensors(path, tensors):
    part = str(path) + ".part"
    save_file({k: v.clone().contiguous() for k, v in tensors.items()}, part)
    os.chmod(part, 0o644)
    os.replace(part, path)


def round_to_f16(module):
    """Rounds the weights in place; returns them as f16 tensors by key."""
    tensors = {}
    for key, value in module.state_dict().items():
        half = value.detach().half()
        value.copy_(half.float())
        tensors[key] = half
    return tensors


@torch.no_grad()
def parity(modules):
    """Inputs and outputs of every network at small sizes, f32 (ids as f32 whole numbers)."""
    g = torch.Generator().manual_seed(7)
    randn = lambda *shape: torch.randn(*shape, generator=g)
    io = {}
    x, z = randn(2, 1, 64, 96), randn(2, 16, 8, 12)
    mean, logvar = modules["vae"].encode(x)
    io |= {"vae.encode.spectrogram": x, "vae.encode.mean": mean, "vae.encode.logvar": logvar}
    io |= {"vae.decode.latents": z, "vae.decode.spectrogram": modules["vae"].decode(z)}
    x, controls = randn(2, 96, 40), (randn(2, 24, 40) > 1).float()
    wave = modules["vocoder"](x, controls)
    io |= {"vocoder.spectrogram": x, "vocoder.controls": controls, "vocoder.waveform": wave}
    ids = torch.randint(3, 2000, (2, 12), generator=g)
    ids[0, 11], ids[1, 6] = 1, 1
    mask = torch.ones(2, 12)
    mask[1, 7:] = 0
    ids[1, 7:] = 0
    text = modules["text_encoder"](ids, mask)
    io |= {"text.input_ids": ids.float(), "text.attention_mask": mask, "text.hidden_states": text}
    planner = modules["planner"]
    target = torch.randint(1, planner.shared.num_embeddings, (2, 9), generator=g)
    target[:, 0] = 0
    io |= {"planner.decoder_input_ids": target.float(),
           "planner.logits": planner(target, text, mask)}
    sample, controls = randn(2, 16, 32, 12), randn(2, 38, 32, 12)
    t = torch.tensor([981, 3])
    labels = (randn(2, len(modules["unet"].cfg["class_labels"])) > 1).float()
    v = modules["unet"](sample, t, text, mask, controls, labels)
    io |= {"unet.sample": sample, "unet.timestep": t.float(), "unet.controls": controls,
           "unet.class_labels": labels,
           "unet.encoder_hidden_states": text, "unet.encoder_attention_mask": mask,
           "unet.output": v}
    return io


def tokenised(path):
    """Prompts with their ids."""
    tokenizer = Tokenizer.from_file(path)
    prompts = ["", "Rainy Sunday jazz, not too fast", "slow bossa nova, A minor, 96 BPM: Am7 D7/F#",
               "Café ☕ music (3/4) — harp & 808"]
    return [{"prompt": p, "input_ids": tokenizer.encode(p).ids} for p in prompts]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs")
    parser.add_argument("out")
    parser.add_argument("parity")
    args = parser.parse_args()
    torch.set_num_threads(1)
    out, compared = Path(args.out), Path(args.parity)
    for folder in (out, compared):
        folder.mkdir(parents=True, exist_ok=True)
    modules, configs, trained = {}, {}, {}
    for name in STAGES:
        modules[name], configs[name], trained[name] = load_stage(args.runs, name)
        write_tensors(out / f"{name}.safetensors", round_to_f16(modules[name]))
    for key in ("latent_mean", "latent_std"):  # the latent space belongs to the autoencoder
        if key in configs["unet"]:
            configs["vae"][key] = configs["unet"].pop(key)
    for name, cfg in configs.items():
        write_json(out / f"{name}_config.json", cfg)
    write_json(out / "scheduler_config.json", model.SCHEDULER)
    tokenizer = Path(args.runs) / "tokenizer.json"
    if tokenizer.exists():
        shutil.copyfile(tokenizer, out / "tokenizer.json")
        write_json(compared / "tokenizer_io.json", tokenised(str(tokenizer)))
    write_tensors(compared / "twin_io.safetensors", parity(modules))
    print(json.dumps({"trained": trained}))


if __name__ == "__main__":
    main()
