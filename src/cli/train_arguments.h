#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "train/train_options.h"
#include "train/trainer.h"

namespace drover::cli {

/// What `drover train` is asked for.
struct TrainArguments {
  std::string kind, model, data, out, config;
  std::string format, learn = "final", schedule = "cosine", on_bad_row = "stop", checkpoint, dtype = "bf16", device = "cpu";
  std::string layout = "tree";           ///< of reward rows
  std::string pairs = "best-worst";      ///< of a ranking, for DPO
  std::string dpo_loss = "sigmoid";
  std::string lowest_level = "better";   ///< comparisons below it are left out
  std::string reference_cache;           ///< folder; empty: the user's cache; "none"
  std::vector<std::string> labels;       ///< of a classifier; empty: those of the data, sorted
  std::string log, tensorboard;
  train::TrainOptions train;
  train::DpoOptions dpo;
  std::optional<std::uint64_t> head_seed;  ///< of a new head
  double centring = 0.0;
  std::optional<std::int64_t> max_tokens;  ///< not given: 8192, or the model's context where that is less
  std::optional<std::int64_t> show_rows;  ///< before the first step; not given: two on a terminal, else none
  int threads = 0;
  bool nll_per_token = false;
  bool compare_terminators = false;
  bool after_error = false;
  bool keep_going = false;
  bool json = false;

  CLI::App* command = nullptr;  ///< where `--config` looks options up
  std::map<const CLI::Option*, std::vector<std::string>> only_for;  ///< the kinds that an option belongs to; absent: all
};

/// Adds positionals and options of `drover train` to the command.
void add_train_arguments(CLI::App& command, TrainArguments& arguments);

/// Reads `--config` into the options of `arguments.command` that the command line does not give, and so into the arguments that they
/// are bound to: a TOML file of `name = value`, named like the options. Throws UserError with file, line and the nearest name.
void apply_config(const TrainArguments& arguments);

/// Throws UserError when an option was given that this kind of training does not have.
void check_options_of_kind(const TrainArguments& arguments);

}  // namespace drover::cli
