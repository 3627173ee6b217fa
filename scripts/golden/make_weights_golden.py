#!/usr/bin/env python3
"""Makes src/weights/testdata: container files and decoded values from other programs.

Needs numpy, torch, safetensors, huggingface_hub and gguf (the peers' environment of scripts/test --peers).
Usage: make_weights_golden.py [OUTPUT_FOLDER]
"""
import pathlib
import shutil
import sys

import gguf
import numpy as np
import torch
from huggingface_hub import save_torch_state_dict
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import save_file as save_torch

QUANTS = gguf.GGMLQuantizationType
CAN_QUANTISE = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]
# Where the halves lie in a block: they must be finite numbers, everything else may be any bytes.
HALVES = {"Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
          "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0]}


def random_blocks(random, name, rows, blocks_per_row):
    """Blocks of random bytes whose scales are finite, one of them subnormal."""
    _, size = gguf.GGML_QUANT_SIZES[QUANTS[name]]
    blocks = random.integers(0, 256, (rows * blocks_per_row, size), dtype=np.uint8)
    for position in HALVES[name]:
        scales = (random.standard_normal(len(blocks)) * 0.01).astype(np.float16)
        scales[0] = np.float16(3e-6)
        blocks[:, position:position + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(rows, blocks_per_row * size)


def make_blocks(folder, random):
    """blocks.gguf: every block format; decoded.safetensors: what gguf-py decodes from them."""
    writer = gguf.GGUFWriter(folder / "blocks.gguf", "llama")
    decoded = {}
    for name, positions in HALVES.items():
        data = random_blocks(random, name, 3, 2)
        writer.add_tensor(name + ".random", data, raw_dtype=QUANTS[name])
        decoded[name + ".random"] = gguf.quants.dequantize(data, QUANTS[name])
    for name in CAN_QUANTISE:
        values = random.standard_normal((4, 64)).astype(np.float32)
        values[1, :32] = 0
        data = gguf.quants.quantize(values, QUANTS[name])
        writer.add_tensor(name + ".normal", data, raw_dtype=QUANTS[name])
        decoded[name + ".normal"] = gguf.quants.dequantize(data, QUANTS[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_numpy(decoded, folder / "decoded.safetensors")


def make_q8_0(folder, random):
    """encoded.safetensors: float32 values and what gguf-py makes of them in Q8_0; float32 bits and torch's bfloat16 of them."""
    values = random.standard_normal((16, 32)).astype(np.float32)
    values[0] = 0
    values[1] = np.arange(32) - 15.5  # with 127 beside them, exact halves: rounding away from zero shows
    values[1, 0] = 127
    values[2] *= 1e-9
    values[3] *= 1e5
    values[4, 7] = -300
    bits = random.integers(0, 2**32, 4096, dtype=np.uint32)
    bits[:8] = [0x3F808000, 0x3F818000, 0x3F80FFFF, 0x7F7FFFFF, 0x00000001, 0x80008000, 0xFF800000, 0x00000000]
    singles = bits.view(np.float32)
    singles = torch.from_numpy(singles[~np.isnan(singles)].copy())
    save_torch({
        "q8_0.values": torch.from_numpy(values),
        "q8_0.bytes": torch.from_numpy(gguf.quants.quantize(values, QUANTS.Q8_0).copy()),
        "bf16.values": singles,
        "bf16.rounded": singles.to(torch.bfloat16),
        "f16.rounded": singles.to(torch.float16),
        "f8_e4m3": torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn),
        "f8_e4m3.values": torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).float(),
        "f8_e5m2": torch.arange(256, dtype=torch.uint8).view(torch.float8_e5m2),
        "f8_e5m2.values": torch.arange(256, dtype=torch.uint8).view(torch.float8_e5m2).float(),
    }, folder / "encoded.safetensors")


def plain_tensors():
    """Small tensors of every plain type; element i of each is i (True for all but the first boolean)."""
    types = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64, torch.uint64,
             torch.float8_e4m3fn, torch.float8_e5m2, torch.float16, torch.bfloat16, torch.float32, torch.float64]
    tensors = {str(kind).removeprefix("torch."): torch.arange(6).reshape(2, 3).to(kind) for kind in types}
    tensors["scalar"] = torch.tensor(0.0)
    tensors["empty"] = torch.zeros(0, 4)
    tensors['a "quoted" name, ü'] = torch.arange(2, dtype=torch.float32)
    return tensors


def make_safetensors(folder):
    """plain.safetensors: every plain type; sharded/: two shards and their index, as Hugging Face writes them."""
    save_torch(plain_tensors(), folder / "plain.safetensors", metadata={"format": "pt"})
    state = {f"layer.{i}.weight": torch.arange(16, dtype=torch.float32) + 100 * i for i in range(5)}
    save_torch_state_dict(state, folder / "sharded", max_shard_size=200)


def make_gguf(folder, random):
    """metadata.gguf: every metadata type and the plain tensor types; rope.gguf: rows before and after the converter's permutation."""
    writer = gguf.GGUFWriter(folder / "metadata.gguf", "llama")
    writer.add_uint8("a.u8", 200)
    writer.add_int8("a.i8", -100)
    writer.add_uint16("a.u16", 60000)
    writer.add_int16("a.i16", -30000)
    writer.add_uint32("a.u32", 4000000000)
    writer.add_int32("a.i32", -2000000000)
    writer.add_uint64("a.u64", 2**64 - 1)
    writer.add_int64("a.i64", -2**63)
    writer.add_float32("a.f32", 0.5)
    writer.add_float64("a.f64", 0.1)
    writer.add_bool("a.bool", True)
    writer.add_string("a.string", "grüß dich")
    writer.add_array("b.strings", ["a", "", "ü"])
    writer.add_array("b.i32", [1, -2, 3])
    writer.add_array("b.f32", [0.5, -0.25])
    writer.add_array("b.bools", [True, False])
    writer.add_tensor("f32", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor("f16", np.arange(6, dtype=np.float16).reshape(2, 3))
    writer.add_tensor("bf16", gguf.quants.quantize(np.arange(6, dtype=np.float32).reshape(2, 3), QUANTS.BF16), raw_dtype=QUANTS.BF16)
    for kind in (np.int8, np.int16, np.int32, np.int64, np.float64):
        writer.add_tensor(np.dtype(kind).name, np.arange(6, dtype=kind).reshape(2, 3))
    writer.add_tensor("cube", np.arange(24, dtype=np.float32).reshape(2, 3, 4))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    heads, head_dim, width = 3, 8, 32
    rows = random.standard_normal((heads * head_dim, width)).astype(np.float32)
    # As conversion of Llama models to GGUF permutes q and k.
    permuted = rows.reshape(heads, 2, head_dim // 2, width).swapaxes(1, 2).reshape(rows.shape).copy()
    writer = gguf.GGUFWriter(folder / "rope.gguf", "llama")
    writer.add_tensor("f32.halves", rows)
    writer.add_tensor("f32.neighbours", permuted)
    for label, data in (("halves", rows), ("neighbours", permuted)):
        writer.add_tensor("q8_0." + label, gguf.quants.quantize(data, QUANTS.Q8_0), raw_dtype=QUANTS.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    default = pathlib.Path(__file__).resolve().parents[2] / "src/weights/testdata"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "sharded").mkdir(parents=True)
    random = np.random.default_rng(20240723)
    make_blocks(folder, random)
    make_q8_0(folder, random)
    make_safetensors(folder)
    make_gguf(folder, random)


if __name__ == "__main__":
    main()
