#include "model/gguf_names.h"

#include <utility>

#include "base/error.h"

namespace drover::model {
namespace {

constexpr std::pair<std::string_view, std::string_view> kLayerNames[] = {
    {"input_layernorm", "attn_norm"},   {"self_attn.q_proj", "attn_q"},       {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},     {"self_attn.o_proj", "attn_output"},  {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"}, {"post_attention_layernorm", "ffn_norm"}, {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},          {"mlp.down_proj", "ffn_down"},
};

}  // namespace

std::string gguf_name_of(std::string_view parameter) {
  if (parameter == "model.embed_tokens.weight") return "token_embd.weight";
  if (parameter == "model.norm.weight") return "output_norm.weight";
  if (parameter == "lm_head.weight") return "output.weight";
  constexpr std::string_view kPrefix = "model.layers.";
  const std::size_t dot = parameter.find('.', kPrefix.size());
  DROVER_CHECK(parameter.starts_with(kPrefix) && dot != std::string_view::npos, "Parameter {} has no name in GGUF", parameter);
  const std::string_view layer = parameter.substr(kPrefix.size(), dot - kPrefix.size());
  const std::string_view rest = parameter.substr(dot + 1);
  const std::size_t last_dot = rest.rfind('.');
  for (const auto& [ours, theirs] : kLayerNames) {
    if (rest.substr(0, last_dot) == ours) return fmt::format("blk.{}.{}{}", layer, theirs, rest.substr(last_dot));
  }
  DROVER_CHECK(false, "Parameter {} has no name in GGUF", parameter);
}

std::int64_t num_reordered_heads(const DecoderConfig& config, std::string_view parameter) {
  // Qwen files keep the order of halves: llama.cpp rotates them so.
  if (config.architecture == Architecture::kQwen2 || config.architecture == Architecture::kQwen3) return 0;
  if (parameter.find("self_attn.q_proj.") != std::string_view::npos) return config.num_heads;
  if (parameter.find("self_attn.k_proj.") != std::string_view::npos) return config.num_kv_heads;
  return 0;
}

}  // namespace drover::model
