#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace drover::model {

/// The shape of a BERT or RoBERTa encoder, and what sentence-transformers puts around it.
struct EncoderConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t max_positions = 0;     ///< rows of the position table
  std::int64_t num_token_types = 0;
  double layer_norm_eps = 1e-12;
  std::int64_t first_position = 0;    ///< the first token's row in the position table: RoBERTa begins behind its padding id
  std::int64_t max_tokens = 0;        ///< longer texts are cut; at most max_positions - first_position
  bool normalise = false;             ///< vectors get length 1
};

/// Reads config.json of model_type bert or roberta. Throws UserError with the key and its value.
EncoderConfig parse_encoder_config(std::string_view json, std::string_view where);

/// Reads config.json, modules.json, the pooling module's config and sentence_bert_config.json of a sentence-transformers folder; all
/// but the first may be absent. Throws UserError for pooling other than the mean.
EncoderConfig read_sentence_folder(const std::filesystem::path& folder);

}  // namespace drover::model
