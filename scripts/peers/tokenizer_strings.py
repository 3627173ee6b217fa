"""Strings that tokenizers get wrong: real text in many languages, code, and what users and machines produce by accident."""
import gzip
import json
import pathlib
import random
import string
import unicodedata

MEBIBYTE = 1 << 20
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"]
SPACES = [" ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\n\n", " \n", "\n ", "\t\t", "\v", "\f", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u2003",
          "\u2007", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u180e"]
EMOJI = ["\U0001f600", "\U0001f680", "\u2764\ufe0f", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd",
         "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "\U0001f9d1\u200d\U0001f4bb", "1\ufe0f\u20e3", "\u00a9", "\U0001fae8", "\U0001f3f3\ufe0f\u200d\U0001f308"]
DIGITS = ["0123456789", "\u0660\u0661\u0669", "\u06f0\u06f5", "\u0966\u0967\u096f", "\u09e6\u09ef", "\u0e50\u0e59", "\uff10\uff19", "\U0001d7ce\U0001d7ff",
          "\u00b2\u00b3\u00b9", "\u00bd\u2153", "\u2160\u216b", "\u3007\u4e00\u4e8c", "\u2460\u2473", "\U00010107", "\U0001e950"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|python_tag|>", "<|start_header_id|>",
           "<|end_header_id|>", "<s>", "</s>", "<unk>", "<pad>", "<mask>", "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[INST]", "[/INST]", "<<SYS>>", "<0x0A>", "<0xff>",
           "\u2581", "\u2581\u2581", "##ing", "\u0120the", "<|reserved_special_token_0|>", "\uff5cbegin\u2581of\u2581sentence\uff5c", "<\uff5cfim\u2581hole\uff5c>", "<|EOT|>"]
CODE = ["for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; }", "def f(x):\n    return x ** 2  # square\n\n\n", "SELECT * FROM t WHERE a >= 10 AND b != 'x';",
        "std::vector<std::pair<int,float>> v{{1, 2.5f}};", "\tif err != nil {\n\t\treturn nil, fmt.Errorf(\"%w\", err)\n\t}\n", "<div class=\"a-b_c\">&nbsp;</div>",
        "x = {'a': [1,2,3], \"b\": None}", "0x7fff_ffff 1e-10 .5 10_000 3.14159f", "https://example.org/a?b=c&d=%20#e", "/* ** */ // -- => <- |> ?. ??= !== ===", "C:\\Users\\name\\file.txt",
        "$ git log --oneline | head -n 5", "\\frac{1}{2} \\sum_{i=0}^{n} x_i^2", "camelCaseWord snake_case_word SCREAMING_CASE kebab-case"]
# Where in Unicode random letters are drawn from.
SCRIPTS = [(0x20, 0x7e), (0xa0, 0x17f), (0x180, 0x24f), (0x250, 0x36f), (0x370, 0x3ff), (0x400, 0x52f), (0x531, 0x58f), (0x591, 0x5f4), (0x600, 0x6ff), (0x700, 0x7ff),
           (0x900, 0x97f), (0x980, 0xdff), (0xe00, 0xe7f), (0xe80, 0xfff), (0x1000, 0x109f), (0x10a0, 0x10ff), (0x1100, 0x11ff), (0x1200, 0x139f), (0x13a0, 0x167f),
           (0x1780, 0x17ff), (0x1e00, 0x1fff), (0x2000, 0x206f), (0x2070, 0x218f), (0x2190, 0x2bff), (0x2c00, 0x2dff), (0x3000, 0x30ff), (0x3100, 0x33ff), (0x4e00, 0x9fff),
           (0xa000, 0xa4cf), (0xa500, 0xabff), (0xac00, 0xd7a3), (0xe000, 0xe0ff), (0xf900, 0xfaff), (0xfb00, 0xfdff), (0xfe00, 0xfeff), (0xff00, 0xffef), (0x10000, 0x103ff),
           (0x10400, 0x10fff), (0x11000, 0x11fff), (0x12000, 0x123ff), (0x1d400, 0x1d7ff), (0x1e000, 0x1efff), (0x1f000, 0x1faff), (0x20000, 0x2a6df), (0x2f800, 0x2fa1f),
           (0x30000, 0x3134f), (0xe0000, 0xe01ef)]


def strings_in(value):
    """All texts inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings_in(item)


def is_text(value):
    """Whether UTF-8 can hold it (JSON can also spell halves of characters)."""
    return not any(0xD800 <= ord(c) < 0xE000 for c in value) if not value.isascii() else True


def rows_in_files(folder):
    """The texts of each row of each .jsonl and .jsonl.gz file of a folder: lists of rows, which are lists of texts."""
    for path in sorted(pathlib.Path(folder).rglob("*.jsonl*")):
        opened = gzip.open(path, "rt", encoding="utf-8", newline="\n") if path.suffix == ".gz" else open(path, encoding="utf-8", newline="\n")
        with opened as lines:
            yield [[t for t in strings_in(json.loads(line)) if t and is_text(t)] for line in lines if line.strip()]


def rows_of(folder):
    """The rows of all files, the texts of each joined to one."""
    return [" ".join(row) for rows in rows_in_files(folder) for row in rows]


def texts_of(folder, each_file=120, seed=7):
    """Single texts, about equally many from each file."""
    chance = random.Random(seed)
    texts = []
    for rows in rows_in_files(folder):
        found = [text for row in rows for text in row]
        texts += chance.sample(found, min(each_file, len(found)))
    return texts


def random_character(chance):
    if chance.random() < 0.15:
        while True:
            code = chance.randrange(0x110000)
            if not 0xD800 <= code < 0xE000:
                return chr(code)
    first, last = chance.choice(SCRIPTS)
    return chr(chance.randint(first, last))


def random_word(chance):
    first, last = chance.choice(SCRIPTS)
    return "".join(chr(chance.randint(first, last)) for _ in range(chance.randint(1, 8)))


def cased(chance, text):
    return "".join(c.upper() if chance.random() < 0.5 else c.lower() for c in text)


def random_part(chance, words):
    """One ingredient of a mixed string."""
    kind = chance.randrange(14)
    if kind < 3 and words:
        return chance.choice(words)
    if kind < 4:
        return "".join(chance.choice(string.ascii_letters) for _ in range(chance.randint(1, 12)))
    if kind == 4:
        return chance.choice(SPACES) * chance.randint(1, 3)
    if kind == 5:
        return chance.choice(EMOJI)
    if kind == 6:
        return "".join(chance.choice(chance.choice(DIGITS)) for _ in range(chance.randint(1, 9)))
    if kind == 7:
        return chance.choice(["I", "you", "DON", "\u00e9t\u00e9", "\u4f60", "x1"]) + chance.choice(["", "\u2019"]) + cased(chance, chance.choice(CONTRACTIONS))
    if kind == 8:
        return random_word(chance)
    if kind == 9:
        return unicodedata.normalize(chance.choice(["NFC", "NFD", "NFKC", "NFKD"]), random_word(chance))
    if kind == 10:
        return chance.choice("aeiou\u0e01\u0915\u05d0") + "".join(chr(chance.randint(0x300, 0x36f)) for _ in range(chance.randint(1, 5)))
    if kind == 11:
        return "".join(chance.choice(string.punctuation) for _ in range(chance.randint(1, 6)))
    if kind == 12:
        return chance.choice(SPECIAL)
    return chr(chance.randrange(0x20)) if chance.random() < 0.5 else random_character(chance)


def long_lines(chance, texts):
    """Strings of a mebibyte that make a quadratic tokenizer stand still."""
    running = " ".join(chance.sample(texts, min(len(texts), 3000))) if texts else " ".join(random_word(chance) for _ in range(200000))
    return ["a" * MEBIBYTE, " " * MEBIBYTE, "\n" * 10000 + " x", "\u4e2d\u6587" * (MEBIBYTE // 6), "7" * (MEBIBYTE // 4), "\U0001f600" * (MEBIBYTE // 8),
            running.encode()[:MEBIBYTE].decode(errors="ignore"), "ab" * (MEBIBYTE // 8) + "\u0301\u0316" * 20000,
            "".join(chance.choice(string.ascii_lowercase) for _ in range(MEBIBYTE)), "=-" * 50000, " a" * 100000]


def make_strings(texts, at_least, seed):
    """The strings of one comparison: the texts, the fixed cases, and mixtures until there are enough."""
    chance = random.Random(seed)
    strings = ["", *SPACES, *EMOJI, *DIGITS, *SPECIAL, *CODE]
    strings += [f"{a}{b}{c}" for a in ("a", " ", "1", "") for b in SPACES for c in ("b", " ", "2", "!", "")]
    strings += [f"{who}{mark}{tail}{after}" for who in ("I", "we", " it") for mark in ("", " ") for tail in CONTRACTIONS for after in ("", "x", " y")]
    strings += [cased(chance, s) for s in strings if "'" in s]
    strings += [chr(code) + "a" + chr(code) for code in range(0x80)]
    strings += long_lines(chance, texts)
    strings += texts
    strings += [t[chance.randrange(len(t)):][: chance.randint(1, 40)] for t in chance.sample(texts, min(len(texts), 2000))]
    words = [w for t in chance.sample(texts, min(len(texts), 2000)) for w in t.split(" ")[:40]]
    while len(strings) < at_least or not strings:
        strings.append("".join(random_part(chance, words) for _ in range(chance.randint(1, 12))))
    for _ in range(3000):  # on top, so that these exist however many texts there are
        strings.append("".join(random_part(chance, words) for _ in range(chance.randint(1, 12))))
        strings.append("".join(random_character(chance) for _ in range(chance.randint(1, 30))))
    return strings


def around_special(strings, special):
    """Some of the strings with special tokens put in front, behind and between."""
    chance = random.Random(len(special))
    short = [s for s in strings if len(s) < 500]
    mixed = list(special)
    for text in chance.sample(short, min(len(short), 2500)):
        pieces = [text]
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(pieces) + 1)
            pieces[at:at] = [chance.choice(special), chance.choice(["", " ", "  ", "\n", "x", chance.choice(short)])]
        mixed.append("".join(pieces))
    return mixed
