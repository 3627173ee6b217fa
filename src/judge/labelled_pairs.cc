#include "judge/labelled_pairs.h"

#include <array>

#include "base/error.h"
#include "base/file.h"
#include "chat/strict_json.h"

namespace drover::judge {
namespace {

using chat::Json;

const std::string& text_at(const Json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end()) throw base::UserError("it lacks \"{}\"", key);
  if (!found->is_string()) throw base::UserError("\"{}\" is not a text", key);
  return found->get_ref<const std::string&>();
}

std::int64_t vote_at(const Json& row, const char* key, std::int64_t lowest) {
  const auto found = row.find(key);
  if (found == row.end()) throw base::UserError("it lacks \"{}\"", key);
  const auto is_vote = found->is_number_integer() && *found >= lowest && *found <= 2;
  if (!is_vote) throw base::UserError("\"{}\" is {}, not {}1 or 2", key, found->dump(-1, ' ', false, Json::error_handler_t::replace), lowest == 0 ? "0, " : "");
  return found->get<std::int64_t>();
}

ReplyPair pair_of(std::string question, const std::string& first, const std::string& second) {
  const auto reply = [](const std::string& text) {
    return std::vector<chat::Message>{{.sender = chat::Sender::kAssistant, .content = text}};
  };
  return {.prompt = {.messages = {{.sender = chat::Sender::kUser, .content = std::move(question)}}},
          .first = reply(first),
          .second = reply(second)};
}

Winner winner_of(std::int64_t vote) {
  return vote == 1 ? Winner::kFirst : vote == 2 ? Winner::kSecond : Winner::kTie;
}

LabelledPair pandalm_pair(const Json& row) {
  auto question = text_at(row, "instruction");
  if (const auto& input = text_at(row, "input"); !input.empty()) question += "\n\n" + input;
  std::array<int, 3> votes{};
  for (const auto* person : {"annotator1", "annotator2", "annotator3"}) {
    ++votes[static_cast<std::size_t>(vote_at(row, person, 0))];
  }
  const auto label = votes[1] >= 2 ? Winner::kFirst : votes[2] >= 2 ? Winner::kSecond : Winner::kTie;
  return {.replies = pair_of(std::move(question), text_at(row, "response1"), text_at(row, "response2")), .people = label};
}

}  // namespace

LabelledPair labelled_pair_from_json(const Json& row) {
  if (!row.is_object()) throw base::UserError("it is not a JSON object");
  if (row.contains("annotator1")) return pandalm_pair(row);
  if (!row.contains("label")) {
    throw base::UserError("it holds neither \"annotator1\" (PandaLM's shape) nor \"label\" (LLMBar's)");
  }
  // One after the other, so that the first missing key is the one that is named.
  const auto& input = text_at(row, "input");
  const auto& first = text_at(row, "output_1");
  const auto& second = text_at(row, "output_2");
  return {.replies = pair_of(input, first, second), .people = winner_of(vote_at(row, "label", 1))};
}

std::vector<LabelledPair> read_labelled_pairs(const std::filesystem::path& file) {
  std::vector<LabelledPair> pairs;
  base::for_each_line(file, [&](std::int64_t number, std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    try {
      const auto row = chat::parse_strict_json(line);
      if (const auto* fault = std::get_if<chat::JsonFault>(&row)) throw base::UserError("not JSON: {}", fault->reason);
      pairs.push_back(labelled_pair_from_json(std::get<Json>(row)));
    } catch (const base::UserError& error) {
      throw base::UserError("{}, line {}: {}.", file.string(), number, error.what());
    }
  });
  if (pairs.empty()) throw base::UserError("{} holds no pairs.", file.string());
  return pairs;
}

std::vector<LabelledPair> spread_sample(std::span<const LabelledPair> pairs, std::int64_t count) {
  const auto total = static_cast<std::int64_t>(pairs.size());
  if (count >= total) return {pairs.begin(), pairs.end()};
  std::vector<LabelledPair> some;
  for (std::int64_t i = 0; i < count; ++i) some.push_back(pairs[static_cast<std::size_t>(i * total / count)]);
  return some;
}

}  // namespace drover::judge
