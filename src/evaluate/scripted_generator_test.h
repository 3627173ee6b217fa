#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "generate/generator.h"
#include "ledger/ledger.h"

namespace drover::evaluate {

/// A generator for tests that answers with what a function says, and counts what it was asked. "..." at the end of an answer
/// means cut.
class ScriptedGenerator final : public generate::Generator {
 public:
  using Answer = std::function<std::string(const std::string& question, std::int64_t sample)>;

  ScriptedGenerator(std::string name, Answer answer) : name_(std::move(name)), answer_(std::move(answer)) {}

  std::vector<generate::GenerationResult> generate(std::span<const generate::GenerationRequest> requests,
                                                   const generate::GenerationCallbacks& callbacks = {}) override {
    std::vector<generate::GenerationResult> results(requests.size());
    std::int64_t num_told = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto& request = requests[i];
      ++num_requests;
      for (std::int64_t k = 0; k < request.num_responses; ++k) {
        auto said = response(answer_(request.dialog.messages.back().content, request.first_sample + k));
        ++num_replies;
        if (callbacks.on_response) callbacks.on_response(i, k, said);
        if (callbacks.keep_responses) results[i].responses.push_back(std::move(said));
        if (callbacks.on_progress) callbacks.on_progress({.what = "sampling", .done = ++num_told, .total = 0, .unit = "replies"});
      }
    }
    return results;
  }

  std::string model_name() const override { return name_; }

  int num_requests = 0;
  int num_replies = 0;

 private:
  static generate::Response response(std::string text) {
    generate::Response response;
    const bool is_cut = text.ends_with("...");
    if (is_cut) text.resize(text.size() - 3);
    for (const char letter : text) {
      response.ids.push_back(text::TokenId{static_cast<unsigned char>(letter)});
      response.log_probs.push_back(-0.5F);
    }
    chat::Message message;
    message.sender = chat::Sender::kAssistant;
    message.content = text;
    message.ending = is_cut ? chat::Ending::kCut : chat::Ending::kTurn;
    response.reply.messages = {message};
    response.text = text;
    response.finish = is_cut ? generate::Finish::kLength : generate::Finish::kTerminator;
    return response;
  }

  std::string name_;
  Answer answer_;
};

/// A question whose answer is a number.
inline ledger::Prompt question(const std::string& text, const std::string& expected) {
  chat::Message message;
  message.sender = chat::Sender::kUser;
  message.content = text;
  ledger::Prompt prompt;
  prompt.dialog.messages = {message};
  prompt.source = "test";
  prompt.checker = "numeric";
  prompt.expected = expected;
  return prompt;
}

}  // namespace drover::evaluate
