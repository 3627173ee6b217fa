#!/usr/bin/env python3
"""Compares LoRA adapters of drover with PEFT's, in float32, on a tiny random Llama.

1. The first 10 losses of `drover train sft --lora-rank` equal those of a loop of torch and PEFT that begins with the same adapter and
   learns the same batch (a step of rate 1e-30 changes nothing, so what drover saves after it is its start).
2. An adapter that drover trained loads in PEFT: logits with it, merged by PEFT and merged by drover are the same. A reward model's head
   comes with it.
3. Adapters that PEFT made (plain; with rank and alpha patterns; rank-stabilised) merge in drover to PEFT's own merged weights; DoRA and
   PiSSA are refused.
usage: compare_lora.py   (the program: $DROVER, else build/release/src/drover)
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from compare_training import ROWS, drover, make_model, rendered, write_rows

SOURCE = pathlib.Path(__file__).resolve().parents[2]
DROVER = os.environ.get("DROVER", str(SOURCE / "build/release/src/drover"))
STEPS, LEARNING_RATE, RANK = 10, 1e-2, 4
LOSS_TOLERANCE, LOGIT_TOLERANCE, WEIGHT_TOLERANCE = 1e-3, 1e-4, 1e-6
failures = []


def check(what: str, difference: float, tolerance: float) -> None:
    passed = difference <= tolerance
    print(f"{what:<70}{difference:>12.2e}{'' if passed else '  NOT EQUAL'}")
    if not passed:
        failures.append(what)


def check_refused(what: str, adapter: pathlib.Path, words: str) -> None:
    done = subprocess.run([DROVER, "merge", adapter, "-o", adapter.parent / "refused"], capture_output=True, text=True)
    passed = done.returncode == 1 and words in done.stderr
    print(f"{what:<70}{'refused' if passed else 'NOT REFUSED: ' + done.stderr}")
    if not passed:
        failures.append(what)


def largest_difference(a, b) -> float:
    return (a.float() - b.float()).abs().max().item()


def merged_by_drover(adapter: pathlib.Path, *more) -> pathlib.Path:
    out = adapter.with_name(adapter.name + "_merged")
    drover("merge", adapter, "-o", out, "--json", *more)
    return out


def base_of(folder: pathlib.Path):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def train_with_peft(model: pathlib.Path, adapter: pathlib.Path, rows: list) -> list:
    peft = PeftModel.from_pretrained(base_of(model), adapter, is_trainable=True)
    learned = [parameter for parameter in peft.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=LEARNING_RATE, weight_decay=0.0)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        total, count = 0.0, 0
        for prompt, reply in rows:
            logits = peft(input_ids=torch.tensor([prompt + reply])).logits[0, len(prompt) - 1:-1]
            total = total + torch.nn.functional.cross_entropy(logits, torch.tensor(reply), reduction="sum")
            count += len(reply)
        loss = total / count
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def with_lively_b(peft):
    """B is zero at first; numbers that show what is mixed up."""
    torch.manual_seed(1)
    for name, parameter in peft.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return peft


def compare_training(model: pathlib.Path, folder: pathlib.Path, ids: torch.Tensor) -> None:
    rows = rendered(model, folder, [(question, best) for question, best, _ in ROWS])
    dialogs = write_rows(folder / "sft.jsonl", [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": c}]} for q, c, _ in ROWS])
    train = lambda out, rate, steps: [line["loss"] for line in drover(
        "train", "sft", model, dialogs, "-o", out, "--rows-per-step", len(ROWS), "--schedule", "constant", "--format", "chatml", "--dtype", "f32",
        "--lora-rank", RANK, "--seed", 7, "--lr", rate, "--steps", steps, "--json")]
    train(folder / "start", "1e-30", 1)
    own = train(folder / "tuned", LEARNING_RATE, STEPS)
    peer = train_with_peft(model, folder / "start", rows)
    check("sft, first loss", abs(own[0] - peer[0]), 1e-5)
    check(f"sft, largest difference of {STEPS} losses ({own[0]:.3f} to {own[-1]:.3f})", max(abs(a - b) for a, b in zip(own, peer)), LOSS_TOLERANCE)

    with torch.no_grad():
        plain = base_of(model)(input_ids=ids).logits
        adapted = PeftModel.from_pretrained(base_of(model), folder / "tuned")
        logits = adapted(input_ids=ids).logits
        assert largest_difference(logits, plain) > 0.1, "the adapter does nothing"
        check("drover's adapter: merged by PEFT", largest_difference(adapted.merge_and_unload()(input_ids=ids).logits, logits), LOGIT_TOLERANCE)
        merged = AutoModelForCausalLM.from_pretrained(merged_by_drover(folder / "tuned"), dtype=torch.float32)
        check("drover's adapter: merged by drover", largest_difference(merged(input_ids=ids).logits, logits), LOGIT_TOLERANCE)


def compare_reward(model: pathlib.Path, folder: pathlib.Path, ids: torch.Tensor) -> None:
    preferences = write_rows(folder / "preferences.jsonl", [
        {"prompt": [{"role": "user", "content": q}], "chosen": [{"role": "assistant", "content": c}],
         "rejected": [{"role": "assistant", "content": r}]} for q, c, r in ROWS])
    drover("train", "reward", model, preferences, "-o", folder / "judge", "--rows-per-step", len(ROWS), "--format", "chatml", "--dtype", "f32",
           "--lora-rank", RANK, "--lr", LEARNING_RATE, "--steps", 3, "--json")
    load = lambda path: AutoModelForSequenceClassification.from_pretrained(path, dtype=torch.float32, num_labels=1)
    with torch.no_grad():
        base = load(model)
        base.config.pad_token_id = 0
        rewards = PeftModel.from_pretrained(base, folder / "judge")(input_ids=ids).logits
        merged = load(merged_by_drover(folder / "judge"))
        merged.config.pad_token_id = 0
        check("drover's reward adapter, head included: merged by drover", largest_difference(merged(input_ids=ids).logits, rewards), LOGIT_TOLERANCE)


def compare_merging(model: pathlib.Path, folder: pathlib.Path) -> None:
    every = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    kinds = {
        "plain": LoraConfig(r=4, lora_alpha=6, target_modules=every, task_type="CAUSAL_LM"),
        "patterns": LoraConfig(r=4, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM",
                               rank_pattern={"down_proj": 2, "model.layers.1.self_attn.q_proj": 6},
                               alpha_pattern={"v_proj": 3, "layers.0.mlp.down_proj": 5}),
        "rank-stabilised": LoraConfig(r=9, lora_alpha=6, use_rslora=True, target_modules="all-linear", task_type="CAUSAL_LM"),
        "head whole": LoraConfig(r=4, lora_alpha=6, target_modules=["q_proj"], modules_to_save=["score"], task_type="SEQ_CLS"),
    }
    for kind, config in kinds.items():
        torch.manual_seed(0)
        start = base_of(model) if config.task_type == "CAUSAL_LM" else AutoModelForSequenceClassification.from_pretrained(model, dtype=torch.float32, num_labels=3)
        peft = with_lively_b(get_peft_model(start, config))
        adapter = folder / kind.replace(" ", "_")
        peft.save_pretrained(adapter)
        own = load_file(merged_by_drover(adapter, "--base", model) / "model.safetensors")
        expected = peft.merge_and_unload().state_dict()
        names = [name for name in expected if name in own]
        assert len(names) == len(own), (sorted(own), sorted(expected))
        check(f"PEFT's adapter, {kind}: largest difference of a weight", max(largest_difference(own[name], expected[name]) for name in names), WEIGHT_TOLERANCE)
    for kind, config, words in [("DoRA", LoraConfig(r=4, use_dora=True, target_modules=["q_proj"]), "DoRA"),
                                ("PiSSA", LoraConfig(r=4, init_lora_weights="pissa", target_modules=["q_proj"]), "changes the weights of the base model"),
                                ("biases", LoraConfig(r=4, bias="lora_only", target_modules=["q_proj"]), "bias")]:
        peft = get_peft_model(base_of(model), config)
        peft.save_pretrained(folder / kind)
        check_refused(f"PEFT's adapter, {kind}", folder / kind, words)


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = folder / "model"
        make_model(model)
        ids = torch.arange(3, 60).unsqueeze(0)
        compare_training(model, folder, ids)
        compare_reward(model, folder, ids)
        compare_merging(model, folder)
    print(f"NOT EQUAL: {', '.join(failures)}" if failures else "equal")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
