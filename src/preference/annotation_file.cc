#include "preference/annotation_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest_name.h"
#include "base/shown_name.h"
#include "chat/dialog_json.h"
#include "chat/preference_row.h"
#include "chat/strict_json.h"

namespace drover::preference {
namespace {

using chat::Json;
using Preferred = ledger::ComparisonAnswer::Preferred;

constexpr std::array<std::string_view, 11> kKeys = {"request", "unit",  "prompt", "tools",  "first",    "second",
                                                    "preferred", "level", "edited", "reason", "annotator"};
constexpr std::array<std::string_view, 3> kPreferred = {"first", "second", "neither"};
constexpr std::array<std::string_view, 4> kLevels = {"marginally_better", "slightly_better", "better", "significantly_better"};

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// The value of a key as text; empty when it is not there or null.
std::string text_at(const Json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || found->is_null()) return "";
  if (!found->is_string()) throw base::UserError("\"{}\" is not a text", key);
  return found->get<std::string>();
}

ledger::ComparisonRequestId request_of(const std::string& name) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value, 16);
  if (error != std::errc() || end != name.data() + name.size() || name.size() != 16 || value <= 0) {
    throw base::UserError("\"request\" is \"{}\", not the 16 hexadecimal digits of a request", base::escaped_name(name));
  }
  return ledger::ComparisonRequestId(value);
}

std::vector<chat::Message> edited_of(const Json& row) {
  const auto found = row.find("edited");
  if (found == row.end() || found->is_null()) return {};
  if (found->is_string()) {
    if (found->get_ref<const std::string&>().empty()) return {};
    return {{.sender = chat::Sender::kAssistant, .content = found->get<std::string>()}};
  }
  auto messages = chat::messages_from_json(*found, "edited");
  for (const auto& message : messages) {
    if (message.sender != chat::Sender::kAssistant) {
      throw base::UserError("\"edited\" holds a message of the {}; only the assistant's are edited", chat::name_of(message.sender));
    }
    if (message.ending == chat::Ending::kCut) throw base::UserError("\"edited\" holds a message that is cut");
  }
  return messages;
}

void read_preference(const Json& row, AnswerRow& read) {
  const auto preferred = text_at(row, "preferred");
  const auto level = text_at(row, "level");
  auto& answer = read.answer;
  if (preferred.empty()) {
    if (!level.empty() || !answer.edited.empty()) throw base::UserError("\"preferred\" is missing, but \"level\" or \"edited\" is there");
    return;
  }
  read.is_answered = true;
  if (preferred != "first" && preferred != "second" && preferred != "neither") {
    throw base::UserError("\"preferred\" is \"{}\"{}, not first, second or neither", base::escaped_name(preferred),
                          base::suggestion(preferred, kPreferred));
  }
  if (preferred == "neither") {
    if (!level.empty() && level != "none") throw base::UserError("\"level\" is \"{}\", but neither reply is preferred", base::escaped_name(level));
    if (!answer.edited.empty()) throw base::UserError("\"edited\" is there, but neither reply is preferred: say which one was edited");
    return;
  }
  answer.preferred = preferred == "first" ? Preferred::kFirst : Preferred::kSecond;
  const auto found = chat::preference_level_of(level);
  if (!found || *found == chat::PreferenceLevel::kNone) {
    throw base::UserError("\"level\" is \"{}\"{}; it must be one of marginally_better, slightly_better, better, significantly_better",
                          base::escaped_name(level), base::suggestion(level, kLevels));
  }
  answer.level = *found;
}

/// Reads an import's rows against the ledger.
class Import {
 public:
  Import(ledger::Ledger& ledger, std::string annotator) : ledger_(ledger), annotator_(std::move(annotator)) {}

  void read(std::string_view line) {
    const auto parsed = chat::parse_strict_json(line);
    if (const auto* fault = std::get_if<chat::JsonFault>(&parsed)) throw base::UserError("not JSON: {}", fault->reason);
    auto row = answer_row_from_json(std::get<Json>(parsed));
    auto& answer = row.answer;
    const auto request = ledger_.find(answer.request);
    if (!request) throw base::UserError("the ledger holds no request {}", answer.request.hex());
    if (!row.is_answered) {
      ++imported_.unanswered;
      return;
    }
    if (answer.annotator.empty()) answer.annotator = annotator_;
    if (answer.annotator.empty()) throw base::UserError("nobody is named as its annotator; fill in \"annotator\" or give --annotator");
    require_real_edit(answer, *request);
    if (!in_file_.insert({answer.request, answer.annotator}).second) {
      throw base::UserError("{} answers request {} twice", base::escaped_name(answer.annotator), answer.request.hex());
    }
    if (is_known(answer)) {
      ++imported_.known;
      return;
    }
    answers_.push_back(std::move(answer));
  }

  ImportedAnswers record() {
    ledger::Ledger::Batch batch(ledger_);
    for (const auto& answer : answers_) imported_.new_answers += ledger_.add(answer) ? 1 : 0;
    batch.commit();
    return imported_;
  }

 private:
  void require_real_edit(const ledger::ComparisonAnswer& answer, const ledger::ComparisonRequest& request) const {
    if (answer.edited.empty()) return;
    for (const auto id : {request.first, request.second}) {
      if (ledger_.find(id)->reply != answer.edited) continue;
      const bool is_preferred = (id == request.first) == (answer.preferred == Preferred::kFirst);
      throw base::UserError("\"edited\" equals the {} reply; leave it null when nothing was edited", is_preferred ? "preferred" : "other");
    }
  }

  bool is_known(const ledger::ComparisonAnswer& answer) const {
    for (const auto& earlier : ledger_.answers_to(answer.request)) {
      if (earlier.annotator != answer.annotator) continue;
      if (earlier.preferred == answer.preferred && earlier.level == answer.level && earlier.edited == answer.edited) return true;
      throw base::UserError("{} has answered request {} before, and otherwise; the first answer stands", base::escaped_name(answer.annotator),
                            answer.request.hex());
    }
    return false;
  }

  ledger::Ledger& ledger_;
  std::string annotator_;
  ImportedAnswers imported_;
  std::vector<ledger::ComparisonAnswer> answers_;
  std::set<std::pair<ledger::ComparisonRequestId, std::string>> in_file_;
};

}  // namespace

AnswerRow answer_row_from_json(const Json& row) {
  if (!row.is_object()) throw base::UserError("it is not a JSON object");
  for (const auto& [key, value] : row.items()) {
    if (std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end()) continue;
    throw base::UserError("unknown key \"{}\"{}", base::escaped_name(key), base::suggestion(key, kKeys));
  }
  AnswerRow read;
  read.answer.request = request_of(text_at(row, "request"));
  read.answer.annotator = text_at(row, "annotator");
  read.answer.reason = text_at(row, "reason");
  read.answer.edited = edited_of(row);
  read_preference(row, read);
  return read;
}

std::vector<std::string> annotation_rows(const ledger::Ledger& ledger, const std::vector<ledger::ComparisonRequestId>& requests) {
  std::vector<std::string> rows;
  for (const auto id : requests) {
    const auto request = ledger.find(id);
    DROVER_CHECK(request.has_value(), "A request is not in the ledger");
    const auto prompt = ledger.find(request->prompt);
    auto dialog = chat::dialog_to_json(prompt->dialog);
    Json row = {{"request", id.hex()},
                {"unit", request->unit == ledger::ComparisonUnit::kTurn ? "turn" : "message"},
                {"prompt", dialog["messages"]}};
    if (dialog.contains("tools")) row["tools"] = dialog["tools"];
    row["first"] = chat::messages_to_json(ledger.find(request->first)->reply);
    row["second"] = chat::messages_to_json(ledger.find(request->second)->reply);
    row["preferred"] = nullptr;
    row["level"] = nullptr;
    row["edited"] = nullptr;
    row["reason"] = "";
    row["annotator"] = "";
    rows.push_back(dumped(row));
  }
  return rows;
}

ImportedAnswers import_answers(ledger::Ledger& ledger, const std::filesystem::path& file, const std::string& annotator) {
  Import import(ledger, annotator);
  std::int64_t num_rows = 0;
  base::for_each_line(file, [&](std::int64_t number, std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    ++num_rows;
    try {
      import.read(line);
    } catch (const base::UserError& error) {
      throw base::UserError("{}, line {}: {}.", file.string(), number, error.what());
    }
  });
  if (num_rows == 0) throw base::UserError("{} holds no answers.", file.string());
  return import.record();
}

}  // namespace drover::preference
