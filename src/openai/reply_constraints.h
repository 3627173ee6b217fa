#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/dialog.h"
#include "engine/token_constraint.h"
#include "engine/vocabulary_trie.h"
#include "text/tokenizer.h"

namespace drover::openai {

/// What replies are held to, compiled for one tokenizer; the newest are kept. Safe to use from many threads; they take turns.
class ReplyConstraints {
 public:
  explicit ReplyConstraints(std::shared_ptr<const text::Tokenizer> tokenizer) : tokenizer_(std::move(tokenizer)) {}

  /// JSON that meets a schema; any JSON object when it is empty. Throws UserError.
  std::shared_ptr<const engine::TokenConstraint> of_schema(const std::string& schema);
  /// A call of one of the tools in a chat format; nothing when there is no grammar of the format's calls. Throws UserError.
  std::shared_ptr<const engine::TokenConstraint> of_calls(std::string_view format, const std::vector<chat::ToolDefinition>& tools);

 private:
  using Constraint = std::shared_ptr<const engine::TokenConstraint>;
  const std::shared_ptr<const engine::VocabularyTrie>& vocabulary();
  template <typename Compile>
  Constraint remembered(const std::string& name, Compile compile);

  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::mutex mutex_;
  std::shared_ptr<const engine::VocabularyTrie> vocabulary_;  // made when first needed
  std::list<std::pair<std::string, Constraint>> newest_;      // the last used first
};

}  // namespace drover::openai
