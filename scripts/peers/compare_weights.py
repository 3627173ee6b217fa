#!/usr/bin/env python3
"""Checks that what `drover convert` writes is read by others: safetensors folders by transformers, GGUF files by llama.cpp.

usage: compare_weights.py [--drover PATH] [--model FILE.gguf] [--work FOLDER] [--only NAME[,NAME]]

Needs the Python environment of the peers (scripts/setup --peers). The models are SmolLM2-135M-Instruct from its GGUF file, and small
random models of each architecture that transformers writes. Tensors must be equal bit for bit after the rounding that the type asks
for; logits must be equal within the tolerances below. The exit status is 1 when anything differs.
"""
import argparse
import gc
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import torch
import transformers
from llama_cpp import Llama

TEXT = ("Once upon a time, in 1847, a herd of 2,300 sheep crossed the river. The drover counted them twice:\n\n"
        "def count(sheep):\n    return sum(1 for s in sheep if s.is_wet)\n\nWas it right? Nobody knew; es war später Abend, 很晚了.")

# Largest |difference| / largest |logit| against transformers in float32 on the same (rounded) weights. llama.cpp computes f32 in
# another order; for bf16 and q8_0 it also rounds the activations to that type before each product. Files that llama.cpp's own converter
# makes of the random Llama model differ by 9e-7, 7e-3 and 3e-2.
TOLERANCES = {"f32": 1e-4, "bf16": 3e-2, "q8_0": 8e-2}

ROPE_PERMUTED = {"llama", "mistral"}  # architectures whose q and k rows GGUF reorders
GGUF_NAMES = {
    "embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm", "q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output",
    "q_norm": "attn_q_norm", "k_norm": "attn_k_norm", "gate_proj": "ffn_gate", "up_proj": "ffn_up", "down_proj": "ffn_down",
}


class Failure(Exception):
    pass


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--drover", default=os.environ.get("DROVER", "drover"), help="the program (default: $DROVER)")
    home = pathlib.Path(os.environ.get("DROVER_HOME", pathlib.Path.home() / ".local/share/drover"))
    parser.add_argument("--model", default=home / "models/smollm2-135m-instruct.gguf", type=pathlib.Path,
                        help="SmolLM2-135M-Instruct as a GGUF file (default: the one that scripts/setup installed)")
    parser.add_argument("--work", type=pathlib.Path, help="folder for converted models (default: a temporary one)")
    parser.add_argument("--only", help="names of models, separated by commas: smollm2, llama, mistral, qwen2, qwen3, sharded")
    return parser.parse_args()


def convert(drover, source, target, kind, element_type):
    if target.is_dir():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    command = [drover, "convert", str(source), str(target), "--to", kind, "--type", element_type]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: status {done.returncode}: {done.stderr.strip()[-1000:]}")


def rounded(tensor, element_type):
    """The float32 tensor after the rounding of bf16, or as it is."""
    return tensor.to(torch.bfloat16).float() if element_type == "bf16" else tensor


# --- safetensors in transformers ------------------------------------------------------------------------------------------


def load_reference(path):
    """The model in float32 as transformers reads it: a GGUF file (decoded by gguf-py) or a folder."""
    if path.is_dir():
        return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    return transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)


def check_folder(folder, reference, element_type):
    model, report = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="auto", output_loading_info=True)
    for fault in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[fault]:
            raise Failure(f"{folder}: transformers reports {fault}: {sorted(report[fault])[:5]}")
    expected_type = torch.bfloat16 if element_type == "bf16" else torch.float32
    expected = reference.state_dict()
    actual = model.state_dict()
    if expected.keys() != actual.keys():
        raise Failure(f"{folder}: other tensors: {sorted(expected.keys() ^ actual.keys())[:5]}")
    for name, tensor in actual.items():
        if tensor.dtype != expected_type:
            raise Failure(f"{folder}: {name} is {tensor.dtype}, not {expected_type}")
        if not torch.equal(tensor.float(), rounded(expected[name], element_type)):
            raise Failure(f"{folder}: {name} differs by up to {(tensor.float() - expected[name]).abs().max():.3g}")
    return len(actual)


# --- GGUF in gguf-py and llama.cpp ----------------------------------------------------------------------------------------


def gguf_name(name):
    """'model.layers.3.self_attn.q_proj.weight' -> 'blk.3.attn_q.weight'"""
    parts = name.split(".")
    layer = f"blk.{parts[2]}." if parts[1] == "layers" else ""
    return f"{layer}{GGUF_NAMES[parts[-2]]}.{parts[-1]}"


def in_gguf_order(name, tensor, config):
    """Rows of q and k as GGUF stores them for Llama models."""
    if config.model_type not in ROPE_PERMUTED or not (".q_proj." in name or ".k_proj." in name):
        return tensor
    heads = config.num_attention_heads if ".q_proj." in name else config.num_key_value_heads
    return tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)


def check_gguf_tensors(path, reference, element_type):
    """Every tensor decodes to the reference's values, rounded as the type asks for; vectors stay f32."""
    stored = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    config = reference.config
    num_rounded = 0
    for name, tensor in reference.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        found = stored.pop(gguf_name(name), None)
        if found is None:
            raise Failure(f"{path}: {gguf_name(name)} is missing")
        expected = in_gguf_order(name, tensor, config).contiguous().numpy()
        kind = found.tensor_type.name
        if kind == "Q8_0":
            expected = gguf.quants.dequantize(gguf.quants.quantize(expected, gguf.GGMLQuantizationType.Q8_0), found.tensor_type)
        elif kind == "BF16":
            expected = rounded(torch.from_numpy(expected), "bf16").numpy()
        elif kind != "F32":
            raise Failure(f"{path}: {found.name} has the type {kind}")
        num_rounded += kind != "F32"
        actual = gguf.quants.dequantize(found.data, found.tensor_type).reshape(expected.shape)
        if not np.array_equal(actual, expected):
            raise Failure(f"{path}: {found.name} ({kind}) differs by up to {np.abs(actual - expected).max():.3g}")
    extra = set(stored) - {"rope_freqs.weight"}
    if extra:
        raise Failure(f"{path}: unknown tensors {sorted(extra)[:5]}")
    if (num_rounded > 0) != (element_type != "f32"):
        raise Failure(f"{path}: {num_rounded} tensors are stored in fewer than 32 bits, for --type {element_type}")


def llama_cpp_logits(path):
    """Token ids of TEXT and the logits after each of them, from llama.cpp with a float32 cache."""
    model = Llama(model_path=str(path), n_ctx=512, logits_all=True, verbose=False, n_threads=os.cpu_count(), type_k=0, type_v=0)
    ids = model.tokenize(TEXT.encode(), add_bos=False, special=False)
    model.eval(ids)
    logits = np.array(model.scores[: len(ids)], dtype=np.float32)
    model.close()
    return ids, logits


def transformers_logits(reference, ids, element_type):
    """Logits in float32 arithmetic, on weights rounded to bf16 where the file's are. Restores the weights."""
    kept = {name: tensor.clone() for name, tensor in reference.state_dict().items()} if element_type == "bf16" else {}
    with torch.no_grad():
        for name, tensor in reference.state_dict().items():
            if kept and tensor.dim() > 1:
                tensor.copy_(rounded(tensor, element_type))
        logits = reference(torch.tensor([ids])).logits[0].float().numpy()
        for name, tensor in reference.state_dict().items():
            if kept:
                tensor.copy_(kept[name])
    return logits


def check_gguf_logits(path, reference, element_type):
    ids, actual = llama_cpp_logits(path)
    expected = transformers_logits(reference, ids, element_type)
    if actual.shape != expected.shape:
        raise Failure(f"{path}: llama.cpp gives logits {actual.shape}, transformers {expected.shape}")
    gap = float(np.abs(actual - expected).max() / np.abs(expected).max())
    if not gap <= TOLERANCES[element_type]:
        raise Failure(f"{path}: logits differ by {gap:.2g} of the largest, more than {TOLERANCES[element_type]:.2g}")
    return ids, gap


def check_tokenizer(folder, ids, name):
    """The written tokenizer gives transformers the ids that llama.cpp has from the written GGUF."""
    # The random models borrow a tokenizer that is not their architecture's own, which AutoTokenizer would put in its place.
    kind = transformers.AutoTokenizer if name == "smollm2" else transformers.PreTrainedTokenizerFast
    tokenizer = kind.from_pretrained(folder)
    actual = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    if list(actual) != list(ids):
        raise Failure(f"{folder}: the written tokenizer gives {actual[:8]}..., llama.cpp {list(ids)[:8]}...")


# --- Models ---------------------------------------------------------------------------------------------------------------


def random_model(name):
    """A small random model whose heads, groups and sizes are all different, so that no mix-up goes unseen."""
    sizes = dict(vocab_size=49152, hidden_size=96, intermediate_size=160, num_hidden_layers=3, num_attention_heads=6,
                 num_key_value_heads=2, max_position_embeddings=512, bos_token_id=1, eos_token_id=2)
    configs = {
        "llama": lambda: transformers.LlamaConfig(**sizes, tie_word_embeddings=False),
        "mistral": lambda: transformers.MistralConfig(**sizes, sliding_window=None, tie_word_embeddings=False),
        "qwen2": lambda: transformers.Qwen2Config(**sizes, tie_word_embeddings=True),
        "qwen3": lambda: transformers.Qwen3Config(**sizes, head_dim=32, tie_word_embeddings=False),
        "sharded": lambda: transformers.LlamaConfig(**sizes, tie_word_embeddings=False),
    }
    torch.manual_seed(7)
    model = transformers.AutoModelForCausalLM.from_config(configs[name](), dtype=torch.float32)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.dim() == 1:
                tensor.add_(0.1 * torch.randn_like(tensor))  # norms are all 1 and biases all 0 otherwise
            else:
                tensor.mul_(4)  # at 0.02 the attention would be almost uniform
    return model


def compare(drover, name, source, reference, work):
    ids = None
    for element_type in ("f32", "bf16", "q8_0"):
        path = work / f"{name}-{element_type}.gguf"
        convert(drover, source, path, "gguf", element_type)
        check_gguf_tensors(path, reference, element_type)
        ids, gap = check_gguf_logits(path, reference, element_type)
        print(f"  {name} as GGUF {element_type}: tensors equal, logits differ by {gap:.1e} of the largest over {len(ids)} tokens", flush=True)
        path.unlink()
    for element_type in ("f32", "bf16"):
        folder = work / f"{name}-{element_type}"
        convert(drover, source, folder, "safetensors", element_type)
        num_tensors = check_folder(folder, reference, element_type)
        check_tokenizer(folder, ids, name)
        print(f"  {name} as safetensors {element_type}: {num_tensors} tensors and the tokenizer equal", flush=True)


def sources(arguments, work):
    """Yields each model's name, path and reference in transformers; tokenizers of the random models are SmolLM2's."""
    wanted = set(arguments.only.split(",")) if arguments.only else None
    if not arguments.model.is_file():
        raise SystemExit(f"compare_weights.py: {arguments.model} is missing; run scripts/setup, or give --model.")
    if not wanted or "smollm2" in wanted:
        yield "smollm2", arguments.model, load_reference(arguments.model)
    donor = work / "tokenizer-donor"
    convert(arguments.drover, arguments.model, donor, "safetensors", "bf16")
    for name in ("llama", "mistral", "qwen2", "qwen3", "sharded"):
        if wanted and name not in wanted:
            continue
        reference = random_model(name).eval()
        folder = work / f"{name}-source"
        reference.save_pretrained(folder, max_shard_size="8MB" if name == "sharded" else "1GB")
        for file in donor.glob("*token*"):
            shutil.copy(file, folder)
        yield name, folder, reference


def main():
    arguments = options()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or pathlib.Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        failures = 0
        for name, source, reference in sources(arguments, work):
            try:
                compare(arguments.drover, name, source, reference, work)
            except Failure as failure:
                failures += 1
                print(f"  {name}: FAILED: {failure}", flush=True)
            del reference
            gc.collect()
    print("compare_weights: " + ("all equal" if failures == 0 else f"{failures} models differ"))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
