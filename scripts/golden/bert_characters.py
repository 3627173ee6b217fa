#!/usr/bin/env python3
"""Writes src/text/bert_characters.inc: what BERT's normalizer and pre-tokenizer in Hugging Face tokenizers make of each code point.

usage: bert_characters.py > src/text/bert_characters.inc
Needs the Python package tokenizers. Its tables for BERT are of an older Unicode than its regular expressions, so they are read out
of the library itself, code point by code point.
"""
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
ONE_TO_TWO = 0x130  # the only character whose lower case is two characters; the code knows it


def normalizer(**chosen):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return BertNormalizer(**{**options, **chosen})


def runs(code_points):
    """Neighbouring code points as [first, last]."""
    found = []
    for c in code_points:
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def strides(lower):
    """Runs (first, last, step, distance to the lower case) of a map from code point to lower case."""
    found = []
    for c, low in sorted(lower.items()):
        last = found[-1] if found else None
        if last and last[3] == low - c and c - last[1] in (1, 2) and last[2] in (0, c - last[1]):
            last[1], last[2] = c, c - last[1]
        else:
            found.append([c, c, 0, low - c])
    return [[first, last, step or 1, distance] for first, last, step, distance in found]


def print_rows(name, rows):
    print(f"constexpr {'LowerRun' if len(rows[0]) == 4 else 'Run'} {name}[] = {{")
    line = ""
    for row in rows:
        text = "{" + ", ".join(hex(v) if i < 2 else str(v) for i, v in enumerate(row)) + "}, "
        if len(line) + len(text) > 118:
            print("    " + line.rstrip())
            line = ""
        line += text
    print("    " + line.rstrip())
    print("};")


pre_tokenizer = BertPreTokenizer()
clean, strip, lowercase = normalizer(clean_text=True), normalizer(strip_accents=True), normalizer(lowercase=True)
punctuation = [c for c in CODE_POINTS if [p for p, _ in pre_tokenizer.pre_tokenize_str("a" + chr(c) + "b")] == ["a", chr(c), "b"]]
removed = [c for c in CODE_POINTS if clean.normalize_str("a" + chr(c) + "b") == "ab"]
# A mark is removed by itself; a character that decomposes into others is none.
marks = [c for c in CODE_POINTS if strip.normalize_str("a" + chr(c) + "b") == "ab"]
lower = {c: ord(lowercase.normalize_str(chr(c))) for c in CODE_POINTS if c != ONE_TO_TWO and lowercase.normalize_str(chr(c)) != chr(c)}

print("// Made by scripts/golden/bert_characters.py.")
print_rows("kPunctuation", runs(punctuation))
print_rows("kRemoved", runs(removed))
print_rows("kMarks", runs(marks))
print_rows("kLower", strides(lower))
