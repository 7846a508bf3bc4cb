"""Times the training step of train_step.rs with PyTorch: python train_step.py [f32|bf16] [STEPS].

OMP_NUM_THREADS sets the number of threads. Prints one line of JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "tests" / "reference" / "default_model"))
from unet import MuNet  # noqa: E402

BATCH, TOKENS = 8, 24


def median(values):
    return sorted(values)[len(values) // 2]


def main():
    dtype = sys.argv[1] if len(sys.argv) > 1 else "f32"
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    torch.manual_seed(1)
    cfg = json.loads((HERE / "train_step.json").read_text())
    net = MuNet(cfg).to(memory_format=torch.channels_last)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)
    frames, rows = cfg["sample_size"]
    image = lambda channels: torch.randn(BATCH, channels, frames, rows).to(
        memory_format=torch.channels_last)
    sample, target = image(cfg["in_channels"]), image(cfg["out_channels"])
    control = image(cfg["control_channels"])
    text = torch.randn(BATCH, TOKENS, cfg["cross_attention_dim"])
    mask, t = torch.ones(BATCH, TOKENS), torch.arange(BATCH) * 100
    stages, cpu = ([], [], [], []), 0.0
    for step in range(steps + 2):
        if step == 2:
            cpu = time.process_time()
        start = time.perf_counter()
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16"):
            loss = (net(sample, t, text, mask, control).float() - target).square().mean()
        forward = time.perf_counter()
        loss.backward()
        backward = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        whole = time.perf_counter()
        if step >= 2:
            parts = (forward - start, backward - forward, whole - backward, whole - start)
            for stage, seconds in zip(stages, parts):
                stage.append(1e3 * seconds)
    cpu = 1e3 * (time.process_time() - cpu) / steps
    print(json.dumps({
        "bench": "train_step", "dtype": dtype, "torch": torch.__version__,
        "parameters": sum(p.numel() for p in net.parameters()), "step_ms": median(stages[3]),
        "forward_ms": median(stages[0]), "backward_ms": median(stages[1]),
        "optimizer_ms": median(stages[2]), "cpu_ms": cpu,
    }))


main()
