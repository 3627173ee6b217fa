#!/usr/bin/env python3
"""Compares how many dialogs a second drover's sentence encoder and sentence-transformers embed.

usage: encoder_compare.py [--data FOLDER] [--model FOLDER] [--throughput PROGRAM] [--rounds N] [--texts N] [--threads N] [--batch N ...]

Both sides embed the same texts with the same model, threads and window (longer texts are cut), one after the other in rounds:
sentence-transformers in float32, its default, with each batch size, of which the best counts; drover in float32 and in bfloat16, which
`drover curate` and rounds take. The table shows medians over the rounds; vectors must agree (exit
status 1).
"""
import argparse
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
sys.path.insert(0, str(ROOT / "scripts" / "peers"))


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    build = pathlib.Path(os.environ.get("DROVER_BUILD", ROOT / "build" / "release"))
    home = pathlib.Path(os.environ.get("DROVER_HOME", pathlib.Path.home() / ".local/share/drover"))
    parser.add_argument("--data", default=os.environ.get("DROVER_DATA"), help="a folder of JSONL files (default: $DROVER_DATA, else Python's own docstrings)")
    parser.add_argument("--model", default=str(home / "models" / "all-minilm-l6-v2"), help="a sentence-transformers folder")
    parser.add_argument("--throughput", default=str(build / "bench" / "encoder_throughput"), help="drover's measuring program")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=250)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 32, 128])
    return parser.parse_args()


def texts_of(data, count):
    """Texts of mixed length, the same each time."""
    if data:
        import tokenizer_strings

        found = [text for text in tokenizer_strings.rows_of(data) if text.strip()]
    else:
        import sysconfig

        sources = sorted(pathlib.Path(sysconfig.get_path("stdlib")).rglob("*.py"))
        found = [part.strip() for path in sources for part in path.read_text(encoding="utf-8", errors="ignore").split('"""')[1::2] if part.strip()]
    random.Random(7).shuffle(found)
    return [text[:8000] for text in found[:count]]


def main():
    chosen = options()
    if not os.access(chosen.throughput, os.X_OK):
        raise SystemExit(f"There is no {chosen.throughput}. Build it: scripts/build release.")
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    import numpy
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(chosen.threads)
    peer = SentenceTransformer(chosen.model, device="cpu")
    texts = texts_of(chosen.data, chosen.texts)
    peer_times = {batch: [] for batch in chosen.batch}
    own = {"f32": [], "bf16": []}
    whole_times, vectors = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(scratch)
        (work / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
        peer.encode(texts[:64])
        for _ in range(chosen.rounds):
            for batch in chosen.batch:
                started = time.perf_counter()
                expected = peer.encode(texts, batch_size=batch, convert_to_numpy=True, show_progress_bar=False)
                peer_times[batch].append(time.perf_counter() - started)
            for dtype, times in own.items():
                done = subprocess.run([chosen.throughput, chosen.model, str(work / "texts.jsonl"), str(chosen.threads), str(work / dtype), dtype], capture_output=True, text=True)
                if done.returncode != 0:
                    raise SystemExit(f"{chosen.throughput} failed: {done.stderr.strip()}")
                result = json.loads(done.stdout)
                times.append(result["seconds"])
                vectors[dtype] = numpy.fromfile(work / dtype, dtype=numpy.float32).reshape(len(texts), -1)
            whole_times.append(result["whole_seconds"])
    medians = {batch: statistics.median(times) for batch, times in peer_times.items()}
    best = min(medians, key=medians.get)
    ratio = {dtype: statistics.median(theirs / ours for theirs, ours in zip(peer_times[best], times)) for dtype, times in own.items()}
    rate = {dtype: len(texts) / statistics.median(times) for dtype, times in own.items()}
    difference = float(numpy.abs(vectors["f32"] - expected).max())
    cosine = float((vectors["bf16"] * expected).sum(1).min())
    agree = difference < 1e-4 and cosine > 0.999
    print(f"{len(texts)} texts, {chosen.threads} threads, {chosen.rounds} rounds; dialogs/s are medians")
    print("| sentence-transformers, best batch | dialogs/s | drover f32 | ratio | largest difference | drover bf16 | ratio | least cosine | whole dialogs in windows |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    print(
        f"| {best} | {len(texts) / medians[best]:.1f} | {rate['f32']:.1f} | {ratio['f32']:.2f}x | {difference:.1e} | {rate['bf16']:.1f} | {ratio['bf16']:.2f}x | "
        f"{cosine:.5f} | {len(texts) / statistics.median(whole_times):.1f}{'' if agree else ' DIFFERENT'} |"
    )
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
