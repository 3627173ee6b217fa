#include "cli/train_arguments.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "cli/compute_type.h"

namespace drover::cli {
namespace {

void add_run_options(CLI::App& command, TrainArguments& arguments) {
  auto& train = arguments.train;
  command.add_option("--lr", train.learning_rate, "peak learning rate")->capture_default_str();
  command.add_option("--steps", train.steps, "optimizer steps; 0: as many as --epochs take")->capture_default_str();
  command.add_option("--epochs", train.epochs, "passes over the data")->capture_default_str();
  command.add_option("--rows-per-step", train.rows_per_step, "rows of one step")->capture_default_str();
  command.add_option("--tokens-per-step", train.tokens_per_step, "tokens of one step, in place of --rows-per-step; 0: off")->capture_default_str();
  train.packed_tokens = 0;
  command.add_option("--packed-tokens", train.packed_tokens, "tokens computed at once; 0: 1024 to 2048, as rows fill it; memory and speed depend on it")
      ->capture_default_str();
  command.add_flag("--recompute-layers", train.recompute_layers, "keep less for the backward pass and compute layers again: less memory, more time");
  command.add_flag("--deterministic", train.deterministic, "CUDA: take only operators whose results repeat bit for bit, or stop; on the CPU all do");
  command.add_option("--max-tokens", arguments.max_tokens,
                     "longer rows are refused, longer documents (lm) cut; not given: 8192, or the model's context where that is less");
  command.add_option("--schedule", arguments.schedule, "constant, linear or cosine")->check(CLI::IsMember({"constant", "linear", "cosine"}))
      ->capture_default_str();
  command.add_option("--warmup", train.schedule.warmup_steps, "steps of the linear warm-up")->capture_default_str();
  command.add_option("--final-share", train.schedule.final_share, "last learning rate, as a part of the peak")->capture_default_str();
  command.add_option("--clip", train.clip_norm, "largest gradient norm; 0: off")->capture_default_str();
  command.add_option("--weight-decay", train.adamw.weight_decay, "decoupled weight decay")->capture_default_str();
  command.add_option("--beta1", train.adamw.beta1, "AdamW's first decay")->capture_default_str();
  command.add_option("--beta2", train.adamw.beta2, "AdamW's second decay")->capture_default_str();
  command.add_option("--epsilon", train.adamw.epsilon, "AdamW's smallest denominator")->capture_default_str();
  command.add_option("--seed", train.seed, "order of the rows, and what adapters are drawn from")->capture_default_str();
  command.add_option("--lora-rank", train.lora.rank, "train low-rank adapters of this rank over a frozen trunk: far less memory; OUT becomes a PEFT folder; 0: off")
      ->capture_default_str();
  command.add_option("--lora-alpha", train.lora.alpha, "adapters are multiplied with alpha / rank; 0: twice the rank")->capture_default_str();
  command.add_option("--lora-targets", train.lora.targets, "linear maps that get adapters, separated by commas: q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj; not given: all")
      ->delimiter(',')->allow_extra_args(false);
  command.add_option("--checkpoint", arguments.checkpoint, "folder for checkpoints; the same command goes on from there");
  command.add_option("--checkpoint-every", train.checkpoint_every, "steps between checkpoints")->capture_default_str();
  command.add_option("--keep-checkpoints", train.keep_checkpoints, "how many of the newest checkpoints stay")->capture_default_str();
  command.add_flag("--keep-going", arguments.keep_going, "do not stop when the loss explodes or does not move");
}

void add_report_options(CLI::App& command, TrainArguments& arguments) {
  command.add_option("--on-bad-row", arguments.on_bad_row, "rows that cannot be learned: stop, or skip, count and list them")
      ->check(CLI::IsMember({"stop", "skip"}))->capture_default_str();
  command.add_option("--show-rows", arguments.show_rows, "show so many rows before the first step, with what they teach in colour; 0: none; not given: 2 on a terminal")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000}));
  command.add_option("--log", arguments.log, "append one JSON object a step to this file");
  command.add_option("--tensorboard", arguments.tensorboard, "write TensorBoard's event files into this folder");
  command.add_flag("--json", arguments.json, "print one JSON object a step");
  command.add_option("--threads", arguments.threads, "threads; 0: all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  add_dtype_option(command, arguments.dtype);
  command.add_option("--format", arguments.format, "chat format, in place of the one that the model's template tells");
  command.add_option("--device", arguments.device, "cpu, cuda, cuda:1")->capture_default_str();
  command.add_option("--config", arguments.config, "TOML file of options, named like here (rows-per-step = 4); the command line wins");
}

void add_kind_options(CLI::App& command, TrainArguments& arguments) {
  const auto only = [&arguments](CLI::Option* option, std::vector<std::string> kinds) { arguments.only_for[option] = std::move(kinds); };
  only(command.add_option("--learn", arguments.learn, "sft: final or all assistant turns")->check(CLI::IsMember({"final", "all"}))
           ->capture_default_str(), {"sft"});
  only(command.add_option("--head-seed", arguments.head_seed, "heads: what a new one is drawn from; not given: 0"),
       {"reward", "outcome", "steps", "classify"});
  only(command.add_option("--centring", arguments.centring, "reward: pull of rewards towards 0; 0: off")->capture_default_str(), {"reward"});
  only(command.add_option("--rows", arguments.layout, "reward: tree (prompt once), causal (the report's one sequence of shuffled responses) or separate")
           ->check(CLI::IsMember({"tree", "causal", "separate"}))->capture_default_str(), {"reward"});
  only(command.add_option("--lowest-level", arguments.lowest_level, "reward, dpo: comparisons below this level are left out and counted")
           ->check(CLI::IsMember({"marginally_better", "slightly_better", "better", "significantly_better"}))->capture_default_str(),
       {"reward", "dpo"});
  only(command.add_option("--beta", arguments.dpo.beta, "dpo: pull towards the start model")->capture_default_str(), {"dpo"});
  only(command.add_option("--loss", arguments.dpo_loss, "dpo: sigmoid or ipo")->check(CLI::IsMember({"sigmoid", "ipo"}))->capture_default_str(), {"dpo"});
  only(command.add_option("--pairs", arguments.pairs, "dpo: best-worst, or all ordered pairs of a ranking")
           ->check(CLI::IsMember({"best-worst", "all"}))->capture_default_str(), {"dpo"});
  only(command.add_option("--nll-weight", arguments.dpo.nll_weight, "dpo: weight of the likelihood of chosen responses")->capture_default_str(), {"dpo"});
  only(command.add_flag("--nll-per-token", arguments.nll_per_token, "dpo: average that likelihood over tokens, not over responses"), {"dpo"});
  only(command.add_option("--label-smoothing", arguments.dpo.label_smoothing, "dpo: share of pairs taken to be the wrong way round")
           ->capture_default_str(), {"dpo"});
  only(command.add_option("--dpop", arguments.dpo.positive_weight, "dpo: DPOP's penalty for a falling chosen log-probability; 0: off")
           ->capture_default_str(), {"dpo"});
  only(command.add_flag("--length-normalised", arguments.dpo.length_normalised, "dpo: compare means over tokens instead of sums"), {"dpo"});
  only(command.add_flag("--compare-terminators", arguments.compare_terminators, "dpo: let terminators count in the preference term"), {"dpo"});
  only(command.add_option("--reference-cache", arguments.reference_cache,
                          "dpo: folder that keeps the start model's log-probabilities; none: nowhere; not given: the user's cache folder"),
       {"dpo"});
  only(command.add_flag("--after-error", arguments.after_error, "steps: learn labels behind the first wrong step too"), {"steps"});
  only(command.add_option("--labels", arguments.labels, "classify: the classes in order; not given: those of the data, sorted")->delimiter(','),
       {"classify"});
}

}  // namespace

void add_train_arguments(CLI::App& command, TrainArguments& arguments) {
  arguments.command = &command;
  command.add_option("KIND", arguments.kind, "sft, reward, dpo, outcome, steps, classify or lm")->required()
      ->check(CLI::IsMember({"sft", "reward", "dpo", "outcome", "steps", "classify", "lm"}));
  command.add_option("MODEL", arguments.model, "start model: folder, .gguf file or short name")->required();
  command.add_option("DATA", arguments.data,
                     "JSONL: dialogs (sft), preferences (reward, dpo), {\"text\": ...} (lm), dialogs with \"label\": true, false or a probability "
                     "(outcome) or a name (classify), dialogs with \"labels\", one a line of the reply (steps; also TRL's and PRM800K's rows)")
      ->required();
  command.add_option("-o,--out", arguments.out, "folder for the trained model")->required();
  add_run_options(command, arguments);
  add_kind_options(command, arguments);
  add_report_options(command, arguments);
}

void check_options_of_kind(const TrainArguments& arguments) {
  for (const auto& [option, kinds] : arguments.only_for) {
    if (option->count() == 0 || std::find(kinds.begin(), kinds.end(), arguments.kind) != kinds.end()) continue;
    throw base::UserError("{} is an option of `drover train {}`, not of `drover train {}`.", option->get_name(), fmt::join(kinds, "`, `"),
                          arguments.kind);
  }
}

}  // namespace drover::cli
