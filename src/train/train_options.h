#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "model/lora_options.h"
#include "model/model.h"
#include "train/run_outlook.h"
#include "train/schedule.h"

namespace drover::model {
struct Adapter;  // model/adapter.h, which needs LibTorch
}

namespace drover::train {

/// AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101), as torch.optim.AdamW computes it.
struct AdamWOptions {
  double beta1 = 0.9;         ///< in [0, 1)
  double beta2 = 0.999;       ///< in [0, 1)
  double epsilon = 1e-8;      ///< > 0
  double weight_decay = 0.0;  ///< >= 0; decoupled; norms and biases are not decayed

  void validate() const;
};

/// What became of the state of a run that its OnStep ended.
struct StoppedRun {
  std::int64_t step = 0;                           ///< the last that was done
  std::string fault = {};                          ///< why its state could not be saved; empty: it is saved
  std::optional<std::int64_t> newest_saved = {};   ///< the step of the newest state in the checkpoint folder
};

/// What every kind of training shares.
struct TrainOptions {
  double learning_rate = 1e-5;         ///< peak; in (0, 1] (Llama 3 report: 1e-5 for SFT and DPO)
  Schedule schedule = {};
  AdamWOptions adamw = {};
  double clip_norm = 1.0;              ///< largest global gradient norm; 0 turns clipping off

  std::int64_t steps = 0;              ///< optimizer steps, at most 1e8; 0: as many as `epochs` take
  double epochs = 1.0;                 ///< passes over the rows, at most 1e6; counts only when steps = 0
  std::int64_t rows_per_step = 8;      ///< 1 to 1e6; counts only when tokens_per_step = 0
  std::int64_t tokens_per_step = 0;    ///< 1 to 1e8: a step takes rows until they hold this many tokens; 0: rows_per_step
  std::int64_t packed_tokens = 1024;   ///< rows are packed to this size for one pass; 0: chosen (packing_choice.h); only memory and speed depend on it
  bool deterministic = false;          ///< CUDA: only operators that repeat bit for bit, or none; on the CPU all do
  bool recompute_layers = false;       ///< keeps each layer's input only and computes the layer again: less memory, a third more time
  std::uint64_t seed = 0;              ///< order of the rows, and what a new adapter is drawn from

  model::ComputeType compute_type = model::ComputeType::kFloat32;  ///< of activations and the result; master weights are float32

  /// With a rank, adapters learn over a frozen trunk (and a head other than the language head, whole).
  model::LoraOptions lora = {};
  /// Takes the adapter that a run has trained, float32. Without it a run with adapters merges them into the model that it returns; with
  /// it the run returns none, and merged weights never exist.
  std::function<void(const model::Adapter&)> on_adapter = {};

  std::filesystem::path checkpoint_folder = {};  ///< empty: none. A run that finds its own checkpoint there goes on from it; one whose OnStep throws saves its state first
  std::int64_t checkpoint_every = 100;      ///< steps; the last step is always saved
  std::int64_t keep_checkpoints = 1;        ///< how many of the newest stay

  bool stop_when_lost = true;  ///< end the run when its loss explodes or does not move (LossMonitor)

  // For messages only.
  std::vector<std::int64_t> row_lines = {};  ///< the line of its file that each row comes from; empty: rows are named by their number
  std::function<void(const StoppedRun&)> on_stopped = {};  ///< hears of a run with checkpoints that its OnStep ended, before that exception goes on
  std::function<void(const std::string&)> on_warning = {};  ///< hears, in sentences, of what went wrong and does not end the run
  std::function<void(const std::string&)> on_unsaved = {};  ///< hears why a checkpoint cannot be written, and the run goes on; not given: on_warning hears it, or the run ends
  OnStart on_start = {};                     ///< hears of the run before its first step; costs the time of one packed row, or two short ones
  base::OnProgress on_progress = {};         ///< hears of the reference pass

  void validate() const;
};

}  // namespace drover::train
