#include "model/lora_options.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/nearest_name.h"

namespace drover::model {
namespace {

constexpr std::string_view kTargets[] = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
constexpr std::int64_t kMaxRank = 1024;

}  // namespace

std::span<const std::string_view> lora_target_names() { return kTargets; }

void LoraOptions::validate() const {
  if (rank < 0 || rank > kMaxRank) throw base::UserError("lora_rank = {} is not possible: it must be from 0 (off) to {}.", rank, kMaxRank);
  if (!(alpha >= 0.0) || !std::isfinite(alpha)) throw base::UserError("lora_alpha = {} is not possible: it must be a positive number, or 0 for twice the rank.", alpha);
  std::set<std::string_view> seen;
  for (const auto& target : targets) {
    if (std::find(std::begin(kTargets), std::end(kTargets), target) == std::end(kTargets)) {
      throw base::UserError("lora_targets: there is no linear map '{}'{}; a layer has {}.", target, base::suggestion(target, kTargets), fmt::join(kTargets, ", "));
    }
    if (!seen.insert(target).second) throw base::UserError("lora_targets names '{}' twice.", target);
  }
  if (!is_on() && (alpha != 0.0 || !targets.empty())) throw base::UserError("lora_alpha and lora_targets belong to adapters: give lora_rank too.");
}

}  // namespace drover::model
