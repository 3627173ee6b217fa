#!/usr/bin/env python3
"""Compares drover's checker of function calls with bfcl-eval's syntax-tree checker on the possible answers of a BFCL folder and on changed copies.

usage: compare_bfcl.py [DROVER_PROGRAM [BFCL_FOLDER]] [--calls N] [--seed S] [--show N]

BFCL_FOLDER holds CATEGORY.jsonl and possible_answer_CATEGORY.jsonl. For each question N replies are made: the possible answer with a choice
among its acceptable values, and changes of it (other type, other value, parameter dropped or added, other name, other order). Needs bfcl-eval;
exit status 77 without it.
"""
import argparse
import ast
import collections
import copy
import glob
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load_scorer():
    """bfcl_eval's checker without its model handlers, which need many packages."""
    config = types.ModuleType("bfcl_eval.constants.model_config")
    config.MODEL_CONFIG_MAPPING = {"x": types.SimpleNamespace(underscore_to_dot=False)}
    sys.modules["bfcl_eval.constants.model_config"] = config
    try:
        from bfcl_eval.constants.enums import Language
        from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker
    except ImportError as missing:
        print(f"Left out: {missing}. It needs bfcl-eval.")
        sys.exit(77)
    return ast_checker, Language


# The package's own reading of Python calls, which sits among its handlers: the same walk over the tree.
def read_python(text):
    def value(node):
        if isinstance(node, ast.Constant): return node.value
        if isinstance(node, ast.UnaryOp): return -node.operand.value
        if isinstance(node, ast.List): return [value(v) for v in node.elts]
        if isinstance(node, ast.Tuple): return tuple(value(v) for v in node.elts)
        if isinstance(node, ast.Dict): return {value(k): value(v) for k, v in zip(node.keys, node.values)}
        if isinstance(node, ast.Name): return node.id
        raise ValueError(type(node))

    def call(node):
        name, function = [], node.func
        while isinstance(function, ast.Attribute):
            name.append(function.attr)
            function = function.value
        name.append(function.id)
        return {".".join(reversed(name)): {keyword.arg: value(keyword.value) for keyword in node.keywords}}

    body = ast.parse(text.strip(), mode="eval").body
    return [call(body)] if isinstance(body, ast.Call) else [call(element) for element in body.elts]


def lines_of(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8")
    with opened as file:
        return [json.loads(line) for line in file if line.strip()]


def java_source(value, kind, rng):
    if isinstance(value, bool): return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value}" + {"float": rng.choice(["f", "F", ""]), "long": rng.choice(["L", "l", ""])}.get(kind, "")
    if isinstance(value, list):
        inner = ", ".join(json.dumps(v) for v in value)
        if kind == "Array": return rng.choice(["new String[]{%s}", "new int[] { %s }", "{%s}"]) % inner
        return rng.choice(["new ArrayList<>(Arrays.asList(%s))", "new ArrayList<String>(Arrays.asList(%s))", "new ArrayList<>() {{ " +
                           " ".join(f"add({json.dumps(v)});" for v in value).replace("%", "%%") + " }}", "Arrays.asList(%s)"]).replace("%s", inner)
    if isinstance(value, dict):
        puts = " ".join(f'put("{k}", {json.dumps(v[0] if isinstance(v, list) and v else v)});' for k, v in value.items())
        return rng.choice(["new HashMap<>() {{ %s }}", "new HashMap<String, Object>() {{ %s }}", "new HashMap<>() { { %s } }"]) % puts
    return value if isinstance(value, str) else "null"


def js_source(value, kind, rng):
    if isinstance(value, bool): return "true" if value else "false"
    if isinstance(value, int): return f"{value}" + ("n" if kind == "Bigint" else "")
    if isinstance(value, float): return f"{value}"
    if isinstance(value, list): return rng.choice(["[%s]", "new Array(%s)", "[ %s ]"]).replace("%s", ", ".join(json.dumps(v) for v in value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{rng.choice(['', chr(34)])}{k}: {json.dumps(v[0] if isinstance(v, list) and v else v)}".replace('"' + k + ":", '"' + k + '":')
                               for k, v in value.items()) + "}"
    if isinstance(value, str): return rng.choice([value, f'"{value}"', f"'{value}'"])
    return "null"


def settled(value, rng):
    """An acceptable value with its inner lists of choices settled."""
    if isinstance(value, dict):
        out = {}
        for key, choices in value.items():
            choice = rng.choice(choices) if isinstance(choices, list) and choices else choices
            if choice != "" or rng.random() < 0.2:
                out[key] = settled(choice, rng)
        return out
    if isinstance(value, list): return [settled(v, rng) for v in value]
    return value


def changed(value, rng):
    kind = rng.randrange(9)
    if kind == 0: return str(value)
    if kind == 1 and isinstance(value, (int, float)): return value + rng.choice([0, 1, 0.0, 0.5])
    if kind == 2 and isinstance(value, str): return rng.choice([value.upper(), value + ".", value.replace(" ", ""), value.replace("-", " "), value + "x", f"'{value}'"])
    if kind == 3 and isinstance(value, list): return rng.choice([value[::-1], value + value[:1], value[:-1], tuple(value), [str(v) for v in value]])
    if kind == 4: return [value]
    if kind == 5: return rng.choice([True, False, None, 0, 1, 1.0, "", "x", [], {}])
    if kind == 6 and isinstance(value, dict): return {k: changed(v, rng) for k, v in value.items()}
    if kind == 7 and isinstance(value, int): return float(value)
    if kind == 8 and isinstance(value, float): return int(value)
    return value


def made_calls(truth, language, functions, rng, change):
    calls = []
    for answer in truth:
        (name, parameters), = answer.items()
        described = next((f for f in functions if f["name"] == name), functions[0])
        types_of = {k: v.get("type") for k, v in described["parameters"].get("properties", {}).items()}
        arguments = {}
        for parameter, acceptable in parameters.items():
            choice = rng.choice(acceptable) if acceptable else ""
            if choice == "" and rng.random() < 0.9:
                continue
            value = settled(choice, rng)
            if change and rng.random() < 0.3:
                value = changed(value, rng)
            if language != "python":
                value = (java_source if language == "java" else js_source)(value, types_of.get(parameter), rng)
            arguments[parameter] = value
        if change and rng.random() < 0.1 and arguments: arguments.pop(rng.choice(list(arguments)))
        if change and rng.random() < 0.1: arguments["extra"] = 1 if language == "python" else "1"
        if change and rng.random() < 0.05: name = rng.choice([name + "s", name.split(".")[-1], name.replace(".", "_")])
        calls.append({name: arguments})
    if change and rng.random() < 0.3: rng.shuffle(calls)
    if change and rng.random() < 0.05: calls.append(copy.deepcopy(calls[0]))
    if change and rng.random() < 0.05: calls.pop()
    return calls


def as_python(calls):
    return "[" + ", ".join(f"{name}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})" for call in calls for name, arguments in call.items()) + "]"


def as_json(calls):
    return json.dumps([{"name": name, "arguments": arguments} for call in calls for name, arguments in call.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drover", nargs="?", default=os.environ.get("DROVER", str(ROOT / "build/release/src/drover")))
    parser.add_argument("folder", nargs="?", default=str(ROOT / "data/suites/bfcl"))
    parser.add_argument("--calls", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=3)
    options = parser.parse_args()
    ast_checker, Language = load_scorer()
    rng = random.Random(options.seed)

    cases = []
    for answers in sorted(glob.glob(options.folder + "/possible_answer_*.jsonl*")):
        category = os.path.basename(answers).removeprefix("possible_answer_").split(".")[0]
        if "multi_turn" in category:
            continue
        questions = [path for path in glob.glob(f"{options.folder}/{category}.jsonl*")]
        truths = {row["id"]: row["ground_truth"] for row in lines_of(answers)}
        language = "java" if category == "simple_java" else "javascript" if category == "simple_javascript" else "python"
        kind = "parallel" if "parallel" in category else "multiple" if "multiple" in category else "simple"
        for row in lines_of(questions[0]):
            truth = truths.get(row["id"])
            if truth is None:
                continue
            for i in range(options.calls):
                calls = made_calls(truth, language, row["function"], rng, change=i > 0)
                if language == "python":
                    reply = as_python(calls)
                else:
                    reply = as_json(calls)
                cases.append((category, kind, language, row["function"], truth, calls, reply))

    rows = "".join(json.dumps({"checker": "bfcl", "expected": json.dumps({"category": kind, "language": language, "functions": functions, "answer": truth}),
                               "reply": reply}) + "\n" for _, kind, language, functions, truth, _, reply in cases)
    out = subprocess.run([options.drover, "check", "-", "--json"], input=rows, capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(out.stderr)
    ours = [json.loads(line) for line in out.stdout.split("\n") if line]
    assert len(ours) == len(cases), (len(ours), len(cases))

    counts = collections.defaultdict(lambda: [0, 0, 0, 0])
    shown = collections.Counter()
    for (category, kind, language, functions, truth, calls, reply), mine in zip(cases, ours):
        count = counts[category]
        count[0] += 1
        try:
            read = read_python(reply) if language == "python" else calls
            verdict = ast_checker(functions, read, truth, Language[language.upper()], kind, "x")
            valid, reason = verdict["valid"], verdict.get("error")
        except Exception as error:  # the checker itself breaks on some values
            count[3] += 1
            valid, reason = False, f"the published checker stops: {error!r}"
        count[1] += valid
        if valid != (mine["outcome"] == "right"):
            count[2] += 1
            if shown[category] < options.show:
                shown[category] += 1
                print(f"{category}: published {valid} {reason}, drover {mine['outcome']}: {mine['reason']}\n  {reply[:300]}\n  {json.dumps(truth)[:400]}",
                      file=sys.stderr)
    print(f"{'category':30} {'replies':>8} {'right':>8} {'differ':>7} {'published stops':>16}")
    for name in sorted(counts):
        print(f"{name:30} {counts[name][0]:8} {counts[name][1]:8} {counts[name][2]:7} {counts[name][3]:16}")
    total = [sum(count[i] for count in counts.values()) for i in range(4)]
    print(f"{'all':30} {total[0]:8} {total[1]:8} {total[2]:7} {total[3]:16}")


if __name__ == "__main__":
    main()
