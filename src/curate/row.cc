#include "curate/row.h"

#include <array>
#include <cmath>

#include "base/error.h"
#include "chat/checked_object.h"
#include "chat/dialog_json.h"

namespace drover::curate {
namespace {

constexpr std::array<const char*, 8> kFields = {"reward",     "quality", "difficulty", "intentions",
                                                "capability", "source",  "topic",      "subtopic"};

std::optional<double> number(const chat::CheckedObject& object, const char* key, double least, double most) {
  const auto* value = object.find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) chat::fail_at(key, fmt::format("expected a number, found {}", chat::kind_of(*value)));
  const double found = value->get<double>();
  if (!(found >= least && found <= most))
    chat::fail_at(key, fmt::format("{} is not from {} to {}", found, least, most));
  return found;
}

std::optional<std::vector<std::string>> texts(const chat::CheckedObject& object, const char* key) {
  const auto* value = object.find(key);
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> found;
  if (!value->is_array()) chat::fail_at(key, fmt::format("expected a list of texts, found {}", chat::kind_of(*value)));
  for (const auto& one : *value) {
    if (!one.is_string()) chat::fail_at(key, "expected a list of texts");
    found.push_back(one.get<std::string>());
  }
  return found;
}

}  // namespace

Row row_of(chat::Dialog dialog, const chat::Json& fields) {
  const chat::CheckedObject object(fields, "");
  Row row{.dialog = std::move(dialog)};
  row.reward = number(object, "reward", -1e30, 1e30);
  row.quality = number(object, "quality", 0, 3);
  row.difficulty = number(object, "difficulty", 1, 3);
  row.intentions = texts(object, "intentions");
  row.capability = object.text("capability");
  row.source = object.text("source");
  row.topic = object.text("topic");
  row.subtopic = object.text("subtopic");
  return row;
}

RowFile read_rows(const std::filesystem::path& file, chat::OnBadRow on_bad_row, const std::string& source,
                  std::span<const std::string> ignored_keys) {
  chat::DialogFileOptions options{.on_bad_row = on_bad_row, .ignored_keys = {kFields.begin(), kFields.end()}};
  options.ignored_keys.insert(options.ignored_keys.end(), ignored_keys.begin(), ignored_keys.end());
  RowFile read;
  read.report = chat::for_each_dialog_with_fields(
      file, options, [&](std::int64_t line, chat::Dialog dialog, const chat::Json& fields) {
        auto row = row_of(std::move(dialog), fields);
        if (row.source.empty()) row.source = source;
        read.rows.push_back(std::move(row));
        read.lines.push_back(line);
      });
  return read;
}

std::string row_line(const Row& row) {
  auto json = chat::dialog_to_json(row.dialog);
  if (row.reward) json["reward"] = *row.reward;
  if (row.quality) json["quality"] = *row.quality;
  if (row.difficulty) json["difficulty"] = *row.difficulty;
  if (row.intentions) json["intentions"] = *row.intentions;
  for (const auto& [key, text] : {std::pair("capability", &row.capability),
                                  {"source", &row.source},
                                  {"topic", &row.topic},
                                  {"subtopic", &row.subtopic}}) {
    if (!text->empty()) json[key] = *text;
  }
  return json.dump(-1, ' ', false, chat::Json::error_handler_t::replace);
}

bool is_code(std::string_view capability) { return capability == "code" || capability == "coding"; }

}  // namespace drover::curate
