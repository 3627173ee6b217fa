#pragma once

#include <string>
#include <string_view>

#include "model/config.h"

namespace drover::model {

/// The GGUF name of a parameter: "model.layers.3.self_attn.q_proj.weight" is "blk.3.attn_q.weight". The name must be one of
/// `parameter_shapes` of a language model (checked).
std::string gguf_name_of(std::string_view parameter);

/// The number of heads by which the rows of this parameter are reordered between GGUF's Llama files and Hugging Face's (see
/// weights/rope_rows.h); 0: the rows stay.
std::int64_t num_reordered_heads(const DecoderConfig& config, std::string_view parameter);

}  // namespace drover::model
