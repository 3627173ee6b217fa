#!/usr/bin/env python3
"""Compares greedy replies of drover with those of transformers, in float32, on real dialogs.

usage: compare_generation.py [--drover PROGRAM] [--dialogs FILE.jsonl] [--count 50] [--max-tokens 64] [--gguf FILE]

The first `count` dialogs are cut before their last assistant message. Both sides continue them greedily. Replies must agree up to the
first step at which transformers' two largest logits differ by less than 1e-3: there rounding decides. Exit status 1 otherwise.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
import generation_compare  # noqa: E402
CLOSE = 1e-3


def prompts_of(path, count):
    found = []
    for line in open(path):
        messages = json.loads(line)["messages"]
        while messages and messages[-1]["role"] == "assistant":
            messages.pop()
        if messages and messages[-1]["role"] == "user":
            found.append({"messages": messages})
        if len(found) == count:
            break
    return found


def chat_template_of(folder):
    if (folder / "chat_template.jinja").exists():
        return (folder / "chat_template.jinja").read_text()
    return json.loads((folder / "tokenizer_config.json").read_text())["chat_template"]


def main():
    home = pathlib.Path(os.environ.get("DROVER_HOME", pathlib.Path.home() / ".local/share/drover"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--drover", default=os.environ.get("DROVER", str(ROOT / "build/release/src/drover")))
    parser.add_argument("--dialogs", help="JSONL of dialogs (default: questions of gsm8k in $DROVER_DATA, else made ones)")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--gguf", default=str(home / "models/smollm2-135m-instruct.gguf"))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(scratch)
        if not chosen.dialogs:
            chosen.dialogs = work / "dialogs.jsonl"
            generation_compare.write_prompts(os.environ.get("DROVER_DATA"), chosen.dialogs, chosen.count)
        prompts = prompts_of(chosen.dialogs, chosen.count)
        folder = work / "model"
        subprocess.run([chosen.drover, "convert", chosen.gguf, str(folder), "--to", "safetensors", "--type", "f32"], check=True, capture_output=True)
        (work / "prompts.jsonl").write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
        subprocess.run([chosen.drover, "generate", chosen.gguf, str(work / "prompts.jsonl"), "--temperature", "0", "--max-tokens", str(chosen.max_tokens),
                        "--dtype", "f32", "-o", str(work / "samples.jsonl")], check=True, capture_output=True)
        own = {row["prompt"]: row["ids"] for row in map(json.loads, open(work / "samples.jsonl"))}
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
        template = chat_template_of(folder)
        wrong = decided = compared = 0
        with torch.no_grad():
            for number, dialog in enumerate(prompts, 1):
                text = tokenizer.apply_chat_template(dialog["messages"], chat_template=template, tokenize=False, add_generation_prompt=True)
                ids = tokenizer(text, add_special_tokens=False)["input_ids"]
                logits = model(torch.tensor([ids + own[number]])).logits[0, len(ids) - 1 : -1]
                top = logits.topk(2, dim=-1)
                for step, token in enumerate(own[number]):
                    if top.values[step, 0] - top.values[step, 1] < CLOSE:
                        decided += 1
                        break
                    compared += 1
                    if top.indices[step, 0].item() != token:
                        wrong += 1
                        print(f"dialog {number}, step {step}: transformers takes {top.indices[step, 0].item()}, drover {token}")
                        break
        print(f"{len(prompts)} dialogs, {compared} greedy steps equal to transformers {transformers.__version__}"
              f" ({decided} replies left at a step whose two best logits are within {CLOSE}); {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
