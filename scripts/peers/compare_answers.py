#!/usr/bin/env python3
"""Compares drover's reading of short answers with published scorers on made replies: numbers with lm-eval's two filters for GSM8K, exact answers
with its filter for TriviaQA, and SQuAD's normalisation.

usage: compare_answers.py [DROVER_PROGRAM [GSM8K_JSONL [TRIVIAQA_JSONL]]] [--rows N] [--seed S] [--show N]

The filters are those of lm-eval's gsm8k.yaml ("strict-match", "flexible-extract", and the texts that exact_match ignores) and
triviaqa.yaml; SQuAD's normalisation is that of its evaluation script. They are written down here, as the package keeps them as configuration.
"""
import argparse
import collections
import gzip
import json
import os
import pathlib
import random
import re
import string
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
IGNORED = [",", r"\$", r"(?s).*#### ", r"\.$"]


def lines_of(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8")
    with opened as file:
        return [json.loads(line) for line in file if line.strip()]


def exact_match(given, wanted, ignored):
    for pattern in ignored:
        given, wanted = re.sub(pattern, "", given), re.sub(pattern, "", wanted)
    return given.lower() == wanted.lower()


def strict(reply):
    found = re.findall(r"#### (\-?[0-9\.\,]+)", reply)
    return found[0].strip() if found else "[invalid]"


def flexible(reply):
    found = re.findall(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", reply)
    return [part for part in found[-1] if part][0].strip() if found else "[invalid]"


def squad_normal(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def number_reply(answer, rng):
    number = answer.split("#### ")[1]
    value = float(number.replace(",", ""))
    shown = rng.choice([number, number.replace(",", ""), f"{value:,.0f}", f"{value:.2f}", f"${number}", f"{value + 1:.0f}"])
    return rng.choice([answer, f"So the answer is {shown}.", f"#### {shown}", f"He pays {shown} dollars.", f"The answer is {shown} apples for 3 children.",
                       f"{answer.split('####')[0]}The final answer is \\boxed{{{shown}}}", f"**{shown}**", f"Answer: {shown}", f"1 + 2 = {shown}", "I do not know."])


def short_reply(answer, rng):
    return rng.choice([answer, answer.upper(), "The " + answer, answer + ".", f"It is {answer}.", answer.replace("-", " "), answer[:-1], f"\"{answer}\"", "a " + answer, ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drover", nargs="?", default=os.environ.get("DROVER", str(ROOT / "build/release/src/drover")))
    parser.add_argument("gsm8k", nargs="?", default=str(ROOT / "data/suites/gsm8k/train.jsonl"))
    parser.add_argument("triviaqa", nargs="?", default=str(ROOT / "data/suites/triviaqa/triviaqa_sm_sub.jsonl"))
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=3)
    options = parser.parse_args()
    rng = random.Random(options.seed)

    cases = []  # checker, expected, reply, {scorer: verdict}
    for row in rng.choices(lines_of(options.gsm8k), k=options.rows):
        reply = number_reply(row["answer"], rng)
        wanted = row["answer"]
        cases.append(("numeric", wanted, reply, {"gsm8k strict": exact_match(strict(reply), wanted, IGNORED), "gsm8k flexible": exact_match(flexible(reply), wanted, IGNORED)}))
    plain = str.maketrans("", "", string.punctuation)
    for row in rng.choices(lines_of(options.triviaqa), k=options.rows):
        names = [row["answer"]] + row["aliases"]
        if not any(squad_normal(name) for name in names): continue
        reply = short_reply(rng.choice(names), rng)
        verdicts = {"squad exact": bool(squad_normal(reply)) and any(squad_normal(reply) == squad_normal(name) for name in names),
                    "triviaqa": any(reply.lower().translate(plain) == name.lower().translate(plain) for name in names)}
        cases.append(("exact", "\n".join(name.replace("\n", " ") for name in names if squad_normal(name)), reply, verdicts))
    rows = "".join(json.dumps({"checker": c, "expected": e, "reply": r}) + "\n" for c, e, r, _ in cases)
    out = subprocess.run([options.drover, "check", "-", "--json"], input=rows, capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(out.stderr)
    ours = [json.loads(line) for line in out.stdout.split("\n") if line]
    counts, shown = collections.defaultdict(lambda: [0, 0, 0, 0]), collections.Counter()
    for (_, expected, reply, verdicts), mine in zip(cases, ours):
        for scorer, right in verdicts.items():
            my = mine["outcome"] == "right"
            counts[scorer][0] += 1
            counts[scorer][1] += right
            counts[scorer][2] += my and not right
            counts[scorer][3] += right and not my
            if my != right and shown[scorer] < options.show:
                shown[scorer] += 1
                print(f"{scorer}: published {right}, drover {my} ({mine['reason'][:80]})\n    {reply[-120:]!r} for {expected[-40:]!r}", file=sys.stderr)
    print(f"{'scorer':16} {'replies':>8} {'right':>7} {'only drover':>12} {'only published':>15}")
    for name, count in counts.items():
        print(f"{name:16} {count[0]:8} {count[1]:7} {count[2]:12} {count[3]:15}")


if __name__ == "__main__":
    main()
