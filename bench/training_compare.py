#!/usr/bin/env python3
"""Compares drover's training with TRL's: SFT, DPO with its reference log-probabilities at hand and with the pass that makes them, and a
reward model over three responses.

usage: training_compare.py [--data FOLDER] [--rounds N] [--threads N] [--batches 1,2,4,8] [--jobs sft dpo reward]

Workload: GSM8K conversations (24 for SFT), comparisons of three answers behind a worked example (12 for DPO, 8 for the reward model),
SmolLM2-135M in bfloat16. Both sides train the same rows. TRL runs one pass at each batch size in the first round and at its best one in
the later rounds, after a warm-up; drover runs two passes and the second counts. One side runs after the other. Ratios are medians over
the rounds, of samples a second in training alone.
"""
import argparse
import gzip
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROWS = {"sft": 24, "dpo": 12, "reward": 8}
ROWS_PER_STEP = {"sft": 8, "dpo": 6, "reward": 8}


def options():
    build = pathlib.Path(os.environ.get("DROVER_BUILD", ROOT / "build" / "release"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=os.environ.get("DROVER_DATA"), help="a folder with gsm8k/train.jsonl (default: $DROVER_DATA)")
    parser.add_argument("--drover", default=str(build / "src" / "drover"))
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", default="1,2,4,8", help="TRL's batches")
    parser.add_argument("--jobs", nargs="*", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--packed-tokens", type=int, default=1024)
    return parser.parse_args()


def gsm8k(data):
    if data:
        for path in (pathlib.Path(data) / "gsm8k/train.jsonl", pathlib.Path(data) / "gsm8k/train.jsonl.gz"):
            if path.exists():
                with (gzip.open(path, "rt") if path.suffix == ".gz" else open(path)) as lines:
                    return [json.loads(line) for line in lines]
    raise SystemExit(f"There is no gsm8k/train.jsonl(.gz) in {data or 'any folder: give --data, or set DROVER_DATA'}.")


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def damaged(answer, rng):
    """A worse answer of the same style: the digits of one line change."""
    lines = [line for line in answer.split("\n") if line]
    spot = rng.choice([i for i, line in enumerate(lines) if any(c.isdigit() for c in line)])
    lines[spot] = "".join(rng.choice([d for d in "123456789" if d != c]) if c.isdigit() else c for c in lines[spot])
    return "\n".join(lines)


def write_workloads(data, folder):
    rng = random.Random(17)
    rows = gsm8k(data)
    rng.shuffle(rows)
    conversations = [{"messages": [user(row["question"]), assistant(row["answer"])]} for row in rows[:ROWS["sft"]]]
    comparisons = []
    for shot, row in zip(rows[300::2], rows[301::2]):
        if len(comparisons) == max(ROWS["dpo"], ROWS["reward"]):
            break
        answer = row["answer"]
        comparisons.append({"prompt": [user(shot["question"]), assistant(shot["answer"]), user(row["question"])],
                            "chosen": [assistant(answer)], "rejected": [assistant(damaged(answer, rng))],
                            "edited": [assistant(f"{answer}\nSo the answer is {answer.split('####')[-1].strip()}.")]})
    pairs = [{key: row[key] for key in ("prompt", "chosen", "rejected")} for row in comparisons]
    paths = {}
    for job, items in (("sft", conversations), ("dpo", pairs), ("reward", comparisons)):
        paths[job] = folder / f"{job}.jsonl"
        paths[job].write_text("".join(json.dumps(item) + "\n" for item in items[:ROWS[job]]))
    return paths


def run(command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(str(part) for part in command[:4])} failed: {done.stderr.strip()[-800:]}")
    return done.stdout


class Sides:
    def __init__(self, chosen, work):
        self.chosen, self.work = chosen, work
        self.rows = write_workloads(chosen.data, work)
        self.folder = work / "model"
        run([chosen.drover, "convert", chosen.model, self.folder])

    def trl(self, job, batch):
        out = run([sys.executable, ROOT / "bench" / "trl_training.py", job, self.folder, self.rows[job.split("-")[0]], "--batch", batch,
                   "--threads", self.chosen.threads])
        made = json.loads(out.strip().split("\n")[-1])
        made["rate"] = made["samples"] / made["seconds"]
        made["setup_rate"] = made["samples"] / (made["seconds"] + made["setup_seconds"])
        return made

    def drover(self, job):
        """The second of two passes; for dpo also the seconds of the reference pass."""
        cache = self.work / "references"
        command = [self.chosen.drover, "train", job, self.chosen.model, self.rows[job], "-o", self.work / "trained", "--dtype", "bf16",
                   "--epochs", 2, "--rows-per-step", ROWS_PER_STEP[job], "--threads", self.chosen.threads, "--json",
                   "--packed-tokens", self.chosen.packed_tokens]
        reference = 0.0
        if job == "dpo":
            command += ["--reference-cache", cache]
            run(["rm", "-rf", cache])
            begin = time.perf_counter()
            run(command)
            reference = time.perf_counter() - begin
        begin = time.perf_counter()
        steps = [json.loads(line) for line in run(command).strip().split("\n")]
        if job == "dpo":
            reference = max(0.0, reference - (time.perf_counter() - begin))
        second = steps[len(steps) // 2:]
        seconds = sum(step["tokens"] / step["tokens_per_second"] for step in second)
        samples = sum(step["rows"] for step in second)
        return {"rate": samples / seconds, "setup_rate": samples / (seconds + reference), "peak_bytes": steps[-1]["peak_memory_bytes"],
                "tokens_per_second": sum(step["tokens"] for step in second) / seconds}


def compare(sides, job):
    chosen = sides.chosen
    settings = [(job, int(batch)) for batch in chosen.batches.split(",")]
    if job == "sft":
        settings += [("sft-packed", 1)]
    ratios, with_setup, memory = [], [], []
    print(f"| round | TRL: {job} at batch | samples/s | peak GiB | drover: samples/s | tokens/s | peak GiB | ratio | memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for number in range(1, chosen.rounds + 1):
        own = sides.drover(job)
        tried = {}
        for name, batch in settings:
            tried[name, batch] = peer = sides.trl(name, batch)
            print(f"| {number} | {name} {batch} | {peer['rate']:.3f} | {peer['peak_bytes'] / 2**30:.2f} | {own['rate']:.3f} | "
                  f"{own['tokens_per_second']:.0f} | {own['peak_bytes'] / 2**30:.2f} | {own['rate'] / peer['rate']:.2f}x | "
                  f"{own['peak_bytes'] / peer['peak_bytes']:.2f} |", flush=True)
        best = max(tried, key=lambda setting: tried[setting]["rate"])
        ratios.append(own["rate"] / tried[best]["rate"])
        with_setup.append(own["setup_rate"] / tried[best]["setup_rate"])
        memory.append(own["peak_bytes"] / tried[best]["peak_bytes"])
        settings = [best]
    line = f"{job} against TRL's best batch: median {statistics.median(ratios):.2f}x, memory {statistics.median(memory):.2f}"
    if job == "dpo":
        line += f"; with both sides' reference pass {statistics.median(with_setup):.2f}x"
    print(line + "\n", flush=True)


def main():
    chosen = options()
    if not os.access(chosen.drover, os.X_OK):
        raise SystemExit(f"There is no {chosen.drover}. Build it: scripts/build release.")
    with tempfile.TemporaryDirectory() as scratch:
        sides = Sides(chosen, pathlib.Path(scratch))
        for job in chosen.jobs:
            compare(sides, job)


if __name__ == "__main__":
    main()
