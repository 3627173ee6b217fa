#!/usr/bin/env python3
"""Compares drover's 25 instruction types with the published scorer (lm-eval's copy) on varied replies, strictly and loosely.

usage: compare_ifeval.py [DROVER_PROGRAM [IFEVAL_JSONL [REPLIES_JSONL...]]] [--replies N] [--seed S] [--punkt FOLDER] [--show N]

IFEVAL_JSONL: the suite's rows (prompt, instruction_id_list, kwargs): arguments are drawn from it. REPLIES_JSONL: texts to start from, one
object a line, of which every text longer than 40 characters is taken. Needs lm-eval, nltk, langdetect, immutabledict; exit
status 77 when one is missing. Without NLTK's
punkt_tab data, --punkt names a folder that holds tokenizers/punkt_tab (some wheels carry it, llama-index-core for one).
"""
import argparse
import collections
import gzip
import importlib.util
import json
import os
import pathlib
import random
import subprocess
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load_scorer():
    """lm_eval/tasks/ifeval without the rest of lm_eval, which would import torch."""
    folder = importlib.util.find_spec("lm_eval").submodule_search_locations[0] + "/tasks/ifeval"
    for name in ("lm_eval", "lm_eval.tasks", "lm_eval.tasks.ifeval"):
        package = types.ModuleType(name)
        package.__path__ = [folder]
        sys.modules[name] = package
    modules = {}
    for name in ("instructions_util", "instructions", "instructions_registry", "utils"):
        full = f"lm_eval.tasks.ifeval.{name}"
        spec = importlib.util.spec_from_file_location(full, f"{folder}/{name}.py")
        modules[name] = importlib.util.module_from_spec(spec)
        sys.modules[full] = modules[name]
        setattr(sys.modules["lm_eval.tasks.ifeval"], name, modules[name])
        spec.loader.exec_module(modules[name])
    return modules


def texts_in(value):
    if isinstance(value, str):
        if len(value) > 40:
            yield value
    elif isinstance(value, list):
        for entry in value:
            yield from texts_in(entry)
    elif isinstance(value, dict):
        for entry in value.values():
            yield from texts_in(entry)


def varied(text, rng, pool):
    """A text changed so that some instruction comes close to being followed."""
    kinds = ["as is", "upper", "lower", "quoted", "bullets", "dashes", "json", "fence", "title", "sections", "postscript", "end", "dividers",
             "paragraphs", "bold", "placeholders", "two", "repeat", "keywords", "shout", "short", "no comma", "answer", "preamble", "dots"]
    for kind in rng.sample(kinds, rng.choice([1, 1, 2, 3])):
        lines = [line for line in text.split("\n") if line.strip()] or [text]
        n = rng.randint(1, 6)
        if kind == "upper": text = text.upper()
        elif kind == "lower": text = text.lower()
        elif kind == "quoted": text = '"' + text.strip() + '"'
        elif kind == "bullets": text = "\n".join(rng.choice(["* ", "*", "  * ", "** "]) + line for line in lines[:n])
        elif kind == "dashes": text = "\n\n".join("- " + line for line in lines[:n])
        elif kind == "json": text = json.dumps({"answer": text}) + rng.choice(["", "", ","])
        elif kind == "fence": text = rng.choice(["```json\n", "```", "```JSON\n"]) + text + rng.choice(["\n```", "", "```"])
        elif kind == "title": text = rng.choice(["<<A title>>\n", "<< >>\n", "<title>\n", "<<a\nb>>", "<<<x>>>"]) + text
        elif kind == "sections":
            word = rng.choice(["Section", "SECTION", "PARAGRAPH", "Day", "section"])
            text = "\n".join(f"{word} {i + 1}\n{line}" for i, line in enumerate(lines[:n]))
        elif kind == "postscript": text += "\n\n" + rng.choice(["P.S. ", "P.P.S. ", "p. s. ", "P.P.S ", "PS: "]) + "Bye."
        elif kind == "end":
            phrases = [k["end_phrase"] for i, k in pool if i == "startend:end_checker"]
            text += " " + rng.choice(phrases) + rng.choice(["", ".", '"', "\n"])
        elif kind == "dividers": text = rng.choice(["\n***\n", " *** ", "***", "\n\n***\n\n"]).join(lines[:n]) + rng.choice(["", "\n***", "\n*** ***"])
        elif kind == "paragraphs":
            words = [k["first_word"] for i, k in pool if i.endswith("first_word")]
            text = rng.choice(["\n\n", "\n\n", "\n\n\n"]).join(
                rng.choice(["", rng.choice(words).capitalize() + ", ", '"' + rng.choice(words) + " "]) + line for line in lines[:n])
        elif kind == "bold":
            words = text.split(" ")
            for _ in range(rng.randint(1, 12)):
                at = rng.randrange(len(words))
                words[at] = rng.choice(["*{}*", "**{}**", "***{}***", "*{}", "{}**"]).replace("{}", words[at])
            text = " ".join(words)
        elif kind == "placeholders": text += " ".join(rng.choice(["[name]", "[date", "[a][b]", "[]", "[x\ny]"]) for _ in range(n))
        elif kind == "two": text = text + rng.choice(["\n******\n", "******", "*******", "****** ******"]) + rng.choice([text, lines[0], ""])
        elif kind == "repeat":
            prompts = [k["prompt_to_repeat"] for i, k in pool if i.endswith("repeat_prompt")]
            text = rng.choice(["", "\n", "Sure. "]) + rng.choice(prompts) + "\n" + text
        elif kind == "keywords":
            words = [w for i, k in pool for w in k.get("keywords", []) + k.get("forbidden_words", []) + ([k["keyword"]] if "keyword" in k else [])]
            for _ in range(rng.randint(1, 12)):
                text += " " + rng.choice(["{}", "{}s", "un{}", "({})", "{},"]).replace("{}", rng.choice(words))
        elif kind == "shout":
            words = text.split(" ")
            for _ in range(rng.randint(1, 20)):
                at = rng.randrange(len(words))
                words[at] = words[at].upper()
            text = " ".join(words)
        elif kind == "short": text = text[: rng.randint(0, 80)]
        elif kind == "no comma": text = text.replace(",", "")
        elif kind == "answer": text = rng.choice(["My answer is yes.", "My answer is no", "my answer is maybe.", "My answer is maybe. " + text])
        elif kind == "preamble": text = "Sure, here it is:\n\n" + text + "\n\nI hope this helps!"
        elif kind == "dots": text = text.replace(". ", rng.choice(["... ", ".\n", "?! ", '." ', ". (", " etc. "]), n)
    return text


def fitted(text, instruction, kwargs, rng):
    """A text that comes near to following one instruction."""
    near = lambda number: max(0, number + rng.choice([-1, 0, 0, 1]))
    name = instruction.split(":")[1]
    lines = [line for line in text.split("\n") if line.strip()] or [text]
    if name == "existence": return text + " " + " ".join(rng.choice([w, w.upper(), w + "s"]) for w in kwargs["keywords"][: rng.choice([1, 9, 9])])
    if name == "frequency": return text + f" {kwargs['keyword']}," * near(kwargs["frequency"])
    if name == "letter_frequency": return text[:20] + " " + kwargs["letter"] * near(kwargs["let_frequency"])
    if name == "number_words": return " ".join((text.split() * 600)[: near(kwargs["num_words"])])
    if name == "number_sentences":
        sentences = [s.strip() for s in text.replace("\n", " ").split(".") if s.strip()] * 60
        return ". ".join(sentences[: near(kwargs["num_sentences"])]) + "."
    if name == "number_paragraphs": return "\n***\n".join((lines * 20)[: near(kwargs["num_paragraphs"])])
    if name == "nth_paragraph_first_word":
        parts = (lines * 20)[: near(kwargs["num_paragraphs"])] or [text]
        at = min(len(parts) - 1, kwargs["nth_paragraph"] - 1)
        parts[at] = rng.choice(["", '"', "'", "("]) + kwargs["first_word"].capitalize() + rng.choice([" ", ", ", "'s ", ": "]) + parts[at]
        return rng.choice(["\n\n", "\n\n", "\n\n\n\n"]).join(parts)
    if name == "number_placeholders": return text + " ".join(f"[part {i}]" for i in range(near(kwargs["num_placeholders"])))
    if name == "postscript": return text + "\n" + rng.choice([kwargs["postscript_marker"], kwargs["postscript_marker"].lower(), "P. S.", "P.P. S"]) + " Bye."
    if name == "number_bullet_lists": return "Here:\n" + "\n".join(rng.choice(["* ", "- "]) + line for line in (lines * 9)[: near(kwargs["num_bullets"])])
    if name == "number_highlighted_sections": return " ".join(rng.choice(["*{}*", "**{}**"]).replace("{}", w) for w in text.split()[: near(kwargs["num_highlights"])])
    if name == "multiple_sections":
        return "\n".join(f"{rng.choice([kwargs['section_spliter']] * 3 + ['Part'])} {i + 1}\n{line}" for i, line in enumerate((lines * 9)[: near(kwargs["num_sections"])]))
    if name == "constrained_response": return "My answer is " + rng.choice(["yes.", "no.", "maybe.", "yes"])
    if name == "json_format": return rng.choice(["", "```json\n", "```\n"]) + json.dumps({"text": text}, ensure_ascii=rng.random() < 0.5) + rng.choice(["", "\n```", "\n"])
    if name == "title": return f"<<{text[:20]}>>\n" + text
    if name == "two_responses": return text + rng.choice(["******", "\n******\n"]) + rng.choice([text, lines[0] + "!"])
    if name == "repeat_prompt": return rng.choice([kwargs["prompt_to_repeat"], kwargs["prompt_to_repeat"].upper(), '"' + kwargs["prompt_to_repeat"]]) + "\n" + text
    if name == "end_checker": return text + " " + kwargs["end_phrase"] + rng.choice(["", "\n", '"', "."])
    if name == "quotation": return '"' + text + rng.choice(['"', '" ', ""])
    if name == "capital_word_frequency":
        words = text.lower().split()
        return " ".join([w.upper() for w in words[: near(kwargs["capital_frequency"])]] + words[near(kwargs["capital_frequency"]):])
    if name == "english_capital": return text.upper()
    if name == "english_lowercase": return text.lower()
    if name == "no_comma": return text.replace(",", rng.choice(["", "", ";"]))
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drover", nargs="?", default=os.environ.get("DROVER", str(ROOT / "build/release/src/drover")))
    parser.add_argument("ifeval", nargs="?", default=str(ROOT / "data/suites/ifeval/input_data.jsonl"))
    parser.add_argument("replies", nargs="*", default=[str(ROOT / "recipes/quickstart/shown.jsonl")])
    parser.add_argument("--replies", dest="num_replies", type=int, default=600)
    parser.add_argument("--instructions", type=int, default=40, help="drawn for each reply")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--punkt")
    parser.add_argument("--show", type=int, default=2)
    options = parser.parse_args()

    missing = [name for name in ("lm_eval", "nltk", "langdetect", "immutabledict") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"Left out: {', '.join(missing)} not installed.")
        sys.exit(77)
    import langdetect
    import nltk

    langdetect.DetectorFactory.seed = 0
    if options.punkt:
        nltk.data.path.insert(0, options.punkt)
    scorer = load_scorer()
    punkt = nltk.tokenize.PunktTokenizer("english")
    scorer["instructions_util"]._get_sentence_tokenizer = lambda: punkt

    rng = random.Random(options.seed)
    pool = []
    for line in open(options.ifeval, encoding="utf-8"):
        row = json.loads(line)
        pool += [(i, {k: v for k, v in kwargs.items() if v is not None}) for i, kwargs in zip(row["instruction_id_list"], row["kwargs"])]
    by_type = collections.defaultdict(list)
    for entry in pool:
        by_type[entry[0]].append(entry)
    texts = []
    for path in options.replies:
        opened = gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8")
        with opened as file:
            for line in file:
                texts += texts_in(json.loads(line))
    replies = [varied(rng.choice(texts)[:4000], rng, pool) for _ in range(options.num_replies)] + ["", " \n", "***", "12 34"]

    cases = []
    for reply in replies:
        for i in range(options.instructions):
            instruction = rng.choice(by_type[rng.choice(list(by_type))])
            near = i % 2 == 1 and reply.strip()
            cases.append((instruction, fitted(rng.choice(texts)[:3000], *instruction, rng) if near else reply))
    rows = "".join(json.dumps({"checker": "ifeval", "expected": json.dumps({"instruction_id_list": [i], "kwargs": [k]}), "reply": r}) + "\n"
                   for (i, k), r in cases)
    out = subprocess.run([options.drover, "check", "-", "--json"], input=rows, capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(out.stderr)
    ours = [json.loads(line) for line in out.stdout.split("\n") if line]
    assert len(ours) == len(cases)

    utils = scorer["utils"]
    counts = collections.defaultdict(lambda: [0, 0, 0, 0, 0])
    shown = collections.Counter()
    for ((instruction, kwargs), reply), mine in zip(cases, ours):
        row = utils.InputExample(key=0, instruction_id_list=[instruction], prompt="", kwargs=[kwargs])
        strict = utils.test_instruction_following_strict(row, reply).follow_all_instructions
        loose = utils.test_instruction_following_loose(row, reply).follow_all_instructions
        my_strict = mine["outcome"] == "right"
        my_loose = mine["answer"].endswith("loosely 1")
        count = counts[instruction]
        count[0] += 1
        count[1] += strict
        count[2] += loose
        count[3] += strict != my_strict
        count[4] += loose != my_loose
        if strict != my_strict and shown[instruction] < options.show:
            shown[instruction] += 1
            print(f"{instruction} {kwargs}: published {strict}, drover {my_strict}\n    {reply[:400]!r}", file=sys.stderr)
    print(f"{'type':45} {'cases':>6} {'strict':>7} {'loose':>6} {'differ':>7} {'differ (loose)':>15}")
    for name in sorted(counts):
        print(f"{name:45} {counts[name][0]:6} {counts[name][1]:7} {counts[name][2]:6} {counts[name][3]:7} {counts[name][4]:15}")
    total = [sum(count[i] for count in counts.values()) for i in range(5)]
    print(f"{'all':45} {total[0]:6} {total[1]:7} {total[2]:6} {total[3]:7} {total[4]:15}")


if __name__ == "__main__":
    main()
