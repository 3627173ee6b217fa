#include "rounds/prompt_pool.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/nearest_name.h"
#include "evaluate/answer_instruction.h"
#include "evaluate/recorded_replies.h"
#include "evaluate/suite_prompts.h"
#include "evaluate/suite_registry.h"
#include "rounds/arithmetic_prompts.h"
#include "verify/constraint_prompts.h"

namespace drover::rounds {
namespace {

// A source says what its prompts are about, or else each prompt's own first tag, or else the source's name.
void put_capability_first(std::vector<std::string>& tags, const std::string& capability, const std::string& source) {
  if (capability.empty() && !tags.empty()) return;
  const auto& first = capability.empty() ? source : capability;
  std::erase(tags, first);
  tags.insert(tags.begin(), first);
}

// Their number makes a prompt complex: each behind the first tag counts (preference::complexity_of).
void put_constraints_on(std::vector<ledger::Prompt>& prompts, int most, std::uint64_t seed) {
  std::int64_t index = 0;
  for (auto& prompt : prompts) {
    ++index;
    if (!prompt.checker.empty()) continue;
    auto made = verify::constrain(prompt.dialog.messages.back().content, index, {.seed = seed, .fewest = 1, .most = most, .types = {}});
    prompt.dialog.messages.back().content = std::move(made.text);
    prompt.checker = "ifeval";
    prompt.expected = std::move(made.expected);
    prompt.tags.insert(prompt.tags.end(), made.ids.begin(), made.ids.end());
  }
}

std::vector<ledger::Prompt> prompts_of(const Recipe& recipe, const PromptSource& source,
                                       const std::vector<std::string>& held_out) {
  if (source.generator == "arithmetic") {
    auto prompts = arithmetic_prompts(source.count, recipe.seed, held_out);
    for (auto& prompt : prompts) {
      prompt.source = source.name;
      prompt.licence = source.licence;
    }
    return prompts;
  }
  auto prompts = evaluate::read_prompts(recipe.resolve(source.file), source.name, source.licence);
  if (source.count > 0 && static_cast<std::size_t>(source.count) < prompts.size())
    prompts.resize(static_cast<std::size_t>(source.count));
  return prompts;
}

// A category is a tag of the suite's own prompts.
void keep_categories(const Recipe& recipe, const SuiteSource& source, std::vector<ledger::Prompt>& prompts) {
  if (source.categories.empty()) return;
  std::set<std::string_view> known;
  for (const auto& prompt : prompts) known.insert(prompt.tags.begin(), prompt.tags.end());
  for (const auto& category : source.categories) {
    if (known.contains(category)) continue;
    const std::vector<std::string_view> names(known.begin(), known.end());
    throw base::UserError("{}: \"categories\" in [suites.{}] names \"{}\", which no prompt of the suite has{}; there are {}.",
                          recipe.file.string(), source.name, category, base::suggestion(category, names), fmt::join(names, ", "));
  }
  std::erase_if(prompts, [&](const ledger::Prompt& prompt) {
    return std::none_of(prompt.tags.begin(), prompt.tags.end(), [&](const std::string& tag) {
      return std::find(source.categories.begin(), source.categories.end(), tag) != source.categories.end();
    });
  });
}

CapabilitySuite suite_of(const Recipe& recipe, const SuiteSource& source) {
  CapabilitySuite made{.capability = source.capability, .suite = {.name = source.name, .prompts = {}}};
  if (source.file.empty()) {
    made.suite.prompts = evaluate::load_suite(source.name, evaluate::default_data_folder()).prompts;
    if (made.capability.empty()) made.capability = evaluate::known_suite(source.name).capability;
  } else {
    made.suite.prompts = evaluate::read_suite_prompts(recipe.resolve(source.file), source.name, source.licence);
    if (made.capability.empty()) made.capability = source.name;
  }
  keep_categories(recipe, source, made.suite.prompts);
  if (source.limit > 0 && static_cast<std::size_t>(source.limit) < made.suite.prompts.size())
    made.suite.prompts.resize(static_cast<std::size_t>(source.limit));
  return made;
}

}  // namespace

PromptPool::PromptPool(const Recipe& recipe) {
  for (const auto& source : recipe.suites) suites_.push_back(suite_of(recipe, source));
  std::vector<std::string> suite_texts;
  for (auto& prompt : held_out()) suite_texts.push_back(std::move(prompt.text));
  for (const auto& source : recipe.prompts) {
    auto prompts = prompts_of(recipe, source, suite_texts);
    for (auto& prompt : prompts) put_capability_first(prompt.tags, source.capability, source.name);
    if (source.constraints > 0) put_constraints_on(prompts, static_cast<int>(source.constraints), recipe.seed);
    for (auto& prompt : prompts) prompts_.push_back(std::move(prompt));
  }
  refuse_held_out_prompts(recipe);
}

std::vector<curate::HeldOutPrompt> PromptPool::held_out() const {
  std::vector<curate::HeldOutPrompt> prompts;
  for (const auto& [capability, suite] : suites_) {
    std::int64_t number = 0;
    for (const auto& prompt : suite.prompts) {
      curate::HeldOutPrompt asked{.suite = suite.name, .number = ++number, .text = {}};
      for (const auto& message : prompt.dialog.messages) {
        if (message.sender != chat::Sender::kUser) continue;
        if (!asked.text.empty()) asked.text.push_back('\n');
        asked.text += message.content;
      }
      // The set's own question, without what drover puts behind it, is as much of a leak.
      if (const auto alone = evaluate::question_alone(asked.text); alone != asked.text) {
        prompts.push_back({.suite = asked.suite, .number = number, .text = std::string(alone)});
      }
      prompts.push_back(std::move(asked));
    }
  }
  return prompts;
}

curate::Decontaminator PromptPool::decontaminator(std::int64_t window_words) const {
  const auto prompts = held_out();
  return curate::Decontaminator(prompts, {.window_words = window_words});
}

// A model that has learned a suite's answers says nothing by answering it.
void PromptPool::refuse_held_out_prompts(const Recipe& recipe) const {
  const auto whole_prompts = decontaminator(0);
  for (const auto& prompt : prompts_) {
    const auto leak = whole_prompts.leak_in(prompt.dialog);
    if (!leak) continue;
    throw base::UserError("{}: the prompt \"{}\" of [prompts.{}] also stands in a suite ({}); a suite must be held out.",
                          recipe.file.string(), verify::text_of(prompt.dialog.messages), prompt.source, *leak);
  }
}

std::vector<std::string> PromptPool::capabilities() const {
  std::set<std::string> names;
  for (const auto& prompt : prompts_) names.insert(capability_of(prompt));
  return {names.begin(), names.end()};
}

std::string PromptPool::hash_of_prompts() const {
  base::FieldHasher hasher;
  for (const auto& prompt : prompts_) hasher.add(ledger::id_of(prompt).value());
  return hasher.finish().hex();
}

std::string PromptPool::hash_of_suites() const {
  base::FieldHasher hasher;
  for (const auto& [capability, suite] : suites_) {
    hasher.add(suite.name);
    for (const auto& prompt : suite.prompts) hasher.add(ledger::id_of(prompt).value());
  }
  return hasher.finish().hex();
}

std::string PromptPool::hash_of_measured_capabilities() const {
  base::FieldHasher hasher;
  for (const auto& [capability, names] : suites_by_capability()) {
    for (const auto& name : names) hasher.add(capability).add(name);
  }
  return hasher.finish().hex();
}

std::map<std::string, std::set<std::string>> PromptPool::suites_by_capability() const {
  std::map<std::string, std::set<std::string>> names;
  for (const auto& [capability, suite] : suites_) names[capability].insert(suite.name);
  return names;
}

std::string PromptChoice::hash() const {
  base::FieldHasher hasher;
  for (const auto prompt : prompts) hasher.add(prompt.value());
  return hasher.finish().hex();
}

chat::Json PromptChoice::to_json() const {
  auto json = chat::Json::array();
  for (const auto prompt : prompts) json.push_back(prompt.value());
  return json;
}

PromptChoice PromptChoice::from_json(const chat::Json& json) {
  PromptChoice choice;
  for (const auto& value : json) choice.prompts.emplace_back(value.get<std::int64_t>());
  return choice;
}

}  // namespace drover::rounds
