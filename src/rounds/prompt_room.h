#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rounds/workspace.h"

namespace drover::rounds {

/// How long prompts may be so that each of some models can answer them. Of models behind servers nothing is known.
class PromptRoom {
 public:
  PromptRoom(Workspace& work, std::span<const ModelRef> models);

  /// Whether every model has room for a token of a reply at least.
  bool has_room_for(const chat::Dialog& dialog) const { return tokens_too_many(dialog) <= 0; }

  /// The prompts that fit, in their order. What does not fit is recorded as the metric "prompt too long" of the stage: the
  /// prompt's name as subject, its tokens as value.
  std::vector<ledger::PromptId> fitting(std::span<const ledger::PromptId> prompts, const std::string& stage,
                                        ledger::Ledger& ledger) const;

  /// By how much a prompt is too long for the model that reads least; 0 or less: it fits.
  std::int64_t tokens_too_many(const chat::Dialog& dialog) const;

 private:
  struct Reader {
    std::string tokenizer;  ///< hash
    std::shared_ptr<const chat::ChatFormat> format;
    std::int64_t max_positions = 0;
  };
  static std::int64_t num_tokens(const Reader& reader, const chat::Dialog& dialog);

  std::vector<Reader> readers_;  ///< one for each kind of model
};

}  // namespace drover::rounds
