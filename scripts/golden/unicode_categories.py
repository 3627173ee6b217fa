#!/usr/bin/env python3
"""Writes src/text/unicode_categories.inc: the general category of every code point as Hugging Face tokenizers sees it.

usage: unicode_categories.py > src/text/unicode_categories.inc
Needs the Python package tokenizers (0.23.3 holds Unicode 16). Each run of code points of one category is one number:
first code point * 32 + category.
"""
from tokenizers import Regex, pre_tokenizers

CATEGORIES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cs".split()

category_of = [0] * 0x110000
for number, name in enumerate(CATEGORIES):
    if name in ("Cn", "Cs"):
        continue
    remove = pre_tokenizers.Split(Regex(rf"\p{{{name}}}"), "removed")
    for code_point in range(0x110000):
        if not 0xD800 <= code_point < 0xE000 and not category_of[code_point] and not remove.pre_tokenize_str(chr(code_point)):
            category_of[code_point] = number
for code_point in range(0xD800, 0xE000):
    category_of[code_point] = CATEGORIES.index("Cs")

runs, previous = [], None
for code_point, category in enumerate(category_of):
    if category != previous:
        runs.append(code_point * 32 + category)
        previous = category
print("// Made by scripts/golden/unicode_categories.py. First code point of a run * 32 + its GeneralCategory.")
line = ""
for run in runs:
    if len(line) + 12 > 120:
        print(line.rstrip())
        line = ""
    line += f"{run:#x}, "
print(line.rstrip())
