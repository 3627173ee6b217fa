#include "verify/instructions.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest_name.h"
#include "chat/strict_json.h"
#include "verify/instruction_rules.h"
#include "verify/python_string.h"

namespace drover::verify {

std::vector<Instruction> parse_instructions(std::string_view json) {
  auto parsed = chat::parse_strict_json(json);
  if (const auto* fault = std::get_if<chat::JsonFault>(&parsed)) throw base::UserError("The instructions are not JSON: {}.", fault->reason);
  const auto& row = std::get<chat::Json>(parsed);
  const auto list_at = [&](const char* key) {
    const auto found = row.is_object() ? row.find(key) : row.end();
    if (!row.is_object() || found == row.end() || !found->is_array()) throw base::UserError("Instructions need \"{}\", a list.", key);
    return *found;
  };
  const auto ids = list_at("instruction_id_list");
  const auto arguments = list_at("kwargs");
  if (ids.size() != arguments.size() || ids.empty()) {
    throw base::UserError("\"instruction_id_list\" has {} entries and \"kwargs\" {}; they need equally many, at least one.", ids.size(), arguments.size());
  }
  std::vector<Instruction> instructions;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!ids[i].is_string()) throw base::UserError("\"instruction_id_list\" must hold texts.");
    if (!arguments[i].is_object()) throw base::UserError("\"kwargs\" must hold objects.");
    Instruction instruction{ids[i].get<std::string>(), chat::Json::object()};
    for (const auto& [key, value] : arguments[i].items()) {
      if (!value.is_null()) instruction.arguments[key] = value;
    }
    rule_of(instruction);  // refuses what no reply could be checked by
    instructions.push_back(std::move(instruction));
  }
  return instructions;
}

bool is_followed(const Instruction& instruction, std::string_view reply) {
  const auto text = decode(reply);
  return !is_blank(text) && rule_of(instruction)(text);
}

std::vector<std::string> loose_forms(std::string_view reply) {
  const auto joined = [&](const std::vector<std::u32string_view>& lines, std::size_t from, std::size_t to) {
    std::u32string text;
    for (auto i = from; i < to; ++i) {
      if (i > from) text.push_back(U'\n');
      text.append(lines[i]);
    }
    return encode(strip(text));
  };
  const auto decoded = decode(reply);
  const auto lines = split(decoded, U"\n");
  std::vector<std::string> forms = {std::string(reply), joined(lines, 1, lines.size()), joined(lines, 0, lines.size() - 1),
                                    joined(lines, 1, std::max<std::size_t>(1, lines.size() - 1))};
  for (std::size_t i = 0; i < 4; ++i) {
    auto form = forms[i];
    std::erase(form, '*');
    forms.push_back(std::move(form));
  }
  return forms;
}

bool FollowedInstructions::all_strict() const { return std::find(strict.begin(), strict.end(), false) == strict.end(); }
bool FollowedInstructions::all_loose() const { return std::find(loose.begin(), loose.end(), false) == loose.end(); }

FollowedInstructions check_instructions(const std::vector<Instruction>& instructions, std::string_view reply) {
  FollowedInstructions followed;
  std::vector<std::u32string> forms;
  for (const auto& form : loose_forms(reply)) forms.push_back(decode(form));
  for (const auto& instruction : instructions) {
    const auto rule = rule_of(instruction);
    const auto passes = [&](const std::u32string& form) { return !is_blank(form) && rule(form); };
    const bool strict = passes(forms[0]);
    followed.strict.push_back(strict);
    followed.loose.push_back(strict || std::any_of(forms.begin() + 1, forms.end(), passes));
  }
  return followed;
}

}  // namespace drover::verify
