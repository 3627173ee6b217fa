#include "rounds/capability_names.h"

#include <fmt/ranges.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/nearest_name.h"

namespace drover::rounds {
namespace {

void check(const Recipe& recipe, const std::string& where, const std::string& name, const std::set<std::string>& known) {
  if (known.contains(name)) return;
  const std::vector<std::string_view> names(known.begin(), known.end());
  throw base::UserError("{}: {} names the capability \"{}\", which no prompt has{}; there are {}.", recipe.file.string(), where, name,
                        base::suggestion(name, names), fmt::join(names, ", "));
}

}  // namespace

void check_capability_names(const Recipe& recipe, const PromptPool& pool) {
  const auto of_prompts = pool.capabilities();
  std::set<std::string> known(of_prompts.begin(), of_prompts.end());
  for (const auto& section : recipe.capabilities) check(recipe, "[capabilities." + section.name + "]", section.name, known);
  for (const auto& name : recipe.collect.multi_turn) check(recipe, "\"multi_turn\" in [collect]", name, known);
  const auto add = [&](const auto& sources) {
    for (const auto& source : sources) known.insert(source.capability.empty() ? source.name : source.capability);
  };
  add(recipe.synthetic);
  add(recipe.preferences);
  for (const auto& [name, epochs] : recipe.curate.epochs) check(recipe, "\"epochs\" in [curate]", name, known);
  for (const auto& [name, share] : recipe.curate.shares) check(recipe, "\"shares\" in [curate]", name, known);
}

}  // namespace drover::rounds
