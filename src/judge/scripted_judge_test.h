#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "generate/generator.h"

namespace drover::judge {

/// A generator for tests that answers questions with what a function says. "..." at the end of an answer means cut; the
/// answer "too long" means that the question does not fit.
class ScriptedModel final : public generate::Generator {
 public:
  using Answer = std::function<std::string(const std::string& question, std::int64_t attempt)>;

  explicit ScriptedModel(Answer answer) : answer_(std::move(answer)) {}

  std::vector<generate::GenerationResult> generate(std::span<const generate::GenerationRequest> requests,
                                                   const generate::GenerationCallbacks& callbacks) override {
    std::vector<generate::GenerationResult> results(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      ++num_requests;
      const auto& request = requests[i];
      auto text = answer_(request.dialog.messages.back().content, request.first_sample);
      if (text == "too long") {
        callbacks.on_failure(i, "The prompt has 9,000 tokens.");
        continue;
      }
      generate::Response response;
      response.finish = text.ends_with("...") ? generate::Finish::kLength : generate::Finish::kTerminator;
      if (!response.is_complete()) text.resize(text.size() - 3);
      response.text = text;
      results[i].responses.push_back(std::move(response));
    }
    return results;
  }

  std::string model_name() const override { return "scripted"; }

  int num_requests = 0;

 private:
  Answer answer_;
};

inline chat::Dialog dialog(const std::string& asked, const std::string& answered) {
  return {.messages = {{.sender = chat::Sender::kUser, .content = asked},
                       {.sender = chat::Sender::kAssistant, .content = answered}}};
}

}  // namespace drover::judge
