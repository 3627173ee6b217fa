#!/usr/bin/env python3
"""Trains with TRL on one of training_compare.py's workloads and prints one JSON line: samples, seconds of training alone, seconds of the
reference pass (dpo), peak memory.

usage: trl_training.py {sft|sft-packed|dpo|reward} MODEL_FOLDER ROWS.jsonl --batch N [--threads N]
"""
import argparse
import json
import os
import resource
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer

parser = argparse.ArgumentParser()
parser.add_argument("job", choices=["sft", "sft-packed", "dpo", "reward"])
parser.add_argument("model")
parser.add_argument("rows")
parser.add_argument("--batch", type=int, default=1)
parser.add_argument("--threads", type=int, default=2)
chosen = parser.parse_args()

torch.set_num_threads(chosen.threads)
tokenizer = AutoTokenizer.from_pretrained(chosen.model)
rows = [json.loads(line) for line in open(chosen.rows)]
settings = dict(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=chosen.batch, num_train_epochs=1, learning_rate=1e-5,
                max_length=1024, logging_steps=1000, save_strategy="no", report_to=[], use_cpu=True, bf16=True,
                gradient_checkpointing=False, disable_tqdm=True, dataloader_pin_memory=False)


is_reward = chosen.job == "reward"
kind = AutoModelForSequenceClassification if is_reward else AutoModelForCausalLM
model = kind.from_pretrained(chosen.model, dtype=torch.float32, **({"num_labels": 1} if is_reward else {}))
reference = AutoModelForCausalLM.from_pretrained(chosen.model, dtype=torch.bfloat16) if chosen.job == "dpo" else None


def trainer():
    if chosen.job.startswith("sft"):
        data = Dataset.from_list([{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in rows])
        return SFTTrainer(model, args=SFTConfig(**settings, packing=chosen.job == "sft-packed", completion_only_loss=True), train_dataset=data,
                          processing_class=tokenizer)
    if chosen.job == "dpo":
        data = Dataset.from_list([{key: row[key] for key in ("prompt", "chosen", "rejected")} for row in rows])
        options = DPOConfig(**settings, beta=0.1, loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.2], precompute_ref_log_probs=True)
        return DPOTrainer(model, reference, args=options, train_dataset=data, processing_class=tokenizer)
    # A row of three responses is three pairs here.
    pairs = [{"prompt": row["prompt"], "chosen": row[better], "rejected": row[worse]} for row in rows
             for better, worse in (("edited", "chosen"), ("edited", "rejected"), ("chosen", "rejected"))]
    model.config.pad_token_id = tokenizer.pad_token_id
    return RewardTrainer(model, args=RewardConfig(**settings), train_dataset=Dataset.from_list(pairs), processing_class=tokenizer)


begin = time.perf_counter()
made = trainer()
before = time.perf_counter() - begin  # with the reference pass of dpo
outputs = made.model(input_ids=torch.arange(100, 164).unsqueeze(0))  # kernels are chosen and memory is touched
outputs.logits.float().square().mean().backward()
made.model.zero_grad(set_to_none=True)
begin = time.perf_counter()
made.train()
print(json.dumps({"samples": len(rows), "seconds": time.perf_counter() - begin, "setup_seconds": before,
                  "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
