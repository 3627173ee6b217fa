#include "model/config.h"

#include <string_view>

#include "base/error.h"

namespace drover::model {
namespace {

void check_size(std::string_view key, std::int64_t value, std::int64_t largest) {
  if (value < 1 || value > largest) {
    throw base::UserError("The model's {} is {}, which must lie between 1 and {}.", key, value, largest);
  }
}

void check_number(std::string_view key, double value, double above, double largest) {
  if (!(value > above && value <= largest)) {
    throw base::UserError("The model's {} is {}, which must be above {} and at most {}.", key, value, above, largest);
  }
}

void check_scaling(const RopeScaling& scaling) {
  if (scaling.kind == RopeScaling::Kind::kNone) return;
  check_number("rope scaling factor", scaling.factor, 0.0, 1e6);
  if (scaling.kind == RopeScaling::Kind::kLinear) return;
  check_size("original_max_position_embeddings of the rope scaling", scaling.original_max_positions, std::int64_t{1} << 27);
  if (scaling.kind == RopeScaling::Kind::kLlama3) {
    check_number("low_freq_factor", scaling.low_freq_factor, 0.0, 1e6);
    check_number("high_freq_factor (above low_freq_factor)", scaling.high_freq_factor, scaling.low_freq_factor, 1e6);
  } else {
    check_number("beta_slow", scaling.beta_slow, 0.0, 1e6);
    check_number("beta_fast (above beta_slow)", scaling.beta_fast, scaling.beta_slow, 1e6);
    if (scaling.attention_factor != 0.0) check_number("attention_factor", scaling.attention_factor, 0.0, 1e6);
  }
}

void check_head(const Head& head) {
  const bool fits = head.kind == HeadKind::kLanguage  ? head.num_labels == 0
                    : head.kind == HeadKind::kClasses ? head.num_labels >= 2 && head.num_labels <= 4096
                                                      : head.num_labels == 1;
  if (!fits) {
    throw base::UserError(
        "The model's head has {} labels; a reward or steps head has 1, a head of classes 2 to 4096, a language head none.",
        head.num_labels);
  }
  if (!head.labels.empty() && std::ssize(head.labels) != head.num_labels) {
    throw base::UserError("The model's head has {} labels, but {} names for them.", head.num_labels, head.labels.size());
  }
}

}  // namespace

void DecoderConfig::validate() const {
  check_size("vocab_size", vocab_size, std::int64_t{1} << 22);
  check_size("hidden_size", hidden_size, std::int64_t{1} << 17);
  check_size("intermediate_size", intermediate_size, std::int64_t{1} << 19);
  check_size("num_hidden_layers", num_layers, 1024);
  check_size("num_attention_heads", num_heads, 4096);
  check_size("num_key_value_heads", num_kv_heads, num_heads);
  check_size("head_dim", head_dim, 4096);
  check_size("num_attention_heads x head_dim", num_heads * head_dim, std::int64_t{1} << 17);
  check_size("max_position_embeddings", max_positions, std::int64_t{1} << 27);
  if (num_heads % num_kv_heads != 0) {
    throw base::UserError("The model's num_attention_heads ({}) is not a multiple of num_key_value_heads ({}).", num_heads,
                          num_kv_heads);
  }
  if (head_dim % 2 != 0) {
    throw base::UserError("The model's head_dim is {}, but rotary positions need an even number.", head_dim);
  }
  if (sliding_window < 0) throw base::UserError("The model's sliding_window is {}, which must not be negative.", sliding_window);
  check_number("rms_norm_eps", rms_norm_eps, 0.0, 1.0);
  check_number("rope_theta", rope_theta, 1.0, 1e12);
  check_scaling(rope_scaling);
  check_head(head);
  for (const text::TokenId id : eos) {
    if (text::to_int(id) < 0 || text::to_int(id) >= vocab_size) {
      throw base::UserError("The model's eos_token_id {} lies outside its vocabulary of {} tokens.", text::to_int(id), vocab_size);
    }
  }
  if (text::to_int(bos) < -1 || text::to_int(bos) >= vocab_size) {
    throw base::UserError("The model's bos_token_id {} lies outside its vocabulary of {} tokens.", text::to_int(bos), vocab_size);
  }
}

}  // namespace drover::model
