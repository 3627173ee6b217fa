#!/usr/bin/env python3
"""Trains SmolLM2-135M on GSM8K conversations with drover and with TRL, and compares both loss curves.

usage: compare_training_curves.py [--data FOLDER] [--drover PATH] [--out curves.svg] [--rows 256] [--threads 2] [--alone]

One pass, 8 rows a step, bfloat16, learning rate 1e-5 falling linearly to 0, AdamW without decay, loss on the answer alone. Each side
shuffles the rows in its own order, so single steps differ; the running means (5 steps) should not. Exit status 1 when a curve does not fall,
or when the two differ by more than 0.03 in their mean. The data folder (by default $DROVER_DATA, else the 100 rows that ship with drover) holds
gsm8k/train.jsonl or .jsonl.gz. Needs the peers' environment, except with --alone, which trains with drover only.
"""
import argparse
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=os.environ.get("DROVER_DATA", str(ROOT / "data/suites")), help="a folder with gsm8k/train.jsonl(.gz)")
    parser.add_argument("--drover", default=os.environ.get("DROVER", str(ROOT / "build/release/src/drover")))
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--out", help="draw the curves into this file (SVG)")
    parser.add_argument("--alone", action="store_true", help="drover only")
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def conversations(chosen):
    path = pathlib.Path(chosen.data) / "gsm8k/train.jsonl"
    with (open(path) if path.exists() else gzip.open(f"{path}.gz", "rt")) as lines:
        rows = [json.loads(line) for line in lines]
    random.Random(17).shuffle(rows)
    return [{"messages": [{"role": "user", "content": row["question"]}, {"role": "assistant", "content": row["answer"]}]}
            for row in rows[:chosen.rows]]


def drover_losses(chosen, rows_file, work):
    out = subprocess.run([chosen.drover, "train", "sft", chosen.model, rows_file, "-o", work / "trained", "--dtype", "bf16", "--rows-per-step", "8",
                          "--schedule", "linear", "--final-share", "0", "--json"], check=True, capture_output=True, text=True).stdout
    return [json.loads(line)["loss"] for line in out.strip().split("\n")]


def trl_losses(chosen, rows, work):
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    torch.set_num_threads(chosen.threads)
    folder = work / "model"
    subprocess.run([chosen.drover, "convert", chosen.model, folder], check=True, capture_output=True)
    data = Dataset.from_list([{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in rows])
    settings = SFTConfig(output_dir=str(work / "trl"), per_device_train_batch_size=2, gradient_accumulation_steps=4, num_train_epochs=1,
                         learning_rate=1e-5, max_length=1024, logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, bf16=True,
                         gradient_checkpointing=False, disable_tqdm=True, dataloader_pin_memory=False, completion_only_loss=True)
    trainer = SFTTrainer(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), args=settings, train_dataset=data,
                         processing_class=AutoTokenizer.from_pretrained(folder))
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def smooth(values, width=5):
    return [sum(values[max(0, i - width + 1):i + 1]) / len(values[max(0, i - width + 1):i + 1]) for i in range(len(values))]


def draw(curves, path):
    width, height, left, top, right, bottom = 640, 320, 52, 16, 16, 40
    every = [value for values in curves.values() for value in values]
    low, high = min(every) - 0.05, max(every) + 0.05
    steps = max(len(values) for values in curves.values())
    x = lambda i: left + (width - left - right) * i / max(1, steps - 1)
    y = lambda v: top + (height - top - bottom) * (high - v) / (high - low)
    line = lambda values: " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(values))
    colours = {"drover": "#1f6feb", "TRL": "#d97706"}
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for k in range(5):
        value = low + (high - low) * k / 4
        parts.append(f'<line x1="{left}" x2="{width - right}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>'
                     f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    for step in range(1, steps + 1):
        if step == 1 or step % 8 == 0:
            parts.append(f'<text x="{x(step - 1):.1f}" y="{height - bottom + 16}" text-anchor="middle">{step}</text>')
    parts.append(f'<text x="{(left + width - right) / 2}" y="{height - 6}" text-anchor="middle">step</text>')
    for place, (name, values) in enumerate(curves.items()):
        colour = colours[name]
        parts.append(f'<polyline points="{line(values)}" fill="none" stroke="{colour}" stroke-opacity="0.3"/>')
        parts.append(f'<polyline points="{line(smooth(values))}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{width - right - 8}" y="{top + 16 + 16 * place}" text-anchor="end" fill="{colour}">{name}</text>')
    pathlib.Path(path).write_text("\n".join(parts + ["</svg>"]) + "\n")


def main():
    chosen = options()
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(scratch)
        rows = conversations(chosen)
        rows_file = work / "rows.jsonl"
        rows_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        curves = {"drover": drover_losses(chosen, rows_file, work)}
        if not chosen.alone:
            curves["TRL"] = trl_losses(chosen, rows, work)
    if chosen.out:
        draw(curves, chosen.out)
    mean = lambda values: sum(values) / len(values)
    faults = []
    print(f"{len(rows)} conversations, {len(curves['drover'])} steps")
    for name, values in curves.items():
        print(f"{name}: first 5 steps {mean(values[:5]):.4f}, last 5 {mean(values[-5:]):.4f}, all {mean(values):.4f}")
        if mean(values[-5:]) >= mean(values[:5]):
            faults.append(f"the loss of {name} does not fall")
    if not chosen.alone and abs(mean(curves["drover"]) - mean(curves["TRL"])) > 0.03:
        faults.append("the curves lie apart")
    sys.exit("; ".join(faults) or None)


if __name__ == "__main__":
    main()
