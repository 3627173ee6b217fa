#!/usr/bin/env python3
"""Makes the files of recipes/tiny.toml: a byte-level tokenizer, planted pre-training text, prompts and a held-out suite.

The task is to add and to subtract small numbers. The pre-training text answers every question ten times: three times with care ("=7",
right) and seven times without (a bare number: five times one too high, twice any number). A model trained on it can do the sums, but
mostly does not: as a pre-trained model it knows more than it says. Prompts and suite share no question.

    python3 recipes/tiny/make_files.py
"""
import json
import pathlib
import random

FOLDER = pathlib.Path(__file__).parent
ANSWERS = "CCCOOOOOWW"  # with care, one too high, any number: ten answers a question
LARGEST = 7


def byte_letters():
    """GPT-2's letters for the 256 bytes."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters, extra = {}, 0
    for byte in range(256):
        letters[byte] = chr(byte) if byte in plain else chr(256 + extra)
        extra += byte not in plain
    return letters


def tokenizer():
    """Bytes, and the role names of ChatML as one token each."""
    vocabulary = {"<|endoftext|>": 0, "<|im_start|>": 1, "<|im_end|>": 2}
    for letter in byte_letters().values():
        vocabulary[letter] = len(vocabulary)
    merges = []
    for word in ("user", "assistant", "system"):
        done = word[0]
        for letter in word[1:]:
            if done + letter not in vocabulary:
                vocabulary[done + letter] = len(vocabulary)
                merges.append([done, letter])
            done += letter
    special = [{"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
               for text, i in list(vocabulary.items())[:3]]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, byte_level]}, "post_processor": None, "decoder": byte_level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocabulary, "merges": merges}}


def questions(rng):
    sums = [(f"{a}+{b}", a + b, "sum") for a in range(LARGEST + 1) for b in range(LARGEST + 1)]
    differences = [(f"{a}-{b}", a - b, "difference") for a in range(LARGEST + 1) for b in range(a + 1)]
    every = sums + differences
    rng.shuffle(every)
    return every


def planted_answer(kind, value, rng):
    return {"C": f"={value}", "O": str(value + 1), "W": str(rng.randrange(2 * LARGEST + 1))}[kind]


def write_rows(name, rows):
    with open(FOLDER / name, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


def main():
    rng = random.Random(20240726)
    every = questions(rng)
    prompts, suite = every[:40], every[40:]
    ask = lambda question: {"role": "user", "content": question}
    checked = lambda row: {"messages": [ask(row[0])], "checker": "numeric", "expected": str(row[1]), "tags": [row[2]]}
    text = [{"messages": [ask(question), {"role": "assistant", "content": planted_answer(kind, value, rng)}]}
            for question, value, _ in every for kind in ANSWERS]
    rng.shuffle(text)
    write_rows("text.jsonl", text)
    write_rows("prompts.jsonl", map(checked, prompts))
    write_rows("suite.jsonl", map(checked, suite))
    (FOLDER / "tokenizer.json").write_text(json.dumps(tokenizer(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
