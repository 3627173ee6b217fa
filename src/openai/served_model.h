#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chat/chat_format.h"
#include "engine/paged_model.h"
#include "model/encoder.h"
#include "text/tokenizer.h"

namespace drover::openai {

/// What a server answers with: a model that writes, or an encoder.
struct ServedModel {
  std::string name;                                      ///< as /v1/models lists it
  std::shared_ptr<engine::PagedModel> model = {};        ///< empty for an encoder
  std::shared_ptr<const text::Tokenizer> tokenizer = {};
  std::shared_ptr<const chat::ChatFormat> format = {};   ///< may be empty: then there is no /v1/chat/completions
  std::vector<text::TokenId> stop_ids = {};              ///< of the model's configuration; those of the format come beside them
  std::shared_ptr<const model::Encoder> encoder = {};    ///< serves /v1/embeddings
};

}  // namespace drover::openai
