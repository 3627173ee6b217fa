#!/usr/bin/env python3
"""Compares greedy replies of drover with those of transformers, in float32, on real dialogs.

usage: compare_generation.py --drover PROGRAM --dialogs FILE.jsonl [--count 50] [--max-tokens 64] [--gguf FILE]

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

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "peers"))
import compare_weights  # noqa: E402

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


def main():
    home = pathlib.Path(os.environ.get("DROVER_HOME", pathlib.Path.home() / ".local/share/drover"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--drover", default=str(ROOT / "build/release/src/drover"))
    parser.add_argument("--dialogs", required=True)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--gguf", default=str(home / "models/smollm2-135m-instruct.gguf"))
    chosen = parser.parse_args()
    prompts = prompts_of(chosen.dialogs, chosen.count)
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(scratch)
        folder = work / "model"
        subprocess.run([chosen.drover, "convert", chosen.gguf, str(folder), "--to", "safetensors", "--type", "f32"], check=True, capture_output=True)
        (work / "prompts.jsonl").write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
        subprocess.run([chosen.drover, "generate", chosen.gguf, str(work / "prompts.jsonl"), "--temperature", "0", "--max-tokens", str(chosen.max_tokens),
                        "--dtype", "f32", "-o", str(work / "samples.jsonl")], check=True, capture_output=True)
        own = {row["prompt"]: row["ids"] for row in map(json.loads, open(work / "samples.jsonl"))}
        rendered = {}
        dialogs = [json.loads(line) for line in open(work / "prompts.jsonl")]
        model = compare_weights.load_in_transformers(folder) if hasattr(compare_weights, "load_in_transformers") else None
        if model is None:
            import transformers

            model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        import transformers

        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
        template = json.loads((folder / "tokenizer_config.json").read_text()).get("chat_template") if (folder / "tokenizer_config.json").exists() else None
        if (folder / "chat_template.jinja").exists():
            template = (folder / "chat_template.jinja").read_text()
        wrong = decided = compared = 0
        with torch.no_grad():
            for number, dialog in enumerate(dialogs, 1):
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
        print(f"{len(dialogs)} dialogs, {compared} greedy steps equal to transformers {transformers.__version__}"
              f" ({decided} replies left at a step whose two best logits are within {CLOSE}); {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
