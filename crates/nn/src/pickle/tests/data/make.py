"""Writes the small checkpoints of this folder, and what PyTorch itself reads from them.

Run with PyTorch 2.x and safetensors; the files in the repository are those of PyTorch 2.15.
"""

import torch
from safetensors.torch import save_file

torch.manual_seed(7)
base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5) / 7
tensors = {
    "f64": torch.randn(3, 2, dtype=torch.float64),
    "f32": torch.randn(2, 3, 1),
    "f16": torch.randn(5).half(),
    "bf16": torch.randn(2, 2).bfloat16(),
    "i64": torch.tensor([-(2**63), -1, 0, 2**63 - 1]),
    "i32": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
    "i16": torch.tensor([[-(2**15)], [2**15 - 1]], dtype=torch.int16),
    "i8": torch.tensor([-128, 127], dtype=torch.int8),
    "u8": torch.tensor([0, 255], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(2.5),
    "empty": torch.zeros(0, 3),
    "parameter": torch.nn.Parameter(torch.randn(2, 2)),
    "whole": base,
    "transposed": base.permute(2, 0, 1),
    "sliced": base[1:, ::2, 1:4],
    "one_column": base[:, 1:2, 3],
    "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "tied": base,
}
expected = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
save_file(expected, "variants.safetensors")

training = {
    "epoch": 3,
    "loss": 0.25,
    "tags": ["a", None, True, (1, 2, 3, 4), -5, 2**40],
    "state_dict": tensors,
    "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-3}]},
}
torch.save(training, "variants.pt")
torch.save(training, "variants_protocol4.pt", pickle_protocol=4)

linear = torch.nn.Linear(2, 1)
with torch.no_grad():
    linear.weight.copy_(torch.tensor([[1.0, 2.0]]))
    linear.bias.copy_(torch.tensor([3.0]))
torch.save(linear.state_dict(), "linear.pt")
torch.save(linear.state_dict(), "linear_legacy.pt", _use_new_zipfile_serialization=False)
torch.save(linear, "linear_module.pt")
torch.save({"w": torch.ones(1).expand(10)}, "expanded.pt")
torch.save({"w": torch.ones(3)._neg_view()}, "negated.pt")
torch.serialization.set_crc32_options(False)
torch.save(linear.state_dict(), "linear_no_crc.pt")
