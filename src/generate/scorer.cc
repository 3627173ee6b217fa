#include "generate/scorer.h"

#include <algorithm>
#include <exception>
#include <functional>
#include <utility>

#include "base/error.h"
#include "chat/reply_tokens.h"
#include "engine/sampler.h"
#include "generate/local_generator.h"
#include "model/heads.h"

namespace drover::generate {
namespace {

using text::TokenId;

std::vector<TokenId> joined(std::span<const TokenId> prompt, std::span<const TokenId> reply) {
  std::vector<TokenId> tokens(prompt.begin(), prompt.end());
  tokens.insert(tokens.end(), reply.begin(), reply.end());
  return tokens;
}

void refuse_empty(std::span<const std::vector<TokenId>> replies) {
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (replies[i].empty()) throw base::UserError("Reply {} cannot be scored: it has no tokens.", i + 1);
  }
}

}  // namespace

/// Receives the outputs of one request.
class Scorer::Collector final : public engine::Listener {
 public:
  explicit Collector(std::function<void(std::int64_t position, std::span<const float> output)> take) : take_(std::move(take)) {}

  void on_output(std::int64_t position, std::span<const float> output) override { take_(position, output); }
  void on_end(std::exception_ptr failure) override {
    is_over_ = true;
    failure_ = std::move(failure);
  }
  bool is_over() const { return is_over_; }
  std::exception_ptr failure() const { return failure_; }

 private:
  std::function<void(std::int64_t, std::span<const float>)> take_;
  bool is_over_ = false;
  std::exception_ptr failure_;
};

Scorer::Scorer(std::shared_ptr<const model::Model> model, std::shared_ptr<const chat::ChatFormat> format, const engine::EngineOptions& options,
               model::WeightForm weights)
    : model_(std::move(model)), format_(std::move(format)), engine_(paged_model_of(*model_, weights), options) {}

Scorer::~Scorer() = default;

void Scorer::require_head(model::HeadKind kind) const {
  if (model_->config().head.kind != kind) {
    throw base::UserError("The model has a {} head, but a {} head is asked for.", model::name_of(model_->config().head.kind), model::name_of(kind));
  }
}

/// Cancels everything: collectors refer to results that are about to go.
void Scorer::give_up(std::span<const engine::RequestId> ids) noexcept {
  try {
    for (const auto id : ids) engine_.cancel(id);
    while (engine_.step()) {
    }
  } catch (...) {  // the first failure is the one to tell
  }
}

void Scorer::run(std::span<const std::shared_ptr<Collector>> collectors, std::vector<engine::OutputRequest> requests) {
  std::vector<engine::RequestId> ids;
  try {
    for (std::size_t i = 0; i < requests.size(); ++i) ids.push_back(engine_.submit(std::move(requests[i]), collectors[i]));
    while (engine_.step()) {
    }
  } catch (...) {
    give_up(ids);
    throw;
  }
  for (const auto& collector : collectors) {
    DROVER_CHECK(collector->is_over(), "The engine has nothing to do, but a text is not scored");
    if (collector->failure()) std::rethrow_exception(collector->failure());
  }
}

std::vector<std::vector<std::vector<float>>> Scorer::outputs(std::span<const TokenId> prompt, std::span<const std::vector<TokenId>> replies) {
  if (model_->config().head.kind == model::HeadKind::kLanguage) require_head(model::HeadKind::kReward);
  refuse_empty(replies);
  std::vector<std::vector<std::vector<float>>> results(replies.size());
  std::vector<std::shared_ptr<Collector>> collectors;
  std::vector<engine::OutputRequest> requests;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    collectors.push_back(std::make_shared<Collector>(
        [&result = results[i]](std::int64_t, std::span<const float> output) { result.emplace_back(output.begin(), output.end()); }));
    requests.push_back({.tokens = joined(prompt, replies[i]), .first_output = static_cast<std::int64_t>(prompt.size())});
  }
  run(collectors, std::move(requests));
  return results;
}

std::vector<float> Scorer::rewards(std::span<const TokenId> prompt, std::span<const std::vector<TokenId>> replies) {
  require_head(model::HeadKind::kReward);
  refuse_empty(replies);
  std::vector<float> results(replies.size());
  std::vector<std::shared_ptr<Collector>> collectors;
  std::vector<engine::OutputRequest> requests;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    collectors.push_back(std::make_shared<Collector>([&result = results[i]](std::int64_t, std::span<const float> output) { result = output[0]; }));
    auto tokens = joined(prompt, replies[i]);
    const auto last = static_cast<std::int64_t>(tokens.size()) - 1;
    requests.push_back({.tokens = std::move(tokens), .first_output = last});
  }
  run(collectors, std::move(requests));
  return results;
}

std::vector<float> Scorer::rewards(const chat::Dialog& prompt, std::span<const std::vector<chat::Message>> replies) {
  require_head(model::HeadKind::kReward);
  DROVER_CHECK(format_ != nullptr, "Replies need a chat format");
  std::vector<TokenId> prompt_ids;
  std::vector<std::vector<TokenId>> reply_ids;
  for (const auto& reply : replies) {
    if (reply.empty() || reply.front().sender != chat::Sender::kAssistant) {
      throw base::UserError("Reply {} cannot be scored: it does not begin with an assistant's message.", reply_ids.size() + 1);
    }
    chat::Dialog dialog = prompt;
    dialog.messages.insert(dialog.messages.end(), reply.begin(), reply.end());
    auto split = chat::split_at_reply(*format_, dialog, prompt.messages.size());
    prompt_ids = std::move(split.prompt);
    reply_ids.push_back(std::move(split.reply.ids));
  }
  return rewards(prompt_ids, reply_ids);
}

std::vector<std::vector<float>> Scorer::log_probs(std::span<const TokenId> prompt, std::span<const std::vector<TokenId>> replies) {
  require_head(model::HeadKind::kLanguage);
  if (prompt.empty()) throw base::UserError("The prompt is empty: nothing comes before the first token.");
  std::vector<std::vector<float>> results(replies.size());
  std::vector<std::shared_ptr<Collector>> collectors;
  std::vector<engine::OutputRequest> requests;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (replies[i].empty()) continue;
    const auto first = static_cast<std::int64_t>(prompt.size()) - 1;
    collectors.push_back(std::make_shared<Collector>([&result = results[i], reply = std::span(replies[i]), first](std::int64_t position, std::span<const float> logits) {
      result.push_back(engine::log_prob_of(logits, reply[static_cast<std::size_t>(position - first)]));
    }));
    // The last token is predicted, not read.
    requests.push_back({.tokens = joined(prompt, std::span(replies[i]).first(replies[i].size() - 1)), .first_output = first});
  }
  run(collectors, std::move(requests));
  return results;
}

}  // namespace drover::generate
