#!/usr/bin/env python3
"""Compares the speed of drover's tokenizer with Hugging Face tokenizers on the same 20 MB of text.

usage: tokenizer_compare.py [--data FOLDER] [--work FOLDER] [--throughput PROGRAM] [--model NAME|FILE ...] [--rounds N] [--megabytes N]

Both sides read one document a line and encode it with the same tokenizer.json, without special tokens: Hugging Face's
encode_batch_fast with one thread, drover with one and with two threads, one after the other, in rounds. A pass counts as the fastest
of three, as on both sides; the table shows medians over the rounds. The token counts must agree (exit status 1).
"""
import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import argparse  # noqa: E402
import json  # noqa: E402
import pathlib  # noqa: E402
import random  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import sysconfig  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts" / "peers"))
import reference_tokenizers  # noqa: E402
import tokenizer_strings  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    build = pathlib.Path(os.environ.get("DROVER_BUILD", ROOT / "build" / "release"))
    parser.add_argument("--data", default=os.environ.get("DROVER_DATA"), help="a folder of JSONL files (default: $DROVER_DATA, else Python's own sources)")
    parser.add_argument("--work", help="folder for the text and the tokenizers (default: a temporary one)")
    parser.add_argument("--throughput", default=str(build / "bench" / "tokenizer_throughput"), help="drover's measuring program")
    parser.add_argument("--model", nargs="+", default=["smollm2", "llama3"], help="smollm2, llama3 or paths of tokenizer.json files")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=float, default=20)
    return parser.parse_args()


def documents(data):
    """One text a document, in an order that mixes the files."""
    if data:
        found = tokenizer_strings.rows_of(data)
    else:
        found = [path.read_text(encoding="utf-8", errors="ignore") for path in sorted(pathlib.Path(sysconfig.get_path("stdlib")).rglob("*.py"))]
    found = [text for text in (" ".join(text.split("\n")).strip() for text in found) if text]
    random.Random(11).shuffle(found)
    return found


def write_text(path, texts, megabytes):
    """Writes documents, one a line, until there are enough bytes; begins again from the first when they run out."""
    left = int(megabytes * 1e6)
    with open(path, "wb") as out:
        while left > 0:
            for text in texts:
                line = text.encode() + b"\n"
                out.write(line)
                left -= len(line)
                if left <= 0:
                    break


def hugging_face(tokenizer, lines):
    """Seconds (the fastest of three passes) and tokens."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        encoded = tokenizer.encode_batch_fast(lines, add_special_tokens=False)
        best = min(best, time.perf_counter() - started)
    return best, sum(len(one) for one in encoded)


def drover(program, model, text, threads):
    done = subprocess.run([program, str(model), str(text), str(threads)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{program} failed: {done.stderr.strip()}")
    result = json.loads(done.stdout)
    return result["seconds"], result["tokens"]


def compare(program, name, model, text, rounds):
    """Prints the row of one tokenizer; returns whether the token counts agree."""
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json" if model.is_dir() else model))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    with open(text, encoding="utf-8", newline="\n") as source:
        lines = source.read().split("\n")
    megabytes = sum(len(line.encode()) for line in lines) / 1e6
    seconds = {"peer": [], 1: [], 2: []}
    counts = set()
    for _ in range(rounds):
        for who, measure in (("peer", lambda: hugging_face(tokenizer, lines)), (1, lambda: drover(program, model, text, 1)), (2, lambda: drover(program, model, text, 2))):
            took, tokens = measure()
            seconds[who].append(took)
            counts.add(tokens)
    speed = {who: megabytes / statistics.median(times) for who, times in seconds.items()}
    ratio = statistics.median(peer / own for peer, own in zip(seconds["peer"], seconds[1]))
    scaling = statistics.median(one / two for one, two in zip(seconds[1], seconds[2]))
    agree = "equal" if len(counts) == 1 else f"DIFFERENT {sorted(counts)}"
    print(f"| {name} | {megabytes:.1f} | {speed['peer']:.2f} | {speed[1]:.1f} | {speed[2]:.1f} | {ratio:.1f}x | {scaling:.2f}x | {agree} |", flush=True)
    return len(counts) == 1


def main():
    chosen = options()
    if not os.access(chosen.throughput, os.X_OK):
        raise SystemExit(f"There is no {chosen.throughput}. Build it: scripts/build release.")
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(chosen.work or scratch)
        work.mkdir(parents=True, exist_ok=True)
        text = work / "documents.txt"
        write_text(text, documents(chosen.data), chosen.megabytes)
        print(f"{chosen.rounds} rounds; MB/s are medians, ratios are medians of the rounds' ratios; {os.cpu_count()} processors")
        print("| tokenizer | MB | tokenizers, 1 thread, MB/s | drover, 1 thread | drover, 2 threads | drover against tokenizers | 2 threads against 1 | token counts |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
        agree = True
        for name in chosen.model:
            model = reference_tokenizers.json_folder(name, work) if name in ("smollm2", "llama3") else pathlib.Path(name)
            agree &= compare(chosen.throughput, name, model, text, chosen.rounds)
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
