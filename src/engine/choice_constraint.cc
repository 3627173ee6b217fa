#include "engine/choice_constraint.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "engine/grammar_constraint.h"
#include "engine/nfa.h"

namespace drover::engine {
namespace {

bool is_utf8(const std::string& text) {
  // The library's writer is strict about it.
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace

std::shared_ptr<const TokenConstraint> compile_choices(std::span<const std::string> choices,
                                                       std::shared_ptr<const VocabularyTrie> vocabulary) {
  if (choices.empty()) throw base::UserError("A list of choices must hold at least one: a reply cannot be one of none");
  Nfa nfa("the list of choices");
  std::vector<Nfa::Part> parts;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const std::string& choice = choices[i];
    if (choice.empty()) throw base::UserError("Choice {} is empty; a reply has at least one token", i + 1);
    if (!is_utf8(choice)) throw base::UserError("Choice {} is not valid UTF-8", i + 1);
    const auto is_spelled = [&](char c) { return vocabulary->spells_byte(static_cast<unsigned char>(c)); };
    if (!std::all_of(choice.begin(), choice.end(), is_spelled)) {
      throw base::UserError("Choice {}, \"{}\", has a byte that no token of the vocabulary spells", i + 1, choice);
    }
    parts.push_back(nfa.bytes(choice));
  }
  const Rule rules[] = {nfa.determinised(nfa.any_of(parts))};
  return constrain_to(rules, RuleId{0}, std::move(vocabulary), "The list of choices");
}

}  // namespace drover::engine
