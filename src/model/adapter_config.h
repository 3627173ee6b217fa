#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace drover::model {

/// What PEFT's adapter_config.json says of LoRA adapters, as far as it changes numbers.
struct AdapterConfig {
  std::string base_model;                     ///< base_model_name_or_path; empty: not known
  std::string task_type = "CAUSAL_LM";
  std::int64_t rank = 0;                      ///< r
  double alpha = 0.0;                         ///< lora_alpha
  bool rank_stabilised = false;               ///< use_rslora: scale alpha / sqrt(rank) instead of alpha / rank
  std::map<std::string, double> alpha_pattern = {};        ///< alpha of the modules whose name ends in a key
  std::map<std::string, std::int64_t> rank_pattern = {};   ///< rank, likewise
  std::vector<std::string> target_modules = {};            ///< what is written; the tensors say what there is
  std::vector<std::string> modules_to_save = {};           ///< likewise
  bool operator==(const AdapterConfig&) const = default;

  /// What b a of this module ("model.layers.0.self_attn.q_proj") is multiplied with, for its pair's rank.
  double scale(std::string_view module, std::int64_t rank_of_pair) const;
  /// The rank that the module's pair has.
  std::int64_t rank_of(std::string_view module) const;
};

/// Reads the text of an adapter_config.json; `where` names it. Throws UserError with the key at fault, also for what changes numbers in ways
/// that drover does not compute: another kind than LoRA, DoRA, biases, fan_in_fan_out, initialisations that change the base model, patterns
/// that are more than the end of a module's name.
AdapterConfig parse_adapter_config(std::string_view text, std::string_view where);

/// The text of an adapter_config.json that PEFT reads.
std::string to_adapter_json(const AdapterConfig& config);

}  // namespace drover::model
