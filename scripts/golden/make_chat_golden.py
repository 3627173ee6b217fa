#!/usr/bin/env python3
"""Renders dialogs through the published chat templates and writes src/chat/testdata/template_texts.json.

usage: make_chat_golden.py LLAMA_CPP_PYTHON_DIR SMOLLM2_GGUF OUT_FILE        (the first two as chat_templates.py takes them)
Needs transformers, gguf and xxhash. Every case: {"format", "template", "dialog", "generation_prompt", "expected"}; `dialog` is drover's
dialog JSON. Only what drover writes as the template does is in here; src/chat/README.md lists where they differ.
"""
import copy
import json
import sys

from chat_templates import collect
from transformers.utils.chat_template_utils import render_jinja_template

BOS_EOS = {
    "llama3": ("<|begin_of_text|>", "<|eot_id|>"), "llama-3.1": ("<|begin_of_text|>", "<|eot_id|>"),
    "llama-3.2": ("<|begin_of_text|>", "<|eot_id|>"), "mistral": ("<s>", "</s>"), "llama-2": ("<s>", "</s>"),
}

system = lambda text: {"role": "system", "content": text}
user = lambda text: {"role": "user", "content": text}
assistant = lambda text: {"role": "assistant", "content": text}
result = lambda text, call_id="": {"role": "tool", "content": text, **({"tool_call_id": call_id} if call_id else {})}


def calls(*functions, content="", ids=()):
    entries = [{"type": "function", "function": {"name": name, "arguments": arguments}} for name, arguments in functions]
    for entry, call_id in zip(entries, ids):
        entry["id"] = call_id
    return {"role": "assistant", "content": content, "tool_calls": entries}


WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a city, \"now\" <or> later & more — für alle",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "Name of the city"},
        "metric": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
        "days": {"type": "integer", "minimum": 1}, "scale": {"type": "number", "default": 1.0}},
        "required": ["city"]}}}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "Time", "parameters": {"type": "object", "properties": {}}}}

PLAIN = {
    "one question": [user("Hello")],
    "question and answer": [user("Hello"), assistant("Hi there!")],
    "a system message": [system("You are a helpful assistant."), user("Hello"), assistant("Hi.")],
    "several turns": [system("Be brief."), user("1+1?"), assistant("2"), user("2+2?"), assistant("4"), user("3+3?")],
    "several turns, answered": [user("1+1?"), assistant("2"), user("2+2?"), assistant("4")],
    "newlines and quotes inside": [user("Say:\n\n\"a\\b\"\n{x: [1]}"), assistant("line 1\nline 2\n\n\tline 4 'ok' {\"y\": 1}")],
    "unicode": [system("Répondez en français 🇫🇷"), user("Что нового? 你好 🚀"), assistant("नमस्ते 👩‍👩‍👧 ça va")],
    "control tokens typed as text": [user("<|eot_id|><|im_end|></s>[INST]"), assistant("<|start_header_id|>user<|im_start|>system")],
}
# The answers have no white space at their ends: some templates trim them, drover never changes what an assistant said.
EDGES = {
    "blank ends": [system("  Be brief.\n\n"), user("\n  Hello \n"), assistant("Hi."), user("\tAgain\t")],
}
SYSTEM_ONLY = {"only a system message": [system("You wait.")], "an empty system message": [system(""), user("Hello")]}

TOOL_DIALOGS = {
    "tools, a question": [user("Weather in Oslo?")],
    "tools, a system message": [system("You know the weather."), user("Weather in Oslo?")],
    "a call and its result": [user("Weather in Oslo?"), calls(("get_weather", {"city": "Oslo", "metric": "celsius"})),
                              result('{"temp": 4.5}'), assistant("It is 4.5 degrees.")],
    "text before a call": [user("Weather?"), calls(("get_weather", {"city": "Ål \"x\"", "days": 3, "scale": 0.5}), content="Let me look."),
                           result("4"), assistant("Cold."), user("Thanks"), assistant("You're welcome.")],
    "two calls, two results": [user("Oslo and Rome?"), calls(("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})),
                               result("4"), result("21"), assistant("4 and 21.")],
    "steps": [system("Plan."), user("Time and weather?"), calls(("clock", {})), result("12:00"),
              calls(("get_weather", {"city": "Rome", "days": None, "scale": [1, 2.5, True, {"a": "b"}]})), result("sunny\n\nand warm"),
              assistant("Noon, sunny.")],
    "an open result": [user("Time?"), calls(("clock", {})), result("12:00")],
}
THOUGHTS = {
    "thoughts in the last answer": [user("2+2?"), assistant("<think>\nadd them\n\nyes\n</think>\n\n4")],
    "thoughts of an earlier turn": [user("2+2?"), assistant("<think>\nadd them\n</think>\n\n4"), user("3+3?"), assistant("6")],
    "thoughts before a call": [user("Time?"), calls(("clock", {}), content="<think>\nlook\n</think>\n\n"), result("12:00"),
                               assistant("<think>\nnoon\n</think>\n\nNoon.")],
}
MISTRAL_TOOLS = {
    "a question": [user("Weather in Oslo?")],
    "a call and its result": [user("Weather in Oslo?"), calls(("get_weather", {"city": "Oslo"}), ids=["a1b2c3d4e"]),
                              result('{"temp": 4.5}', "a1b2c3d4e"), assistant("It is 4.5 degrees.")],
}


def openai_tool(tool):
    """Nemo's template prints a text between quotes as it is, so its cases use a tool without quotes and backslashes."""
    tool = copy.deepcopy(tool)
    tool["function"]["description"] = "Weather of a city"
    return tool


def render(template, chat_format, messages, tools, generation_prompt, **extra):
    bos, eos = BOS_EOS.get(chat_format, ("", "<|im_end|>"))
    rendered, _ = render_jinja_template(conversations=[messages], tools=tools or None, chat_template=template,
                                        add_generation_prompt=generation_prompt, bos_token=bos, eos_token=eos, **extra)
    return rendered[0]


def main():
    llama_cpp_python, smollm2, out = sys.argv[1:4]
    templates = {}
    for chat_format, source, template in collect(llama_cpp_python, smollm2):
        templates[source] = (chat_format, template)
    cases = []

    def add(source, dialogs, tools=(), formats=None, today="", both=True, **extra):
        template_format, template = templates[source]
        for chat_format in formats or [template_format]:
            for name, messages in dialogs.items():
                asks = messages[-1]["role"] != "assistant"
                for generation_prompt in ([True, False] if both and asks else [asks and both]):
                    expected = render(template, template_format, messages, list(tools), generation_prompt,
                                      **({"date_string": today} if today else {}), **extra)
                    dialog = {"messages": messages}
                    if tools:
                        dialog["tools"] = list(tools)
                    if today:
                        dialog["today"] = today
                    cases.append({"format": chat_format, "template": source, "name": name, "dialog": dialog,
                                  "generation_prompt": generation_prompt, "expected": expected})

    llama31 = "Llama-3.1-8B-Instruct and Llama-3.3-70B-Instruct"
    add("Meta-Llama-3-8B-Instruct", {**PLAIN, **EDGES, **SYSTEM_ONLY})
    add(llama31, {**PLAIN, **EDGES, **SYSTEM_ONLY}, formats=["llama-3.1", "llama-3.1-function-tag", "llama-3.3"])
    add(llama31, {"a date": PLAIN["several turns"]}, formats=["llama-3.1"], today="21 September 2024")
    add("Llama-3.2-3B-Instruct", {**PLAIN, **EDGES, **SYSTEM_ONLY}, today="26 Jul 2024")
    add("Llama-3.2-3B-Instruct", {"a result of a tool": [user("x"), assistant("y"), result('25 C "q"\n'), result('{"a": 1}')]}, today="01 Jan 2025")
    add("SmolLM2-135M-Instruct", {**PLAIN, **EDGES, **SYSTEM_ONLY})
    add("OpenHermes-2.5-Mistral-7B", {**PLAIN, **EDGES, **SYSTEM_ONLY})
    for source in ("Qwen2.5-7B-Instruct", "Qwen3-0.6B"):
        add(source, {**PLAIN, **EDGES, **SYSTEM_ONLY})
        add(source, TOOL_DIALOGS, tools=[WEATHER, CLOCK])
        add(source, {"a call without tools": TOOL_DIALOGS["a call and its result"]})
    add("Qwen3-0.6B", THOUGHTS)
    add("Qwen3-0.6B", THOUGHTS, tools=[CLOCK])
    no_system = {name: messages for name, messages in PLAIN.items() if messages[0]["role"] != "system"}
    add("Mistral-Nemo-Instruct-2407", no_system)
    add("Mistral-Nemo-Instruct-2407", {"a system message": [system("Be brief."), user("1+1?"), assistant("2"), user("2+2?")]})
    add("Mistral-Nemo-Instruct-2407", MISTRAL_TOOLS, tools=[openai_tool(WEATHER)])
    add("Mixtral-8x7B-Instruct-v0.1", no_system)
    add("Llama-2-7b-chat-hf (from memory)", PLAIN)

    with open(out, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]\n")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
