#include "openai/remote_request.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random_stream.h"
#include "chat/dialog_json.h"

namespace drover::openai {
namespace {

using chat::Json;

/// Messages with OpenAI's keys only.
Json messages_of(const chat::Dialog& dialog) {
  Json messages = chat::messages_to_json(dialog.messages);
  for (auto& message : messages) {
    message.erase("ending");
    message.erase("recipient");
  }
  return messages;
}

void add_sampling(Json& body, const engine::SamplingOptions& options) {
  body["max_tokens"] = options.max_tokens;
  body["temperature"] = options.temperature;
  body["top_p"] = options.top_p;
  if (options.presence_penalty != 0) body["presence_penalty"] = options.presence_penalty;
  if (options.frequency_penalty != 0) body["frequency_penalty"] = options.frequency_penalty;
  if (!options.stop_strings.empty()) body["stop"] = options.stop_strings;
  for (const auto& [id, bias] : options.logit_bias) {
    body["logit_bias"][std::to_string(text::to_int(id))] = std::isinf(bias) ? -100.0 : bias;  // the protocol's "never"
  }
  if (options.top_k > 0) body["top_k"] = options.top_k;
  if (options.min_p > 0) body["min_p"] = options.min_p;
  if (options.repetition_penalty != 1) body["repetition_penalty"] = options.repetition_penalty;
  if (options.min_tokens > 0) body["min_tokens"] = options.min_tokens;
  if (!options.stop_ids.empty()) {
    body["stop_token_ids"] = Json::array();
    for (const auto id : options.stop_ids) body["stop_token_ids"].push_back(text::to_int(id));
  }
}

}  // namespace

chat::Json remote_request(const generate::GenerationRequest& request, std::span<const text::TokenId> prompt_ids, const std::string& model,
                          std::int64_t first, std::int64_t count, const RemoteAbilities& abilities) {
  Json body = Json::object();
  body["model"] = model;
  if (prompt_ids.empty()) {
    body["messages"] = messages_of(request.dialog);
    for (const auto& tool : request.dialog.tools) body["tools"].push_back(chat::tool_to_json(tool));
  } else {
    body["prompt"] = Json::array();
    for (const auto id : prompt_ids) body["prompt"].push_back(text::to_int(id));
  }
  add_sampling(body, request.options);
  body["seed"] = remote_seed(request.options.seed, request.first_sample + first);
  if (count > 1) body["n"] = count;
  if (abilities.log_probs) body["logprobs"] = prompt_ids.empty() ? Json(true) : Json(1);
  if (abilities.token_ids) body["return_token_ids"] = true;
  return body;
}

std::int64_t remote_seed(std::uint64_t seed, std::int64_t sample_number) {
  constexpr std::uint64_t kSeeds = std::uint64_t{1} << 31;  // what all servers take
  const auto base = base::RandomStream(seed, "remote seed").below(kSeeds);
  return static_cast<std::int64_t>((base + static_cast<std::uint64_t>(sample_number)) % kSeeds);
}

}  // namespace drover::openai
