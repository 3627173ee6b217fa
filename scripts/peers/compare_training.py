#!/usr/bin/env python3
"""Compares the losses of the first 20 steps of drover's trainers with TRL's, in float32, on a tiny random Llama.

Both see the same token ids: drover says how it renders the dialogs (`drover logprobs --json`), TRL gets these ids and masks. Every step
takes all rows, so both learn the same batches whatever their order. TRL's DPO compares terminators too and averages its likelihood
term over tokens, so drover is asked for the same; docs/training.md lists where the two differ on purpose.
usage: compare_training.py   (the program: $DROVER, else build/release/src/drover)
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import torch
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (AutoModelForCausalLM, AutoModelForSequenceClassification, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast,
                          PrinterCallback)
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer

SOURCE = pathlib.Path(__file__).resolve().parents[2]
DROVER = os.environ.get("DROVER", str(SOURCE / "build/release/src/drover"))
TOLERANCE = 1e-5        # of the first step, before any rounding of an optimizer
STEPS, LATER_TOLERANCE = 20, 1e-3
LEARNING_RATE = 1e-3
ROWS = [
    ("Name a colour.", "Blue, like the sea on a clear day.", "No."),
    ("What is 2 + 2?", "4", "It could be five, it could be six, who knows."),
    ("Greet me in French.", "Bonjour !", "Hello there, my friend."),
    ("Write a line about rain.", "Rain taps the roof and asks to come in.", "Rain is wet."),
]


def make_model(folder: pathlib.Path) -> None:
    """A random Llama and a byte-level BPE tokenizer with ChatML's control tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=control, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([text for row in ROWS for text in row], trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=64, intermediate_size=160, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.1,
                         eos_token_id=2, bos_token_id=None, pad_token_id=0)
    LlamaForCausalLM(config).save_pretrained(folder)


def write_rows(path: pathlib.Path, rows: list) -> pathlib.Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def drover(*arguments) -> list:
    done = subprocess.run([DROVER, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(done.args)} ended with {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def rendered(model: pathlib.Path, folder: pathlib.Path, replies: list) -> list:
    """(prompt ids, reply ids) of each dialog, as drover renders them; what follows the last terminator is left out."""
    dialogs = [{"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]} for question, reply in replies]
    split = []
    for line in drover("logprobs", model, write_rows(folder / "dialogs.jsonl", dialogs), "--json", "--dtype", "f32", "--format", "chatml"):
        ids, roles = [t["id"] for t in line["tokens"]], [t["role"] for t in line["tokens"]]
        end = max(i for i, role in enumerate(roles) if role == "terminator") + 1
        begin = max(i for i in range(end) if roles[i] == "header") + 1
        split.append((ids[:begin], ids[begin:end]))
    return split


class ReadyDpoTrainer(DPOTrainer):
    def _prepare_dataset(self, dataset, *arguments, **named):
        return dataset


def losses(trainer) -> list:
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = folder / "model"
        make_model(model)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(model)
        chosen = rendered(model, folder, [(question, best) for question, best, _ in ROWS])
        rejected = rendered(model, folder, [(question, worst) for question, _, worst in ROWS])
        preferences = write_rows(folder / "preferences.jsonl", [
            {"prompt": [{"role": "user", "content": q}], "chosen": [{"role": "assistant", "content": c}],
             "rejected": [{"role": "assistant", "content": r}]} for q, c, r in ROWS])
        dialogs = write_rows(folder / "sft.jsonl", [
            {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": c}]} for q, c, _ in ROWS])
        common = dict(output_dir=str(folder / "trl"), per_device_train_batch_size=len(ROWS), max_steps=STEPS, logging_steps=1, save_strategy="no",
                      learning_rate=LEARNING_RATE, lr_scheduler_type="constant", weight_decay=0.0, max_grad_norm=1.0,
                      report_to=[], use_cpu=True, bf16=False, disable_tqdm=True, gradient_checkpointing=False, max_length=None)
        run = lambda kind, start, data, *more: [line["loss"] for line in drover(
            "train", kind, start, data, "-o", folder / kind, "--rows-per-step", len(ROWS), "--schedule", "constant", "--format", "chatml",
            "--dtype", "f32", "--json", *more)]
        ours = lambda kind, data, *more: run(kind, model, data, "--steps", STEPS, "--lr", LEARNING_RATE, *more)
        load = lambda: AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        pairs = []

        sft = Dataset.from_list([{"input_ids": p + r, "completion_mask": [0] * len(p) + [1] * len(r)} for p, r in chosen])
        trainer = SFTTrainer(load(), args=SFTConfig(**common, completion_only_loss=True), train_dataset=sft, processing_class=tokenizer)
        pairs.append(("sft", ours("sft", dialogs), losses(trainer)))

        dpo = Dataset.from_list([{"prompt_ids": p, "chosen_ids": c, "rejected_ids": r} for (p, c), (_, r) in zip(chosen, rejected)])
        config = DPOConfig(**common, beta=0.1, loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.2])
        trainer = ReadyDpoTrainer(load(), load(), args=config, train_dataset=dpo, processing_class=tokenizer)
        pairs.append(("dpo + 0.2 sft", ours("dpo", preferences, "--compare-terminators", "--nll-per-token", "--reference-cache", "none"), losses(trainer)))

        # The reward model that drover began with: a step of 1e-30 changes nothing, so what it saved is its start.
        run("reward", model, preferences, "--steps", 1, "--lr", "1e-30")
        reward_losses = run("reward", shutil.copytree(folder / "reward", folder / "reward_start"), preferences, "--steps", STEPS,
                            "--lr", LEARNING_RATE)
        start = AutoModelForSequenceClassification.from_pretrained(folder / "reward_start", dtype=torch.float32, num_labels=1)
        start.config.pad_token_id = tokenizer.pad_token_id
        reward = Dataset.from_list([{"chosen_ids": p + c, "rejected_ids": p + r} for (p, c), (_, r) in zip(chosen, rejected)])
        trainer = RewardTrainer(start, args=RewardConfig(**common), train_dataset=reward, processing_class=tokenizer)
        pairs.append(("reward", reward_losses, losses(trainer)))

    failed = False
    print(f"{'training':<16}{'drover, step 1':>16}{'TRL':>12}{'difference':>14}{'step ' + str(STEPS):>12}{'TRL':>12}{'largest difference':>20}")
    for kind, own, peer in pairs:
        assert len(own) == len(peer) == STEPS, (kind, len(own), len(peer))
        differences = [abs(a - b) for a, b in zip(own, peer)]
        failed |= not differences[0] <= TOLERANCE * max(1.0, abs(peer[0])) or not max(differences) <= LATER_TOLERANCE
        print(f"{kind:<16}{own[0]:>16.6f}{peer[0]:>12.6f}{differences[0]:>14.2e}{own[-1]:>12.6f}{peer[-1]:>12.6f}{max(differences):>20.2e}")
    print("NOT EQUAL" if failed else "equal")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
