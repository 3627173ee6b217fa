#include <fmt/format.h>

#include "judge/prompts.h"
#include "preference/dialogs.h"

namespace drover::preference {
namespace {

constexpr std::string_view kDone = "DONE";

chat::Dialog question_to(const chat::Dialog& dialog, const SimulatedUserOptions& options) {
  return {.messages = {{.sender = chat::Sender::kUser,
                        .content = fmt::format(
                            "You play the user in a conversation with an assistant. You are {}. You want {}.\n\n{}### Task\n"
                            "Write the next message of the user: a short question or request that follows from the last "
                            "answer. Write only that message. If the user has nothing more to ask, write only {}.",
                            options.persona, options.wish, judge::shown_dialog(dialog), kDone)}}};
}

std::optional<chat::Message> message_of(const generate::GenerationResult& result) {
  if (result.responses.empty() || !result.responses[0].is_complete()) return std::nullopt;
  std::string_view text = result.responses[0].text;
  constexpr std::string_view kBlanks = " \t\r\n";
  while (!text.empty() && kBlanks.find(text.front()) != std::string_view::npos) text.remove_prefix(1);
  while (!text.empty() && kBlanks.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
  const bool is_done = text.starts_with(kDone) && text.size() <= kDone.size() + 1;
  if (text.empty() || is_done) return std::nullopt;
  return chat::Message{.sender = chat::Sender::kUser, .content = std::string(text)};
}

}  // namespace

NextUserTurns simulated_user(generate::Generator& generator, SimulatedUserOptions options) {
  return [&generator, options = std::move(options)](std::span<const DialogSoFar> dialogs) {
    std::vector<generate::GenerationRequest> requests;
    for (const auto& so_far : dialogs) {
      generate::GenerationRequest request;
      request.dialog = question_to(so_far.dialog, options);
      request.options = options.sampling;
      requests.push_back(std::move(request));
    }
    generate::GenerationCallbacks callbacks;
    callbacks.on_failure = [](std::size_t, const std::string&) {};  // too long for the model that plays the user: it ends
    std::vector<std::optional<chat::Message>> said;
    for (const auto& result : generator.generate(requests, callbacks)) said.push_back(message_of(result));
    return said;
  };
}

}  // namespace drover::preference
