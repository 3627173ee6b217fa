#include "chat/preference_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/nearest_name.h"
#include "base/shown_name.h"
#include "chat/checked_object.h"
#include "chat/dialog_json.h"

namespace drover::chat {
namespace {

constexpr std::array<std::string_view, 5> kLevelNames = {"none", "marginally_better", "slightly_better", "better",
                                                         "significantly_better"};

PreferenceLevel level_from_json(const Json& value, std::string_view where) {
  if (!value.is_string()) fail_at(where, fmt::format("expected a level's name, found {}", kind_of(value)));
  const std::string& name = value.get_ref<const std::string&>();
  const auto level = preference_level_of(name);
  if (!level) {
    fail_at(where, fmt::format("unknown level \"{}\"{}; known: {}", base::escaped_name(name), base::suggestion(name, kLevelNames), fmt::join(kLevelNames, ", ")));
  }
  return *level;
}

std::vector<Message> response_from_json(const Json& value, std::string_view where) {
  if (value.is_string()) return {{.sender = Sender::kAssistant, .content = value.get<std::string>()}};
  std::vector<Message> messages = messages_from_json(value, where);
  if (messages.front().sender != Sender::kAssistant) fail_at(where, "a response must begin with an assistant's message");
  for (const Message& message : messages) {
    if (message.sender == Sender::kUser || message.sender == Sender::kSystem) {
      fail_at(where, fmt::format("a response may hold messages of the assistant and of tools, not of the {}", name_of(message.sender)));
    }
  }
  return messages;
}

std::vector<Message> prompt_from_json(const Json& value) {
  if (value.is_string()) return {{.sender = Sender::kUser, .content = value.get<std::string>()}};
  return messages_from_json(value, "prompt");
}

/// Splits two whole dialogs into the beginning they share and what follows. The responses begin with an assistant's message.
PreferenceRow split_common_prompt(const Json& chosen, const Json& rejected) {
  if (chosen.is_string() || rejected.is_string()) {
    fail_at("", "\"chosen\" and \"rejected\" are texts, so the key \"prompt\" must say what they answer");
  }
  const auto first = messages_from_json(chosen, "chosen");
  const auto second = messages_from_json(rejected, "rejected");
  std::size_t common = 0;
  while (common < std::min(first.size(), second.size()) && first[common] == second[common]) ++common;
  const auto starts_response = [common = &common](const std::vector<Message>& messages) {
    return *common < messages.size() && messages[*common].sender == Sender::kAssistant;
  };
  if (common == first.size() && common == second.size()) fail_at("", "\"chosen\" and \"rejected\" are equal");
  while (common > 0 && !(starts_response(first) && starts_response(second))) --common;
  if (common == 0) fail_at("", "\"chosen\" and \"rejected\" share no beginning that an assistant answers; give \"prompt\"");
  const auto cut = static_cast<std::ptrdiff_t>(common);
  PreferenceRow row;
  row.prompt.messages.assign(first.begin(), first.begin() + cut);
  row.responses = {{first.begin() + cut, first.end()}, {second.begin() + cut, second.end()}};
  for (const auto& response : row.responses) {
    for (const Message& message : response) {
      if (message.sender == Sender::kUser || message.sender == Sender::kSystem) {
        fail_at("", "after their common beginning, \"chosen\" and \"rejected\" may only hold messages of the assistant and of tools");
      }
    }
  }
  return row;
}

/// The order of the responses, best first.
std::vector<std::size_t> ranking_from_json(const CheckedObject& object, std::size_t num_responses) {
  std::vector<std::size_t> order(num_responses);
  std::iota(order.begin(), order.end(), 0);
  const Json* ranking = object.find("ranking");
  if (ranking == nullptr) return order;
  const std::string expected = fmt::format("expected a list that holds each of 0 to {} once, best first", num_responses - 1);
  if (!ranking->is_array() || ranking->size() != num_responses) fail_at("ranking", expected);
  std::vector<bool> seen(num_responses);
  for (std::size_t i = 0; i < num_responses; ++i) {
    const Json& index = (*ranking)[i];
    if (!index.is_number_unsigned() || index.get<std::uint64_t>() >= num_responses || seen[index.get<std::size_t>()]) {
      fail_at("ranking", expected);
    }
    order[i] = index.get<std::size_t>();
    seen[order[i]] = true;
  }
  return order;
}

double score_from_json(const Json& value, const std::string& where) {
  if (!value.is_number()) fail_at(where, fmt::format("expected a number, found {}", kind_of(value)));
  return value.get<double>();
}

/// Ratings must fall where one response is said to be better than the next.
void check_scores(const PreferenceRow& row, const std::vector<double>& best_first, const std::string& where) {
  for (std::size_t i = 0; i + 1 < best_first.size(); ++i) {
    if (best_first[i] > best_first[i + 1] || row.levels[i] == PreferenceLevel::kNone) continue;
    fail_at(where, fmt::format("ratings contradict the ranking: what is ranked better has {}, what follows it {}", best_first[i], best_first[i + 1]));
  }
}

PreferenceRow ranked_responses(const CheckedObject& object, PreferenceLevel unstated) {
  object.refuse_unknown_keys({"prompt", "responses", "ranking", "levels", "scores", "tools", "core_tools", "today", "id"});
  PreferenceRow row;
  row.prompt.messages = prompt_from_json(object.at("prompt"));
  const Json& list = object.at("responses");
  if (!list.is_array() || list.size() < 2) fail_at("responses", "expected a list of at least two responses");
  const auto order = ranking_from_json(object, list.size());
  for (const std::size_t index : order) row.responses.push_back(response_from_json(list[index], fmt::format("responses[{}]", index)));
  row.levels.assign(list.size() - 1, unstated);
  if (const Json* levels = object.find("levels")) {
    if (!levels->is_array() || levels->size() != row.levels.size()) {
      fail_at("levels", fmt::format("expected a list of {}, one between each two neighbours of the ranking", row.levels.size()));
    }
    for (std::size_t i = 0; i < row.levels.size(); ++i) row.levels[i] = level_from_json((*levels)[i], fmt::format("levels[{}]", i));
  }
  if (const Json* scores = object.find("scores")) {
    if (!scores->is_array() || scores->size() != list.size()) fail_at("scores", fmt::format("expected a list of {}, one for each response", list.size()));
    std::vector<double> best_first;
    for (const std::size_t index : order) best_first.push_back(score_from_json((*scores)[index], fmt::format("scores[{}]", index)));
    check_scores(row, best_first, "scores");
  }
  return row;
}

PreferenceRow chosen_rejected(const CheckedObject& object, PreferenceLevel unstated) {
  object.refuse_unknown_keys({"prompt", "chosen", "rejected", "edited", "level", "score_chosen", "score_rejected", "tools", "core_tools", "today", "id"});
  const Json& chosen = object.at("chosen");
  const Json& rejected = object.at("rejected");
  PreferenceRow row;
  if (const Json* prompt = object.find("prompt")) {
    row.prompt.messages = prompt_from_json(*prompt);
    row.responses = {response_from_json(chosen, "chosen"), response_from_json(rejected, "rejected")};
  } else {
    row = split_common_prompt(chosen, rejected);
  }
  const Json* level = object.find("level");
  row.levels = {level == nullptr ? unstated : level_from_json(*level, "level")};
  if (object.find("score_chosen") != nullptr || object.find("score_rejected") != nullptr) {
    check_scores(row, {score_from_json(object.at("score_chosen"), "score_chosen"), score_from_json(object.at("score_rejected"), "score_rejected")},
                 "score_chosen");
  }
  if (const Json* edited = object.find("edited")) {
    row.responses.insert(row.responses.begin(), response_from_json(*edited, "edited"));
    row.levels.insert(row.levels.begin(), PreferenceLevel::kBetter);
  }
  return row;
}

}  // namespace

std::string_view name_of(PreferenceLevel level) { return kLevelNames.at(static_cast<std::size_t>(level)); }

std::optional<PreferenceLevel> preference_level_of(std::string_view name) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == name) return static_cast<PreferenceLevel>(i);
  }
  return std::nullopt;
}

Dialog PreferenceRow::with_response(std::size_t response) const {
  Dialog dialog = prompt;
  const auto& messages = responses.at(response);
  dialog.messages.insert(dialog.messages.end(), messages.begin(), messages.end());
  return dialog;
}

PreferenceRow preference_row_from_json(const Json& value, PreferenceLevel unstated) {
  const CheckedObject object(value, "");
  PreferenceRow row = object.find("responses") != nullptr ? ranked_responses(object, unstated) : chosen_rejected(object, unstated);
  read_dialog_extras(value, row.prompt);
  if (row.prompt.messages.back().sender == Sender::kAssistant && row.prompt.messages.back().ending == Ending::kTurn) {
    fail_at("prompt", "it ends with an assistant's finished turn, so nothing is left to answer");
  }
  for (std::size_t i = 0; i < row.responses.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (row.responses[i] == row.responses[j]) {
        fail_at("", "two responses are equal, so there is nothing to prefer (chosen and rejected must differ)");
      }
    }
  }
  return row;
}

Json preference_row_to_json(const PreferenceRow& row) {
  Json value = Json::object();
  value["prompt"] = messages_to_json(row.prompt.messages);
  value["responses"] = Json::array();
  for (const auto& response : row.responses) value["responses"].push_back(messages_to_json(response));
  value["levels"] = Json::array();
  for (const PreferenceLevel level : row.levels) value["levels"].push_back(name_of(level));
  const Json extras = dialog_to_json(row.prompt);
  for (const auto& [key, member] : extras.items()) {
    if (key != "messages") value[key] = member;
  }
  return value;
}

}  // namespace drover::chat
