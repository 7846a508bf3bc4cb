#!/usr/bin/env python3
"""Times every operation of `mustool bench ops` and the same in PyTorch, in turn, and prints ours/torch.

The shapes come from our JSON. PyTorch runs what is fastest there for the layout that it likes:
channels-last 2-D convolutions, and its own number type. Other work on the machine spoils wall
times, so the ratio is of CPU times (per thread); each number is the least over several rounds of
the median of a round, and the rounds of the two alternate.

    pip install torch
    benches/compare_torch.py [--ours target/release/mustool bench ops] [--threads 1] [--only PATTERN]
"""

import argparse
import json
import subprocess
import time

import torch
import torch.nn.functional as F

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def torch_operation(case):
    """The operation as a function without arguments."""
    s, dtype = case["sizes"], DTYPES[case["dtype"]]

    def noise(*shape):
        return torch.rand(*shape).mul_(2).sub_(1).to(dtype)

    def channels_last(x):
        return x.contiguous(memory_format=torch.channels_last)

    match case["op"]:
        case "linear":
            x, w, b = noise(s["rows"], s["depth"]), noise(s["columns"], s["depth"]), noise(s["columns"])
            return lambda: F.linear(x, w, b)
        case "conv2d":
            k = s["kernel"]
            x = channels_last(noise(1, s["depth"], s["height"], s["width"]))
            w, b = channels_last(noise(s["columns"], s["depth"], k, k)), noise(s["columns"])
            return lambda: F.conv2d(x, w, b, stride=s["stride"], padding=k // 2)
        case "conv1d":
            c, k, d = s["channels"], s["kernel"], s["dilation"]
            x, w, b = noise(1, c, s["time"]), noise(c, c, k), noise(c)
            return lambda: F.conv1d(x, w, b, padding=d * (k - 1) // 2, dilation=d)
        case "conv_transpose1d":
            k, stride = s["kernel"], s["stride"]
            x, w = noise(1, s["depth"], s["time"]), noise(s["depth"], s["columns"], k)
            b = noise(s["columns"])
            return lambda: F.conv_transpose1d(x, w, b, stride=stride, padding=(k - stride) // 2)
        case "attention":
            h, d = s["heads"], s["dim"]
            q, k, v = (noise(1, n, h, d).transpose(1, 2) for n in (s["queries"], s["keys"], s["keys"]))
            return lambda: F.scaled_dot_product_attention(q, k, v)
        case "group_norm" | "group_norm_silu":
            c = s["channels"]
            x = channels_last(noise(1, c, s["pixels"] // 16, 16))
            w, b = noise(c), noise(c)
            if case["op"] == "group_norm":
                return lambda: F.group_norm(x, s["groups"], w, b)
            return lambda: F.silu(F.group_norm(x, s["groups"], w, b))
        case "layer_norm":
            x, w, b = noise(s["rows"], s["dim"]), noise(s["dim"]), noise(s["dim"])
            return lambda: F.layer_norm(x, (s["dim"],), w, b)
        case "rms_norm":
            x, w = noise(s["rows"], s["dim"]), noise(s["dim"])
            return lambda: F.rms_norm(x, (s["dim"],), w)
        case "geglu":
            x = noise(s["rows"], 2 * s["dim"])

            def geglu():
                value, gate = x.chunk(2, -1)
                return value * F.gelu(gate)

            return geglu
    functions = {
        "softmax": lambda x: torch.softmax(x, -1),
        "silu": F.silu,
        "gelu_erf": F.gelu,
        "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
    }
    function, x = functions[case["op"]], noise(s["rows"], s["dim"])
    return lambda: function(x)


def median(values):
    return sorted(values)[len(values) // 2]


def time_torch(operation, seconds):
    """Medians of CPU and wall milliseconds."""
    operation()
    operation()
    cpu, wall = [], []
    begun = time.perf_counter()
    while len(cpu) < 3 or (time.perf_counter() - begun < seconds and len(cpu) < 400):
        w, c = time.perf_counter(), time.process_time()
        operation()
        cpu.append((time.process_time() - c) * 1e3)
        wall.append((time.perf_counter() - w) * 1e3)
    return median(cpu), median(wall)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ours", nargs="+", default=["target/release/mustool", "bench", "ops"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=DTYPES, nargs="*", default=list(DTYPES))
    parser.add_argument("--only", nargs="*", default=[""], help="parts of the names")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one round")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)

    def ours(*more):
        output = subprocess.run([*args.ours, "--json", *more], check=True, capture_output=True, text=True)
        return [json.loads(line) for line in output.stdout.splitlines()]

    print("| operation | type | ours ms | torch ms | ours/torch | GFLOP/s a thread | GB/s a thread |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for case in ours("--list"):
        if case["dtype"] not in args.dtype or not any(part in case["name"] for part in args.only):
            continue
        operation = torch_operation(case)
        rounds = []
        for _ in range(args.rounds):
            (own,) = ours("--only", case["name"], "--dtype", case["dtype"], "--threads", str(args.threads),
                          "--seconds", str(args.seconds))
            rounds.append((own["cpu_ms"], time_torch(operation, args.seconds)[0]))
        own, other = (min(times) / args.threads for times in zip(*rounds))
        speed = [case[key] / own / 1e6 / args.threads for key in ("flops", "bytes")]
        print(f"| {case['name']} | {case['dtype']} | {own:.3f} | {other:.3f} | {own / other:.2f} "
              f"| {speed[0]:.0f} | {speed[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
