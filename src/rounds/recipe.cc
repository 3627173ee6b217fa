#include "rounds/recipe.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest_name.h"
#include "base/toml.h"
#include "evaluate/suite_registry.h"
#include "model/model_path.h"
#include "rounds/recipe_fields.h"

namespace drover::rounds {
namespace {

/// Reads one table; `finish` refuses the keys that nobody asked for.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string name, const std::filesystem::path& file)
      : table_(table), name_(std::move(name)), file_(file) {}

  void operator()(std::string_view key, std::int64_t& field, const Between& limits) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::int64_t>();
    if (!value) fail(*node, key, "must be a whole number");
    check(*node, key, static_cast<double>(*value), limits);
    field = *value;
  }

  void operator()(std::string_view key, std::uint64_t& field, const Between& limits) {
    auto value = static_cast<std::int64_t>(field);
    (*this)(key, value, limits);
    field = static_cast<std::uint64_t>(value);
  }

  void operator()(std::string_view key, double& field, const Between& limits) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto value = node->value<double>();
    if (!value || !node->is_number()) fail(*node, key, "must be a number");
    check(*node, key, *value, limits);
    field = *value;
  }

  void operator()(std::string_view key, bool& field, const OneOf&) {
    const auto* node = find(key);
    if (node == nullptr) return;
    if (!node->is_boolean()) fail(*node, key, "must be true or false");
    field = node->as_boolean()->get();
  }

  void operator()(std::string_view key, std::string& field, const OneOf& choice) {
    const auto* node = find(key);
    if (node == nullptr) return;
    if (!node->is_string()) fail(*node, key, "must be a text in quotes");
    field = node->as_string()->get();
    if (choice.names.empty() || std::find(choice.names.begin(), choice.names.end(), field) != choice.names.end())
      return;
    fail(*node, key,
         fmt::format("is \"{}\"{}; it can be {}", field, base::suggestion(field, choice.names),
                     fmt::join(choice.names, ", ")));
  }

  void operator()(std::string_view key, std::vector<std::string>& field, const OneOf&) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto* list = node->as_array();
    if (list == nullptr) fail(*node, key, "must be a list of texts");
    field.clear();
    for (const auto& entry : *list) {
      if (!entry.is_string()) fail(*node, key, "must be a list of texts");
      field.push_back(entry.as_string()->get());
    }
  }

  void operator()(std::string_view key, std::vector<double>& field, const Between& limits) {
    const auto* node = find(key);
    if (node == nullptr) return;
    const auto* list = node->as_array();
    if (list == nullptr) fail(*node, key, "must be a list of numbers");
    field.clear();
    for (const auto& entry : *list) {
      const auto value = entry.value<double>();
      if (!value || !entry.is_number()) fail(*node, key, "must be a list of numbers");
      check(entry, key, *value, limits);
      field.push_back(*value);
    }
  }

  void operator()(std::string_view key, std::map<std::string, double>& field, const Between& limits) {
    const auto* node = find(key);
    if (node == nullptr) return;
    if (!node->is_table()) fail(*node, key, "must be a table of numbers: { math = 2, chat = 1 }");
    field.clear();
    for (const auto& [name, entry] : *node->as_table()) {
      const auto value = entry.value<double>();
      if (!value || !entry.is_number()) fail(entry, name.str(), "must be a number");
      check(entry, name.str(), *value, limits);
      field[std::string(name.str())] = *value;
    }
  }

  template <typename Field, typename Limits>
  void speed(std::string_view key, Field& field, const Limits& limits) {
    (*this)(key, field, limits);
  }

  template <typename Section>
  void section(std::string_view key, Section& section) {
    if (const auto* node = find(key)) read_table(*node, key, section);
  }

  template <typename Section>
  void named(std::string_view key, std::vector<Section>& sections) {
    const auto* node = find(key);
    if (node == nullptr) return;
    if (!node->is_table()) fail(*node, key, fmt::format("must be tables with names: [{}.NAME]", key));
    for (const auto& [name, entry] : *node->as_table()) {
      Section section;
      section.name = std::string(name.str());
      read_table(entry, fmt::format("{}.{}", key, name.str()), section);
      sections.push_back(std::move(section));
    }
  }

  void finish() const {
    for (const auto& [key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
      throw base::UserError("{}, line {}: there is no key \"{}\" in {}{}; there are {}.", file_.string(),
                            key.source().begin.line, key.str(), shown_name(), base::suggestion(key.str(), known_),
                            fmt::join(known_, ", "));
    }
  }

 private:
  const toml::node* find(std::string_view key) {
    known_.push_back(key);
    return table_.get(key);
  }

  template <typename Section>
  void read_table(const toml::node& node, std::string_view key, Section& section) {
    const auto name = name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
    if (!node.is_table()) fail(node, key, fmt::format("must be a table: [{}]", name));
    TableReader reader(*node.as_table(), name, file_);
    visit_fields(reader, section);
    reader.finish();
  }

  void check(const toml::node& node, std::string_view key, double value, const Between& limits) const {
    const bool fits = value <= limits.high && (limits.low_is_out ? value > limits.low : value >= limits.low);
    if (fits) return;
    fail(node, key,
         fmt::format("is {}, but must be {} {}{}", value, limits.low_is_out ? "above" : "at least", limits.low,
                     std::isinf(limits.high) ? "" : fmt::format(" and at most {}", limits.high)));
  }

  [[noreturn]] void fail(const toml::node& node, std::string_view key, const std::string& what) const {
    throw base::UserError("{}, line {}: \"{}\" in {} {}.", file_.string(), node.source().begin.line, key, shown_name(),
                          what);
  }

  std::string shown_name() const { return name_.empty() ? "the recipe" : "[" + name_ + "]"; }

  const toml::table& table_;
  std::string name_;
  const std::filesystem::path& file_;
  std::vector<std::string_view> known_;
};

/// Writes the fields that belong to a stage's key, one a line.
class KeyWriter {
 public:
  void operator()(std::string_view key, const std::string& field, const OneOf&) { add(key, chat::Json(field)); }
  void operator()(std::string_view key, bool field, const OneOf&) { add(key, field); }
  void operator()(std::string_view key, const std::vector<std::string>& field, const OneOf&) { add(key, field); }
  void operator()(std::string_view key, const std::map<std::string, double>& field, const Between&) {
    add(key, chat::Json(field));
  }
  void operator()(std::string_view key, const std::vector<double>& field, const Between&) { add(key, chat::Json(field)); }
  template <typename Number>
  void operator()(std::string_view key, Number field, const Between&) {
    add(key, field);
  }
  template <typename Field, typename Limits>
  void speed(std::string_view, const Field&, const Limits&) {}
  template <typename Section>
  void section(std::string_view key, Section& section) {
    KeyWriter inner;
    visit_fields(inner, section);
    json_[std::string(key)] = std::move(inner.json_);
  }

  std::string text() const { return json_.dump(-1, ' ', false, chat::Json::error_handler_t::replace); }

 private:
  void add(std::string_view key, chat::Json value) { json_[std::string(key)] = std::move(value); }
  chat::Json json_ = chat::Json::object();
};

template <typename Section>
std::string key_text_of(Section section) {
  KeyWriter writer;
  visit_fields(writer, section);
  return writer.text();
}

template <typename Section>
std::string key_text_of_named(const std::vector<Section>& sections) {
  std::string text;
  for (const auto& section : sections) text += section.name + key_text_of(section) + "\n";
  return text;
}

[[noreturn]] void fail(const Recipe& recipe, const std::string& what) {
  throw base::UserError("{}: {}", recipe.file.string(), what);
}

void check_name(const Recipe& recipe) {
  const bool fits = !recipe.name.empty() &&
                    recipe.name.find_first_not_of(
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == std::string::npos &&
                    recipe.name[0] != '.';
  if (!fits)
    fail(recipe, "\"name\" must be a word of letters, digits, '-', '_' and '.'; it names the folder runs/NAME.");
}

void check_start(const Recipe& recipe, const StartModel& start) {
  if ((start.text.empty() && start.from.empty()) || start.tokenizer.empty() == start.from.empty()) {
    fail(recipe, fmt::format("[start.{}] needs \"text\", and either \"from\", a model to fine-tune, or \"tokenizer\" for random weights.", start.name));
  }
  if (start.num_heads % start.num_kv_heads != 0 || start.hidden_size % start.num_heads != 0 ||
      start.hidden_size / start.num_heads % 2 != 0) {
    fail(recipe,
         fmt::format(
             "[start.{}]: num_kv_heads {} must divide num_heads {}, and num_heads must divide hidden_size {} with an "
             "even result.",
             start.name, start.num_kv_heads, start.num_heads, start.hidden_size));
  }
}

void check_model_name(const Recipe& recipe, const std::string& model, bool may_be_remote = false) {
  std::vector<std::string_view> names;
  for (const auto& remote : recipe.remote) {
    if (may_be_remote) names.push_back(remote.name);
    if (remote.name == model && !may_be_remote)
      fail(recipe, fmt::format("\"{}\" is a [remote.NAME]: it can answer (\"bootstrap\"), but it cannot be trained or judge.", model));
  }
  for (const auto& start : recipe.start) names.push_back(start.name);
  if (std::find(names.begin(), names.end(), model) != names.end()) return;
  try {
    recipe.model_path(model);
  } catch (const base::UserError& error) {
    fail(recipe, fmt::format("the model \"{}\" is no [start.NAME] of the recipe{}, nor another model: {}",
                             model, base::suggestion(model, names), error.what()));
  }
}

void check_references(const Recipe& recipe) {
  check_name(recipe);
  for (const auto& start : recipe.start) check_start(recipe, start);
  if (recipe.models.pretrained.empty())
    fail(recipe, "[models] needs \"pretrained\": the model that training starts from.");
  if (recipe.models.bootstrap.size() < 2) {
    fail(recipe, fmt::format("[models] needs two or more models in \"bootstrap\" that answer in round 1; it names {}.",
                             recipe.models.bootstrap.size()));
  }
  for (const auto& remote : recipe.remote) {
    if (remote.url.empty()) fail(recipe, fmt::format("[remote.{}] needs \"url\": http://127.0.0.1:8000/v1", remote.name));
  }
  if (std::set<std::string>(recipe.models.bootstrap.begin(), recipe.models.bootstrap.end()).size() < 2) {
    fail(recipe, "\"bootstrap\" in [models] names one model twice; two responses must come from two different models.");
  }
  if (recipe.prompts.empty()) fail(recipe, "there are no prompts; add a table [prompts.NAME] with \"file\".");
  if (recipe.suites.empty()) fail(recipe, "there are no suites; add a table [suites.NAME] with \"file\".");
  const auto need_file = [&](const auto& sources) {
    for (const auto& source : sources) {
      if (source.file.empty())
        fail(recipe, fmt::format("\"{}\" needs \"file\", a JSONL file of prompts.", source.name));
    }
  };
  for (const auto& source : recipe.prompts) {
    if (source.file.empty() == source.generator.empty())
      fail(recipe, fmt::format("[prompts.{}] needs either \"file\" or \"generator\".", source.name));
    if (!source.generator.empty() && source.count == 0)
      fail(recipe, fmt::format("[prompts.{}] needs \"count\": how many prompts to make.", source.name));
  }
  for (const auto& suite : recipe.suites) {
    if (suite.file.empty()) evaluate::known_suite(suite.name);
  }
  need_file(recipe.preferences);
  for (const auto& annotator : recipe.collect.annotators) {
    constexpr std::array<std::string_view, 4> kAnnotators = {"verifier", "reward", "judge", "people"};
    if (std::find(kAnnotators.begin(), kAnnotators.end(), annotator) == kAnnotators.end()) {
      fail(recipe, fmt::format("\"annotators\" in [collect] names \"{}\"{}; there are {}.", annotator,
                               base::suggestion(annotator, kAnnotators), fmt::join(kAnnotators, ", ")));
    }
    if (annotator == "judge" && recipe.judge.model.empty())
      fail(recipe, "\"annotators\" in [collect] names the judge, but [judge] names no \"model\".");
  }
  if (recipe.reject.lowest_temperature > recipe.reject.sampling.temperature) {
    fail(recipe, fmt::format("\"lowest_temperature\" in [reject] is {:g}, above the sampling's temperature {:g}; temperatures are drawn "
                             "between the two.",
                             recipe.reject.lowest_temperature, recipe.reject.sampling.temperature));
  }
  if (recipe.collect.annotators.empty()) fail(recipe, "\"annotators\" in [collect] is empty: nobody would compare.");
  if (recipe.judge.model.empty() && (recipe.curate.topics == "judge" || recipe.curate.difficulty))
    fail(recipe, "[curate] asks the judge for topics or difficulty, but [judge] names no \"model\".");
  if (!recipe.curate.shares.empty() && !recipe.curate.epochs.empty())
    fail(recipe, "[curate] has both \"shares\" and \"epochs\"; one of them makes the mix.");
  for (const auto& source : recipe.synthetic) {
    if (source.file.empty() == source.command.empty())
      fail(recipe, fmt::format("[synthetic.{}] needs either \"file\" or \"command\".", source.name));
  }
}

// Start models that are made of each other in a circle would never be made.
void check_ends(const Recipe& recipe, const StartModel& start) {
  const StartModel* at = &start;
  for (std::size_t steps = 0; at != nullptr; ++steps) {
    if (steps > recipe.start.size())
      fail(recipe, fmt::format("[start.{}] is made from itself by way of its \"from\".", start.name));
    const auto next = std::find_if(recipe.start.begin(), recipe.start.end(),
                                   [&](const auto& other) { return other.name == at->from; });
    at = next == recipe.start.end() ? nullptr : &*next;
  }
}

void check_models(const Recipe& recipe) {
  check_model_name(recipe, recipe.models.pretrained);
  for (const auto& model : recipe.models.bootstrap) check_model_name(recipe, model, true);
  if (!recipe.judge.model.empty()) check_model_name(recipe, recipe.judge.model);
  for (const auto& start : recipe.start) {
    if (!start.from.empty()) check_model_name(recipe, start.from);
    check_ends(recipe, start);
  }
  if (!recipe.curate.encoder.empty()) recipe.model_path(recipe.curate.encoder);
  if (!recipe.curate.topics.empty() && recipe.curate.topics != "judge") recipe.model_path(recipe.curate.topics);
}

}  // namespace

std::filesystem::path Recipe::resolve(const std::string& path) const { return file.parent_path() / path; }

std::filesystem::path Recipe::model_path(const std::string& name) const {
  if (!name.empty() && std::filesystem::exists(resolve(name))) return resolve(name);
  return model::model_path(name);
}

Recipe read_recipe(const std::filesystem::path& file, MissingModels missing) {
  constexpr std::uint64_t kLargestRecipe = 1 << 20;
  return parse_recipe(base::read_file(file, kLargestRecipe), file, missing);
}

Recipe parse_recipe(std::string_view text, const std::filesystem::path& file, MissingModels missing) {
  toml::table table;
  try {
    table = toml::parse(text, file.string());
  } catch (const toml::parse_error& error) {
    throw base::UserError("{}, line {}: {}.", file.string(), error.source().begin.line, error.description());
  }
  Recipe recipe;
  recipe.file = file;
  recipe.text = text;
  TableReader reader(table, "", recipe.file);
  visit_fields(reader, recipe);
  reader.finish();
  check_references(recipe);
  if (missing == MissingModels::kRefuse) check_models(recipe);
  return recipe;
}

std::string key_text(const CollectSection& section) { return key_text_of(section); }
std::string key_text(const RewardSection& section) { return key_text_of(section); }
std::string key_text(const RejectSection& section) { return key_text_of(section); }
std::string key_text(const CurateSection& section) { return key_text_of(section); }
std::string key_text(const SftSection& section) { return key_text_of(section); }
std::string key_text(const DpoSection& section) { return key_text_of(section); }
std::string key_text(const EvaluateSection& section) { return key_text_of(section); }
std::string key_text(const StartModel& section) { return key_text_of(section); }
std::string key_text(const std::vector<CapabilitySection>& sections) { return key_text_of_named(sections); }
std::string key_text(const std::vector<SyntheticSource>& sections) { return key_text_of_named(sections); }
std::string key_text(const std::vector<PreferenceSource>& sections) { return key_text_of_named(sections); }
std::string key_text(const JudgeSection& section) { return key_text_of(section); }

}  // namespace drover::rounds
