#!/usr/bin/env python3
"""Makes src/model/testdata: tiny random models of each architecture as transformers saves them, their logits, slices of
SmolLM2-135M-Instruct's logits, and sentence vectors of all-MiniLM-L6-v2 by sentence-transformers.

usage: make_model_golden.py [tiny] [smollm2] [encoder]        (default: all)
needs: torch, transformers, gguf, safetensors, sentence-transformers, and the models that scripts/setup installs.
Golden numbers lie in safetensors files, float32 and int32, so that the tests read them without another format.
"""
import json, os, pathlib, shutil, sys
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

root = pathlib.Path(__file__).resolve().parents[2] / "src/model/testdata"
models = pathlib.Path(os.environ.get("DROVER_HOME", pathlib.Path.home() / ".local/share/drover")) / "models"
base = dict(vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=256, bos_token_id=1, eos_token_id=2)
llama3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)
yarn = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=64)
tiny = {
    "llama": ("llama", dict(tie_word_embeddings=False)),
    "llama_tied_biased": ("llama", dict(tie_word_embeddings=True, attention_bias=True, mlp_bias=True, eos_token_id=[2, 5])),
    "llama_llama3": ("llama", dict(tie_word_embeddings=True, rope_parameters=llama3)),
    "llama_linear": ("llama", dict(tie_word_embeddings=True, rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0))),
    "llama_yarn": ("llama", dict(tie_word_embeddings=True, rope_parameters=yarn)),
    "llama_wide_heads": ("llama", dict(tie_word_embeddings=True, head_dim=16)),
    "mistral_window": ("mistral", dict(tie_word_embeddings=False, sliding_window=7)),
    "qwen2": ("qwen2", dict(tie_word_embeddings=True)),
    "qwen3": ("qwen3", dict(tie_word_embeddings=True, head_dim=16)),
}


def randomise(model, seed):
    """Biases and norms away from their neutral values, so that leaving one out shows."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        p.data = (1 + 0.2 * noise if "norm" in name else noise * (0.3 if p.dim() == 1 else 0.15)).bfloat16().float()


def save(model, folder, wide=False):
    """Values are those of bfloat16, so most models are stored so (half the size). Only after the float32 computation: the conversion
    rounds the rotary frequencies, too."""
    (model if wide else model.bfloat16()).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def make_tiny():
    tokens = torch.randint(0, base["vocab_size"], (1, 40), generator=torch.Generator().manual_seed(5))
    for index, (name, (kind, extra)) in enumerate(tiny.items()):
        folder = root / name
        shutil.rmtree(folder, ignore_errors=True)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **{**base, **extra}), attn_implementation="eager").float().eval()
        randomise(model, index)
        with torch.no_grad():
            logits = model(tokens).logits[0]
        save(model, folder, wide=name == "llama")
        save_file({"tokens": tokens[0].int(), "logits": logits.contiguous()}, str(folder / "golden.safetensors"))
    folder = root / "llama_reward"
    shutil.rmtree(folder, ignore_errors=True)
    config = AutoConfig.for_model("llama", **base, num_labels=1, pad_token_id=0)
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").float().eval()
    randomise(model, 99)
    with torch.no_grad():
        score = model(tokens).logits[0]
    save(model, folder)
    save_file({"tokens": tokens[0].int(), "score": score.contiguous()}, str(folder / "golden.safetensors"))


def make_smollm2():
    file = "smollm2-135m-instruct.gguf"
    model = AutoModelForCausalLM.from_pretrained(models, gguf_file=file, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(models, gguf_file=file)
    texts = ["The capital of France is Paris, and the capital of Italy is Rome.",
             "<|im_start|>user\nWhat is two plus three?<|im_end|>\n<|im_start|>assistant\nTwo plus three is five.<|im_end|>\n",
             "def add(a, b):\n    return a + b\n\nprint(add(2, 2))  # four\n"]
    columns = torch.randperm(model.config.vocab_size, generator=torch.Generator().manual_seed(1))[:64].sort().values
    out = {"columns": columns.int()}
    for i, text in enumerate(texts):
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            logits = model(ids).logits[0]
        out[f"tokens_{i}"] = ids[0].int()
        out[f"logits_{i}"] = logits[:, columns].contiguous()
        out[f"log_sum_exp_{i}"] = logits.logsumexp(-1)
        out[f"largest_{i}"] = logits.abs().max()[None]
    root.mkdir(parents=True, exist_ok=True)
    save_file(out, str(root / "smollm2_135m.safetensors"))


def make_encoder():
    from sentence_transformers import SentenceTransformer
    texts = ["A man is playing a guitar on stage.", "short", "Der Hund schläft unter dem Tisch — bis morgen früh.",
             "Averaging weights of several fine-tuned models improves accuracy. " * 40, "¿Dónde está la biblioteca? 12345 !?"]
    model = SentenceTransformer(str(models / "all-minilm-l6-v2"), device="cpu")
    vectors = torch.tensor(model.encode(texts, batch_size=1))
    save_file({"vectors": vectors.contiguous()}, str(root / "minilm_vectors.safetensors"))
    (root / "minilm_texts.json").write_text(json.dumps(texts, ensure_ascii=False, indent=1) + "\n")
    from transformers import RobertaConfig, RobertaModel
    folder = root / "roberta"
    shutil.rmtree(folder, ignore_errors=True)
    config = RobertaConfig(vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=66,
                           type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2)
    model = RobertaModel(config, add_pooling_layer=False).float().eval()
    randomise(model, 7)
    tokens = torch.randint(3, 96, (1, 20), generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        hidden = model(tokens).last_hidden_state[0]
    save(model, folder)
    save_file({"tokens": tokens[0].int(), "mean": hidden.mean(0).contiguous()}, str(folder / "golden.safetensors"))


wanted = sys.argv[1:] or ["tiny", "smollm2", "encoder"]
for name, make in (("tiny", make_tiny), ("smollm2", make_smollm2), ("encoder", make_encoder)):
    if name in wanted:
        make()
