#!/usr/bin/env python3
"""Writes the code points that are shown as emojis by themselves (Emoji_Presentation) as ranges.

usage: emoji_ranges.py > src/curate/emoji_ranges.inc
Needs the Python package regex, whose version of Unicode it takes.
"""
import regex

SHOWN = regex.compile(r"\p{Emoji_Presentation}")


def main():
    ranges = []
    for code_point in range(0x110000):
        if 0xD800 <= code_point <= 0xDFFF or not SHOWN.match(chr(code_point)):
            continue
        if ranges and ranges[-1][1] + 1 == code_point:
            ranges[-1][1] = code_point
        else:
            ranges.append([code_point, code_point])
    print("// Made by scripts/golden/emoji_ranges.py: code points with the property Emoji_Presentation, first and last of each range.")
    for first, last in ranges:
        print(f"{{0x{first:X}, 0x{last:X}}},")


if __name__ == "__main__":
    main()
