#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/load_options.h"
#include "text/tokenizer.h"

namespace drover::model {

/// Sentence vectors by a BERT or RoBERTa encoder with mean pooling: in float32 equal to sentence-transformers' to 1e-5, in bfloat16 of a
/// cosine above 0.999 with them. Immutable; share it between threads.
class Encoder {
 public:
  /// Loads a sentence-transformers folder (or a plain BERT or RoBERTa folder, which gets mean pooling without normalisation). Throws
  /// UserError that names the file and the fault.
  static std::shared_ptr<const Encoder> load(const std::filesystem::path& folder, const LoadOptions& options = {.compute_type = ComputeType::kFloat32});

  /// The same with a tokenizer of the caller's.
  static std::shared_ptr<const Encoder> load(const std::filesystem::path& folder, std::shared_ptr<const text::Tokenizer> tokenizer,
                                             const LoadOptions& options = {.compute_type = ComputeType::kFloat32});

  virtual ~Encoder() = default;

  virtual std::int64_t dimension() const = 0;
  /// Longer texts are cut to this many tokens, special ones included.
  virtual std::int64_t max_tokens() const = 0;
  virtual const text::Tokenizer& tokenizer() const = 0;

  /// One vector of `dimension()` numbers a text, of length 1 when the model's modules.json says so. Texts are packed without padding,
  /// so a text's vector does not depend on its neighbours beyond rounding.
  virtual std::vector<std::vector<float>> embed(std::span<const std::string> texts) const = 0;
  /// The same for texts that are tokens already, special ones included; each has at most `max_tokens()` (checked).
  virtual std::vector<std::vector<float>> embed_tokens(std::span<const std::vector<text::TokenId>> texts) const = 0;
  std::vector<float> embed_one(std::string_view text) const;
};

}  // namespace drover::model
