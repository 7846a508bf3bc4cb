"""What every training script shares: schedule, moving average, checkpoints, log lines."""

import json
import math
import os
import time
from pathlib import Path

import torch


def warm_cosine(step_fraction, peak, warm=0.01, floor=0.02):
    """Linear warm-up over `warm` of the run, then a cosine from `peak` to `floor * peak`."""
    if step_fraction < warm:
        return peak * (step_fraction / warm + 0.02)
    x = min(1.0, (step_fraction - warm) / (1.0 - warm))
    return peak * (floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * x)))


def autocast():
    """bf16 where the processor computes with it, f32 where it would only imitate it."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported())


class Average:
    """Exponential moving average of a module's parameters, ramped up over the first steps."""

    def __init__(self, module, decay):
        self.decay, self.steps = decay, 0
        self.shadow = {k: v.detach().clone() for k, v in module.named_parameters()}

    @torch.no_grad()
    def update(self, module):
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        names, values = zip(*module.named_parameters())
        torch._foreach_lerp_([self.shadow[n] for n in names], list(values), 1.0 - decay)

    def copy_to(self, module):
        module.load_state_dict(self.shadow, strict=False)
        return module


def save(path, **state):
    """Writes a checkpoint under a temporary name, then renames it."""
    part = Path(str(path) + ".part")
    torch.save(state, part)
    os.replace(part, path)


def load(path):
    """The checkpoint, or None if there is none."""
    return torch.load(path, weights_only=False) if Path(path).exists() else None


class Log:
    """JSON lines with the wall clock and the CPU seconds this run has used."""

    def __init__(self, path, cpu_before=0.0):
        self.file = open(path, "a", buffering=1)
        self.cpu_before, self.start = cpu_before, time.process_time()

    def cpu(self):
        return self.cpu_before + time.process_time() - self.start

    def write(self, **values):
        row = {"clock": time.strftime("%H:%M:%S"), "cpu_s": round(self.cpu(), 1)}
        row |= {k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}
        self.file.write(json.dumps(row) + "\n")


class Budget:
    """Progress of a run through its CPU seconds, or to a wall-clock time if that comes first."""

    def __init__(self, cpu_s, deadline=None):
        self.cpu_s, self.deadline = cpu_s, None
        if deadline:
            hour, minute = (int(v) for v in deadline.split(":"))
            now = time.gmtime()
            ahead = (hour - now.tm_hour) * 3600 + (minute - now.tm_min) * 60 - now.tm_sec
            self.deadline = time.time() + ahead

    def fraction(self, cpu_used, started):
        """0 at the start, 1 at the end; wall time counts from `started` (seconds)."""
        spent = cpu_used / self.cpu_s
        if self.deadline:
            spent = max(spent, (time.time() - started) / max(1.0, self.deadline - started))
        return spent
