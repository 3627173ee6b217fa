#!/usr/bin/env python3
"""Checks `drover average` against torch in float64, and that transformers loads what it writes.

usage: compare_average.py [--drover PATH]

Needs the Python environment of the peers (scripts/setup --peers). Small random Llama and Qwen2 models that transformers writes (one of
them in shards), with language heads and with a reward head, in float32 and bfloat16. Every weight of the mean must be the one
nearest to the float64 mean. The exit status is 1 when anything differs.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import torch
import transformers

transformers.utils.logging.disable_progress_bar()
WEIGHTS = [3.0, 1.0, 2.0]
TOKENIZER = pathlib.Path(__file__).resolve().parents[2] / "recipes/tiny/tokenizer.json"
SIZES = dict(vocab_size=280, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
CASES = {
    "llama": (transformers.LlamaForCausalLM, transformers.LlamaConfig(**SIZES)),
    "qwen2, tied": (transformers.Qwen2ForCausalLM, transformers.Qwen2Config(**SIZES, tie_word_embeddings=True)),
    "llama, reward head": (transformers.LlamaForSequenceClassification, transformers.LlamaConfig(**SIZES, num_labels=1)),
}


def write_model(make, config, seed, dtype, folder, **how):
    torch.manual_seed(seed)
    model = make(config).to(dtype)
    model.save_pretrained(folder, **how)
    shutil.copy(TOKENIZER, folder)
    return {name: tensor.double() for name, tensor in model.state_dict().items()}


def check(drover, make, config, dtype, work):
    folders = [work / name for name in "abc"]
    states = [write_model(make, config, seed, dtype, folder, **({"max_shard_size": "100KB"} if seed == 2 else {}))
              for seed, folder in enumerate(folders)]
    assert (folders[2] / "model.safetensors.index.json").exists(), "transformers wrote no shards"
    out = work / "mean"
    command = [drover, "average", *map(str, folders), "-o", str(out), "--weights", ",".join(map(str, WEIGHTS)), "--json"]
    facts = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    shares = [entry["weight"] for entry in facts["models"]]
    assert shares == [weight / sum(WEIGHTS) for weight in WEIGHTS], shares

    model = make.from_pretrained(out, dtype=dtype)
    bits = 24 if dtype == torch.float32 else 8
    for name, tensor in model.state_dict().items():
        want = sum(share * state[name] for share, state in zip(shares, states))
        half_a_step = torch.ldexp(torch.full_like(want, 0.5), torch.frexp(want).exponent - bits)
        assert bool(((tensor.double() - want).abs() <= half_a_step * (1 + 1e-6) + 1e-16).all()), f"{name} is not the nearest to the mean"
    assert next(model.parameters()).dtype == dtype
    ids = torch.arange(3, 40).unsqueeze(0)
    assert bool(torch.isfinite(model(ids).logits).all())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--drover", default=os.environ.get("DROVER", "drover"), help="the program (default: $DROVER)")
    drover = parser.parse_args().drover
    failed = False
    for name, (make, config) in CASES.items():
        for dtype in (torch.float32, torch.bfloat16):
            with tempfile.TemporaryDirectory() as work:
                try:
                    check(drover, make, config, dtype, pathlib.Path(work))
                    print(f"same     {name}, {dtype}")
                except (AssertionError, subprocess.CalledProcessError) as fault:
                    print(f"DIFFERS  {name}, {dtype}: {fault}")
                    failed = True
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
