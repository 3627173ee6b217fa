#!/usr/bin/env python3
"""Compares drover's generation with llama.cpp's on the rejection-sampling workload, and with itself without page sharing.

usage: generation_compare.py [--data FOLDER | --prompts FILE] [--rounds N] [--threads N] [--llama FOLDER] [--skip PART ...]

Workload: 32 prompts with a few-shot part (about 384 tokens), 16 responses of 128 new tokens each, end tokens ignored, SmolLM2-135M in
bfloat16. llama.cpp decodes the same shape by llama-batched-bench (-npp 384 -ntg 128 -pps -kvu) and is taken at its best batch of 8 to 64.
Sides alternate; ratios are medians over the rounds. Parts: peer, sharing, single, latency.
"""
import argparse
import gzip
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]

NEW_TOKENS = 128
PROMPT_TOKENS = 384
PAGE_TOKENS = 32


def options():
    home = pathlib.Path(os.environ.get("DROVER_HOME", pathlib.Path.home() / ".local/share/drover"))
    build = pathlib.Path(os.environ.get("DROVER_BUILD", ROOT / "build" / "release"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=os.environ.get("DROVER_DATA"), help="a folder with gsm8k/train.jsonl (default: $DROVER_DATA)")
    parser.add_argument("--prompts", help="a JSONL file of prompts, in place of those made from --data")
    parser.add_argument("--drover", default=str(build / "src" / "drover"))
    parser.add_argument("--llama", default=str(home / "peers" / "llama.cpp" / "bin"), help="folder of llama-batched-bench")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", default="8,16,32,64", help="llama.cpp's batches")
    parser.add_argument("--skip", nargs="*", default=[], choices=["peer", "sharing", "single", "latency"])
    return parser.parse_args()


def gsm8k(data):
    for path in (pathlib.Path(data) / "gsm8k/train.jsonl", pathlib.Path(data) / "gsm8k/train.jsonl.gz"):
        if path.exists():
            with (gzip.open(path, "rt") if path.suffix == ".gz" else open(path)) as lines:
                return [json.loads(line) for line in lines]
    raise SystemExit(f"There is no gsm8k/train.jsonl(.gz) in {data}.")


def write_prompts(data, path, count=32):
    """Questions of grade-school mathematics behind the same two worked examples; without data, questions made here."""
    user = lambda text: {"role": "user", "content": text}
    assistant = lambda text: {"role": "assistant", "content": text}
    rng = random.Random(17)
    if data:
        rows = gsm8k(data)
        rng.shuffle(rows)
        shots, asked = rows[600:602], [row["question"] for row in rows[700:700 + count]]
        prefix = [message for shot in shots for message in (user(shot["question"]), assistant(shot["answer"]))]
    else:
        story = lambda: " ".join(f"On day {day} the shop sold {rng.randrange(9, 99)} apples and {rng.randrange(9, 99)} pears." for day in range(1, 6))
        prefix = [message for _ in range(2) for message in (user(story() + " How many apples were sold?"), assistant(story()))]
        asked = [story() + " How many pears were sold?" for _ in range(count)]
    with open(path, "w") as out:
        for question in asked:
            out.write(json.dumps({"messages": prefix + [user(question)]}) + "\n")


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


class Sides:
    def __init__(self, chosen, work):
        self.chosen, self.work = chosen, work
        self.prompts = chosen.prompts or work / "prompts.jsonl"
        if not chosen.prompts:
            write_prompts(chosen.data, self.prompts)
        self.gguf = work / "bf16.gguf"
        self.count = 0

    def drover(self, *more, responses=16):
        self.count += 1
        out = run([self.chosen.drover, "generate", self.chosen.model, self.prompts, "--responses", responses, "--max-tokens", NEW_TOKENS,
                   "--min-tokens", NEW_TOKENS, "--threads", self.chosen.threads, "--json", "-o", self.work / f"samples-{self.count}.jsonl", *more])
        return json.loads(out.strip().split("\n")[-1])

    def llama(self, batches):
        """New tokens a second by batch."""
        if not self.gguf.exists():
            run([self.chosen.drover, "convert", self.chosen.model, self.gguf, "--to", "gguf", "--type", "bf16"])
        sizes = [int(batch) for batch in batches.split(",")]
        context = PROMPT_TOKENS + max(sizes) * NEW_TOKENS + 512
        out = run([pathlib.Path(self.chosen.llama) / "llama-batched-bench", "-m", self.gguf, "-c", context, "-b", 2048, "-ub", 512, "-npp", PROMPT_TOKENS,
                   "-ntg", NEW_TOKENS, "-npl", batches, "-pps", "-kvu", "-t", self.chosen.threads])
        rates = {}
        for line in out.split("\n"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) >= 8 and re.fullmatch(r"\d+", cells[0]):
                rates[int(cells[2])] = float(cells[7])  # PP, TG, B, N_KV, T_PP, S_PP, T_TG, S_TG, ...
        if not rates:
            raise SystemExit(f"llama-batched-bench printed no table:\n{out}")
        return rates

    def page_bytes(self):
        info = json.loads(run([self.chosen.drover, "info", self.chosen.model, "--json"]))
        return 2 * info["layers"] * info["kv_heads"] * info["head_dim"] * PAGE_TOKENS * 2


def compare_with_llama(sides, rounds):
    print("| round | llama.cpp, best batch | its new tokens/s | drover, decoding | drover, end to end | ratio, decoding |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    ratios = []
    for number in range(1, rounds + 1):
        rates = sides.llama(sides.chosen.batches)
        best = max(rates, key=rates.get)
        own = sides.drover()
        ratios.append(own["new_tokens_per_second"] / rates[best])
        print(f"| {number} | {best} | {rates[best]:.0f} | {own['new_tokens_per_second']:.0f} | {own['end_to_end_tokens_per_second']:.0f} | {ratios[-1]:.2f}x |", flush=True)
    print(f"decoding against llama.cpp's best batch: median {statistics.median(ratios):.2f}x\n", flush=True)


def compare_with_itself(sides, rounds):
    """Memory for 8 whole sequences that share nothing, on both sides."""
    pages = 8 * -(-(PROMPT_TOKENS + 64 + NEW_TOKENS) // PAGE_TOKENS)
    memory = ["--memory", pages * sides.page_bytes() / 2**30]
    decoding, whole = [], []
    print(f"| round ({pages} pages) | without sharing, decoding | end to end | with sharing, decoding | end to end | ratios |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for number in range(1, rounds + 1):
        apart = sides.drover("--no-sharing", *memory, responses=8)
        shared = sides.drover(*memory, responses=8)
        decoding.append(shared["new_tokens_per_second"] / apart["new_tokens_per_second"])
        whole.append(shared["end_to_end_tokens_per_second"] / apart["end_to_end_tokens_per_second"])
        print(f"| {number} | {apart['new_tokens_per_second']:.0f} | {apart['end_to_end_tokens_per_second']:.0f} | {shared['new_tokens_per_second']:.0f} "
              f"| {shared['end_to_end_tokens_per_second']:.0f} | {decoding[-1]:.2f}x, {whole[-1]:.2f}x |", flush=True)
    print(f"with against without sharing: median {statistics.median(decoding):.2f}x decoding, {statistics.median(whole):.2f}x end to end\n", flush=True)


def compare_single_stream(sides, rounds):
    one = sides.work / "one.jsonl"
    one.write_text("".join(open(sides.prompts).readlines()[:4]))
    saved, sides.prompts = sides.prompts, one
    ratios = []
    for _ in range(rounds):
        peer = sides.llama("1")[1]
        own = sides.drover("--max-sequences", 1, responses=1)["new_tokens_per_second"]
        ratios.append(own / peer)
        print(f"one stream: llama.cpp {peer:.0f}, drover {own:.0f} new tokens/s, {ratios[-1]:.2f}x", flush=True)
    sides.prompts = saved
    print(f"one stream: median {statistics.median(ratios):.2f}x\n", flush=True)


def first_token(sides, rounds):
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        run([sides.chosen.drover, "chat", sides.chosen.model, "--once", "Hi", "--max-tokens", 1])
        times.append(time.perf_counter() - begin)
    print(f"from start to the end after one token: median {statistics.median(times):.2f} s", flush=True)


def main():
    chosen = options()
    if not os.access(chosen.drover, os.X_OK):
        raise SystemExit(f"There is no {chosen.drover}. Build it: scripts/build release.")
    needs_llama = not {"peer", "single"} <= set(chosen.skip)
    if needs_llama and not os.access(pathlib.Path(chosen.llama) / "llama-batched-bench", os.X_OK):
        raise SystemExit(f"There is no llama-batched-bench in {chosen.llama}. Run scripts/setup --peers.")
    with tempfile.TemporaryDirectory() as scratch:
        sides = Sides(chosen, pathlib.Path(scratch))
        parts = {"peer": compare_with_llama, "sharing": compare_with_itself, "single": compare_single_stream, "latency": first_token}
        for name, part in parts.items():
            if name not in chosen.skip:
                part(sides, chosen.rounds)


if __name__ == "__main__":
    main()
