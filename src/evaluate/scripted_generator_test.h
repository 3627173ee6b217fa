#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "generate/generator.h"
#include "ledger/ledger.h"

namespace drover::evaluate {

/// A generator for tests that answers with what a function says, and counts its calls. "..." at the end of an answer
/// means cut.
class ScriptedGenerator final : public generate::Generator {
 public:
  using Answer = std::function<std::string(const std::string& question, std::int64_t sample)>;

  ScriptedGenerator(std::string name, Answer answer) : name_(std::move(name)), answer_(std::move(answer)) {}

  std::vector<generate::GenerationResult> generate(std::span<const generate::GenerationRequest> requests,
                                                   const generate::GenerationCallbacks& = {}) override {
    std::vector<generate::GenerationResult> results;
    for (const auto& request : requests) {
      ++num_requests;
      auto& result = results.emplace_back();
      for (std::int64_t sample = 0; sample < request.num_responses; ++sample) {
        result.responses.push_back(response(answer_(request.dialog.messages.back().content, sample)));
      }
    }
    return results;
  }

  std::string model_name() const override { return name_; }

  int num_requests = 0;

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
