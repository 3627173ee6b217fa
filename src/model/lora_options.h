#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace drover::model {

/// Low-rank adapters (Hu et al. 2021, arXiv:2106.09685): the trunk stays as it is, and to each target weight W [out, in] the product
/// alpha / rank * B A of a pair that learns is added.
struct LoraOptions {
  std::int64_t rank = 0;                  ///< rows of A; 1 to 1024; 0: no adapters, all parameters learn
  double alpha = 0.0;                     ///< above 0; 0: twice the rank
  std::vector<std::string> targets = {};  ///< some of `lora_target_names`; empty: all

  bool is_on() const { return rank > 0; }
  double effective_alpha() const { return alpha == 0.0 ? 2.0 * static_cast<double>(rank) : alpha; }
  double scale() const { return effective_alpha() / static_cast<double>(rank); }

  /// Throws UserError.
  void validate() const;
};

/// The linear maps of a layer, named as PEFT's target_modules: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj.
std::span<const std::string_view> lora_target_names();

}  // namespace drover::model
