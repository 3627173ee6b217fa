#include "report/run_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/proportion.h"

namespace drover::report {
namespace {

using chat::Json;

// "section.key" to the text behind "=", comments and blanks aside; a value that goes on over lines is joined. The recipe
// was read as TOML when its run began, so nothing needs checking here.
std::map<std::string, std::string> settings_of(const std::string& recipe) {
  std::map<std::string, std::string> settings;
  std::string section;
  std::string open_key;
  int depth = 0;
  for (std::size_t begin = 0; begin < recipe.size();) {
    const auto end = std::min(recipe.find('\n', begin), recipe.size());
    std::string line;
    bool is_quoted = false;
    int change = 0;
    for (const char letter : recipe.substr(begin, end - begin)) {
      if (letter == '"') is_quoted = !is_quoted;
      if (letter == '#' && !is_quoted) break;
      if (!is_quoted && (letter == '[' || letter == '{')) ++change;
      if (!is_quoted && (letter == ']' || letter == '}')) --change;
      if (is_quoted || (letter != ' ' && letter != '\t' && letter != '\r')) line += letter;
    }
    begin = end + 1;
    if (line.empty()) continue;
    if (depth > 0) {
      settings[open_key] += line;
      depth += change;
      continue;
    }
    if (line.front() == '[') {
      section = line.substr(line.find_first_not_of('['), line.find(']') - line.find_first_not_of('['));
      continue;
    }
    const auto equals = line.find('=');
    open_key = (section.empty() ? "" : section + ".") + line.substr(0, equals);
    settings[open_key] = equals == std::string::npos ? "" : line.substr(equals + 1);
    depth = change;
  }
  return settings;
}

Json recipe_differences(const std::string& first, const std::string& second) {
  const auto a = settings_of(first);
  const auto b = settings_of(second);
  std::set<std::string> keys;
  for (const auto& [key, value] : a) keys.insert(key);
  for (const auto& [key, value] : b) keys.insert(key);
  auto differences = Json::array();
  for (const auto& key : keys) {
    const auto in_a = a.find(key);
    const auto in_b = b.find(key);
    if (in_a != a.end() && in_b != b.end() && in_a->second == in_b->second) continue;
    differences.push_back({{"key", key},
                           {"first", in_a == a.end() ? Json() : Json(in_a->second)},
                           {"second", in_b == b.end() ? Json() : Json(in_b->second)}});
  }
  return differences;
}

struct SuiteResult {
  std::string model;
  std::string model_name;
  double accuracy = 0;
  double low = 0;
  double high = 0;
  std::int64_t count = 0;
  std::map<ledger::PromptId, bool> is_right;  ///< of the prompts whose answers the ledger holds
};

struct RunFacts {
  std::map<std::pair<std::string, std::string>, std::int64_t> mix;  ///< kind and source to rows
  std::map<std::string, double> seconds;                            ///< by stage
  std::map<std::string, SuiteResult> suites;                        ///< the model that was scored last
};

// Which prompts of a suite a model answered rightly. The suite's name is the source of its prompts.
void add_answers(const ledger::Ledger& ledger, const std::string& stage, const std::string& suite,
                 SuiteResult& result) {
  for (const auto id : ledger.generations_of(stage)) {
    const auto reply = ledger.find(id);
    if (reply->model != result.model || reply->sample != 0) continue;
    const auto prompt = ledger.find(reply->prompt);
    if (prompt->source != suite) continue;
    for (const auto& answer : ledger.checked_answers_of(id)) {
      if (answer.stage == stage) result.is_right[reply->prompt] = answer.is_right;
    }
  }
}

RunFacts facts_of(const ledger::Ledger& ledger, const std::string& run) {
  RunFacts facts;
  for (const auto& key : ledger.stages_of_run(run)) {
    const auto stage = ledger.find_stage(key);
    if (const auto end = ledger.find_stage_end(key)) facts.seconds[stage ? stage->name : key] = end->seconds;
    for (const auto& row : ledger.row_counts_of(key)) facts.mix[{row.kind, row.source}] += row.count;
    std::map<std::string, SuiteResult> scored;
    for (const auto& metric : ledger.metrics_of(key)) {
      const auto space = metric.subject.rfind(' ');
      if (metric.name != "accuracy" || space == std::string::npos) continue;
      SuiteResult result{.model = metric.subject.substr(space + 1),
                         .model_name = {},
                         .accuracy = metric.value,
                         .low = metric.low.value_or(0),
                         .high = metric.high.value_or(1),
                         .count = metric.count,
                         .is_right = {}};
      const auto model = ledger.find_model(result.model);
      result.model_name = model ? model->name : result.model.substr(0, 8);
      const auto suite = metric.subject.substr(0, space);
      // Of one stage's models the best; of several stages the last.
      const auto known = scored.find(suite);
      if (known == scored.end() || result.accuracy > known->second.accuracy) scored[suite] = std::move(result);
    }
    for (auto& [suite, result] : scored) {
      add_answers(ledger, key, suite, result);
      facts.suites[suite] = std::move(result);
    }
  }
  return facts;
}

Json result_json(const SuiteResult& result) {
  return {{"model", result.model_name}, {"hash", result.model}, {"accuracy", result.accuracy},
          {"low", result.low},          {"high", result.high},  {"count", result.count}};
}

Json suites_json(const RunFacts& first, const RunFacts& second) {
  std::set<std::string> names;
  for (const auto& [suite, result] : first.suites) names.insert(suite);
  for (const auto& [suite, result] : second.suites) names.insert(suite);
  auto json = Json::array();
  for (const auto& suite : names) {
    const auto a = first.suites.find(suite);
    const auto b = second.suites.find(suite);
    Json line = {{"suite", suite},
                 {"first", a == first.suites.end() ? Json() : result_json(a->second)},
                 {"second", b == second.suites.end() ? Json() : result_json(b->second)}};
    if (a != first.suites.end() && b != second.suites.end()) {
      std::int64_t both = 0;
      std::int64_t only_first = 0;
      std::int64_t only_second = 0;
      for (const auto& [prompt, is_right] : a->second.is_right) {
        const auto other = b->second.is_right.find(prompt);
        if (other == b->second.is_right.end()) continue;
        ++both;
        only_first += is_right && !other->second ? 1 : 0;
        only_second += !is_right && other->second ? 1 : 0;
      }
      if (both > 0) {
        line["same_prompts"] = both;
        line["only_first_right"] = only_first;
        line["only_second_right"] = only_second;
        line["p_value"] = base::paired_p_value(only_first, only_second);
      }
    }
    json.push_back(std::move(line));
  }
  return json;
}

template <typename Key, typename Value>
std::vector<Key> keys_of_both(const std::map<Key, Value>& a, const std::map<Key, Value>& b) {
  std::set<Key> keys;
  for (const auto& [key, value] : a) keys.insert(key);
  for (const auto& [key, value] : b) keys.insert(key);
  return {keys.begin(), keys.end()};
}

ledger::Ledger::Run run_of(const ledger::Ledger& ledger, const char* which) {
  auto run = ledger.latest_run();
  if (!run) throw base::UserError("No run has begun in the {} home; start one with drover run RECIPE.", which);
  return *std::move(run);
}

std::string value_or_dash(const Json& json) { return json.is_null() ? "-" : json.get<std::string>(); }

std::string accuracy_words(const Json& result) {
  if (result.is_null()) return "-";
  return fmt::format("{:.1f}% ({:.1f} .. {:.1f}, {})", 100 * result.at("accuracy").get<double>(),
                     100 * result.at("low").get<double>(), 100 * result.at("high").get<double>(),
                     result.at("model").get<std::string>());
}

}  // namespace

Json compare_runs(const ledger::Ledger& first, const ledger::Ledger& second) {
  const auto run_a = run_of(first, "first");
  const auto run_b = run_of(second, "second");
  const auto a = facts_of(first, run_a.run);
  const auto b = facts_of(second, run_b.run);
  Json json = {{"first", run_a.recipe_name},
               {"second", run_b.recipe_name},
               {"recipe", recipe_differences(run_a.recipe_text, run_b.recipe_text)},
               {"mix", Json::array()},
               {"stages", Json::array()},
               {"suites", suites_json(a, b)}};
  for (const auto& key : keys_of_both(a.mix, b.mix)) {
    json["mix"].push_back({{"kind", key.first},
                           {"source", key.second},
                           {"first", a.mix.contains(key) ? a.mix.at(key) : 0},
                           {"second", b.mix.contains(key) ? b.mix.at(key) : 0}});
  }
  for (const auto& name : keys_of_both(a.seconds, b.seconds)) {
    json["stages"].push_back({{"name", name},
                              {"first_seconds", a.seconds.contains(name) ? Json(a.seconds.at(name)) : Json()},
                              {"second_seconds", b.seconds.contains(name) ? Json(b.seconds.at(name)) : Json()}});
  }
  return json;
}

std::string describe_comparison(const Json& comparison, const std::string& first, const std::string& second) {
  auto text = fmt::format("first:  {} ({})\nsecond: {} ({})\n", first, comparison.at("first").get<std::string>(),
                          second, comparison.at("second").get<std::string>());
  text += comparison.at("recipe").empty() ? "recipes: the same\n" : "recipes\n";
  for (const auto& line : comparison.at("recipe")) {
    text += fmt::format("  {:<32} {}  |  {}\n", line.at("key").get<std::string>(), value_or_dash(line.at("first")),
                        value_or_dash(line.at("second")));
  }
  text += "training rows by kind and source\n";
  for (const auto& line : comparison.at("mix")) {
    text += fmt::format("  {:<10} {:<24} {:>8} {:>8}\n", line.at("kind").get<std::string>(),
                        line.at("source").get<std::string>(), line.at("first").get<std::int64_t>(),
                        line.at("second").get<std::int64_t>());
  }
  text += "right answers, 95% intervals\n";
  for (const auto& line : comparison.at("suites")) {
    text += fmt::format("  {:<18} {}  |  {}", line.at("suite").get<std::string>(), accuracy_words(line.at("first")),
                        accuracy_words(line.at("second")));
    if (line.contains("p_value")) {
      text += fmt::format("  only first right {}, only second {}, p = {:.2g} on {} prompts",
                          line.at("only_first_right").get<std::int64_t>(),
                          line.at("only_second_right").get<std::int64_t>(), line.at("p_value").get<double>(),
                          line.at("same_prompts").get<std::int64_t>());
    }
    text += "\n";
  }
  return text;
}

}  // namespace drover::report
