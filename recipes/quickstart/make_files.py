#!/usr/bin/env python3
"""Makes the prompt, demonstration and preference files of recipes/quickstart.toml and recipes/showcase.toml from public data sets.

    python3 recipes/quickstart/make_files.py DATA_FOLDER

DATA_FOLDER holds gsm8k/train.jsonl.gz (MIT), self_instruct/seed_tasks.jsonl (Apache-2.0), oasst_pairs/oasst_pairs.jsonl.gz (Apache-2.0),
glaive_toolcall/glaive_toolcall_en_demo.jsonl (Apache-2.0) and hh_rlhf/helpful-*.jsonl.gz (MIT). What a suite of this program asks
(data/suites) is left out. The files are kept beside this script: a stranger has them too.
"""
import gzip
import json
import pathlib
import random
import re
import sys

import xxhash  # pip install xxhash

FOLDER = pathlib.Path(__file__).parent
SUITES = FOLDER.parent.parent / "data" / "suites"
TEXT_KEYS = ("question", "Body", "prompt", "context", "instruction")


def rows(path):
    with (gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")) as file:
        return [json.loads(line) for line in file.read().split("\n") if line.strip()]


def write_rows(name, written):
    with open(FOLDER / name, "w", encoding="utf-8") as file:
        for row in written:
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{name}: {len(written)} rows")


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def words(text):
    return " ".join(re.findall(r"\w+", text.lower()))


def is_held_out(question):
    """The tenth of gsm8k's train split that the suite asks (evaluate::is_held_out)."""
    return (xxhash.xxh3_128_intdigest(question.encode()) & (2**64 - 1)) % 10 == 0


def held_out_questions():
    """All texts of the shipped suites, as words: a prompt must not hold one, nor stand in one."""
    texts = [row[key] for path in sorted(SUITES.glob("*/*.jsonl")) for row in rows(path) for key in TEXT_KEYS if key in row]
    return [words(text if isinstance(text, str) else json.dumps(text)) for text in texts]


def maths(data, held_out, rng):
    """Grade-school problems: prompts with the answer's number, and solutions written by people, the calculator's marks taken out."""
    problems = [row for row in rows(data / "gsm8k" / "train.jsonl.gz") if len(row["question"]) < 220 and not is_held_out(row["question"]) and not held_out(row["question"])]
    rng.shuffle(problems)
    prompts, shown = [], []
    for row in problems:
        solution, answer = row["answer"].split("####")
        steps = solution.count("<<")
        answer = answer.strip().replace(",", "")
        if len(prompts) < 240:
            prompts.append({"messages": [user(row["question"])], "checker": "numeric", "expected": answer,
                            "difficulty": round(min(1.0, steps / 6), 3), "tags": ["maths", "word problem"]})
        elif len(shown) < 240:
            text = re.sub(r"<<[^>]*>>", "", solution).strip()
            shown.append({"messages": [user(row["question"]), assistant(f"{text}\nThe answer is {answer}.")]})
    write_rows("maths.jsonl", prompts)
    return shown


def with_checked_types(value):
    """A function's description with the names of types that BFCL's rules have."""
    if isinstance(value, dict):
        return {key: {"number": "float", "object": "dict"}.get(inner, inner) if key == "type" and isinstance(inner, str) else with_checked_types(inner)
                for key, inner in value.items()}
    return [with_checked_types(inner) for inner in value] if isinstance(value, list) else value


def function_calls(data, held_out, rng):
    """First calls of dialogs: prompts with the call that is expected, and the same as demonstrations, on different dialogs."""
    prompts, shown, seen = [], [], set()
    dialogs = rows(data / "glaive_toolcall" / "glaive_toolcall_en_demo.jsonl")
    rng.shuffle(dialogs)
    for dialog in dialogs:
        turns = dialog["conversations"]
        at = next((i for i, turn in enumerate(turns) if turn["from"] == "function_call"), None)
        tools = json.loads(dialog["tools"] or "[]")
        if at is None or not tools or turns[at - 1]["from"] != "human":
            continue
        call = json.loads(turns[at]["value"])
        functions = [tool for tool in tools if tool["name"] == call["name"]]
        known = functions[0]["parameters"].get("properties", {}) if functions else {}
        context = [user(turn["value"]) if turn["from"] == "human" else assistant(turn["value"]) for turn in turns[:at]]
        key = words(" ".join(message["content"] for message in context))
        arguments = call.get("arguments", {})
        simple = isinstance(arguments, dict) and all(name in known and isinstance(value, (str, int, float, bool)) for name, value in arguments.items())
        if not functions or not simple or not arguments or key in seen or held_out(context[-1]["content"]):
            continue
        seen.add(key)
        offered = [{"type": "function", "function": tool} for tool in tools]
        expected = {"category": "simple", "functions": [with_checked_types(functions[0])], "answer": [{call["name"]: {name: [value] for name, value in arguments.items()}}]}
        asked = {"messages": context, "tools": offered}
        if len(shown) < 48:
            said = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": call["name"], "arguments": json.dumps(arguments)}}]}
            shown.append({"messages": context + [said], "tools": offered})
        else:
            prompts.append({**asked, "checker": "bfcl", "expected": json.dumps(expected), "difficulty": round(min(1.0, len(arguments) / 5), 3),
                            "tags": ["tools", "function call"]})
    write_rows("calls.jsonl", prompts)
    return shown


def instructions(data, held_out, rng):
    """Requests of people: half for generated constraints, half as they are."""
    texts = []
    for row in rows(data / "self_instruct" / "seed_tasks.jsonl"):
        given = row["instances"][0]["input"].strip()
        if not row["is_classification"] and len(given) < 160:
            texts.append(row["instruction"].strip() + ("\n\n" + given if given else ""))
    for row in rows(data / "oasst_pairs" / "oasst_pairs.jsonl.gz"):
        if len(row["prompt"]) < 160 and row["prompt"].isascii() and re.match(r"(Write|Explain|What|How|Give|Can|Tell|Describe|Suggest|List|Why|Name)\b", row["prompt"]):
            texts.append(row["prompt"].strip())
    texts = [text for text in dict.fromkeys(texts) if 20 < len(text) < 260 and not held_out(text)]
    rng.shuffle(texts)
    half = len(texts) // 2
    write_rows("requests.jsonl", [{"messages": [user(text)], "tags": ["instructions"]} for text in texts[:half][:200]])
    write_rows("chat.jsonl", [{"messages": [user(text)], "tags": ["chat"]} for text in texts[half:][:160]])


def preferences(data, held_out, rng):
    """What people prefer: dialogs up to the last human turn, and the two answers."""
    made = []
    for name in ("helpful-base", "helpful-rejection-sampled", "helpful-online"):
        for row in rows(data / "hh_rlhf" / f"{name}.jsonl.gz"):
            def messages(text):
                parts = re.split(r"\n\n(Human|Assistant): ", text)
                return [{"role": "user" if who == "Human" else "assistant", "content": said.strip()} for who, said in zip(parts[1::2], parts[2::2])]
            chosen, rejected = messages(row["chosen"]), messages(row["rejected"])
            if len(chosen) < 2 or chosen[:-1] != rejected[:-1] or chosen[-1] == rejected[-1] or not all(m["content"] for m in chosen + rejected):
                continue
            if chosen[-1]["role"] != "assistant" or sum(len(m["content"]) for m in chosen) + len(rejected[-1]["content"]) > 800 or held_out(chosen[-2]["content"]):
                continue
            made.append({"prompt": chosen[:-1], "chosen": [chosen[-1]], "rejected": [rejected[-1]]})
    rng.shuffle(made)
    write_rows("preferences.jsonl", made[:400])


def planted():
    """A dialog, the same in slightly other words, and a question of a suite: curation must keep one of the first two and drop the last."""
    leak = next(row["question"] for row in rows(SUITES / "gsm8k" / "train.jsonl") if is_held_out(row["question"]))
    write_rows("planted.jsonl", [
        {"messages": [user("What is the capital city of Australia?"), assistant("The capital city of Australia is Canberra.")]},
        {"messages": [user("What is the capital city of Australia ?"), assistant("The capital city of Australia is Canberra.")]},
        {"messages": [user(leak), assistant("I do not know.")]}])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    data = pathlib.Path(sys.argv[1])
    questions = [question for question in held_out_questions() if len(question) > 20]
    held_out = lambda text: any(words(text) == question or words(text) in question or question in words(text) for question in questions)
    rng = random.Random(20240726)
    shown = maths(data, held_out, rng)[:120] + function_calls(data, held_out, rng)
    rng.shuffle(shown)
    write_rows("shown.jsonl", shown)
    instructions(data, held_out, rng)
    preferences(data, held_out, rng)
    planted()


if __name__ == "__main__":
    main()
