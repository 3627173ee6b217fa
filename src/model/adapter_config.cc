#include "model/adapter_config.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/json_nesting.h"

namespace drover::model {
namespace {

using base::UserError;
using nlohmann::json;

constexpr std::int64_t kMaxRank = std::int64_t{1} << 17;
constexpr double kMaxAlpha = 1e6;
constexpr std::size_t kMaxPatterns = 100'000;

/// An entry that is there and says something: not null, false, "none", 0, [] or {}.
const json* set_entry(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  if (found->is_boolean() && !found->get<bool>()) return nullptr;
  if (found->is_structured() && found->empty()) return nullptr;
  return &*found;
}

std::string shown(const json& value) {
  auto text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

/// Keys that change what is computed, in ways that are not computed here.
void refuse_unsupported(const json& object, std::string_view where) {
  constexpr std::pair<const char*, const char*> kRefused[] = {
      {"use_dora", "DoRA scales each row of the weight"},
      {"lora_bias", "B has a bias"},
      {"fan_in_fan_out", "weights are stored transposed"},
      {"use_qalora", "inputs are grouped"},
      {"use_bdlora", "pairs are block-diagonal"},
      {"layer_replication", "layers of the base are repeated"},
      {"target_parameters", "parameters that are no linear maps are changed"},
      {"trainable_token_indices", "rows of the embedding are changed"},
      {"alora_invocation_tokens", "the adapter works behind some tokens only"},
      {"arrow_config", "adapters are mixed token by token"},
  };
  for (const auto& [key, reason] : kRefused) {
    if (const auto* value = set_entry(object, key)) {
      throw UserError("{}: {} = {} is not supported ({}); merge the adapter with PEFT (merge_and_unload) instead.", where, key, shown(*value), reason);
    }
  }
  if (const auto* bias = set_entry(object, "bias"); bias != nullptr && *bias != "none") {
    throw UserError("{}: bias = {} is not supported: biases of the base were trained too. Only \"none\" is.", where, shown(*bias));
  }
  if (const auto* start = set_entry(object, "init_lora_weights"); start != nullptr && !start->is_boolean()) {
    constexpr const char* kPlain[] = {"gaussian", "orthogonal", "eva"};
    if (std::none_of(std::begin(kPlain), std::end(kPlain), [&](const char* name) { return *start == name; })) {
      throw UserError("{}: init_lora_weights = {} is not supported: it changes the weights of the base model, which then are not those of its folder.", where,
                      shown(*start));
    }
  }
}

std::int64_t rank_in(const json& value, const std::string& key, std::string_view where) {
  if (!value.is_number_integer() || value.get<std::int64_t>() < 1 || value.get<std::int64_t>() > kMaxRank) {
    throw UserError("{}: {} = {} is not possible: a rank is a whole number from 1 to {}.", where, key, shown(value), kMaxRank);
  }
  return value.get<std::int64_t>();
}

double alpha_in(const json& value, const std::string& key, std::string_view where) {
  const double alpha = value.is_number() ? value.get<double>() : std::nan("");
  if (!(std::abs(alpha) <= kMaxAlpha)) throw UserError("{}: {} = {} is not possible: it is a number of at most {}.", where, key, shown(value), kMaxAlpha);
  return alpha;
}

/// PEFT matches keys as regular expressions against the end of a module's name. Names without special characters mean the same here, and a
/// point, which stands for itself in names.
std::string module_ending(const std::string& pattern, const char* key, std::string_view where) {
  std::string name;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char letter = pattern[i];
    const bool is_escaped_point = letter == '\\' && i + 1 < pattern.size() && pattern[i + 1] == '.';
    if (is_escaped_point) ++i;
    const char plain = is_escaped_point ? '.' : letter;
    if (plain != '.' && plain != '_' && plain != '-' && std::isalnum(static_cast<unsigned char>(plain)) == 0) {
      throw UserError("{}: the key {} of {} is a regular expression; only names of modules, or their ends, are supported.", where, shown(pattern), key);
    }
    name += plain;
  }
  if (name.empty()) throw UserError("{}: {} has an empty key.", where, key);
  return name;
}

template <typename Value>
std::map<std::string, Value> read_pattern(const json& object, const char* key, std::string_view where, Value (*read)(const json&, const std::string&, std::string_view)) {
  std::map<std::string, Value> pattern;
  const auto* given = set_entry(object, key);
  if (given == nullptr) return pattern;
  if (!given->is_object() || given->size() > kMaxPatterns) throw UserError("{}: {} must be an object of module names.", where, key);
  for (const auto& [name, value] : given->items()) pattern[module_ending(name, key, where)] = read(value, key, where);
  return pattern;
}

std::string read_text(const json& object, const char* key, std::string_view where) {
  const auto* value = set_entry(object, key);
  if (value == nullptr) return {};
  if (!value->is_string()) throw UserError("{}: {} = {} is not a text.", where, key, shown(*value));
  return value->get<std::string>();
}

/// A list of names, or one name (PEFT takes a text as a regular expression; what it says is not needed).
std::vector<std::string> read_names(const json& object, const char* key, std::string_view where) {
  const auto* value = set_entry(object, key);
  if (value == nullptr) return {};
  if (value->is_string()) return {value->get<std::string>()};
  std::vector<std::string> names;
  if (!value->is_array()) throw UserError("{}: {} = {} is not a list of names.", where, key, shown(*value));
  for (const auto& name : *value) {
    if (!name.is_string()) throw UserError("{}: {} = {} is not a list of names.", where, key, shown(*value));
    names.push_back(name.get<std::string>());
  }
  return names;
}

/// The value of the longest key that the module's name is or ends in behind a point.
template <typename Value>
std::optional<Value> matched(const std::map<std::string, Value>& pattern, std::string_view module) {
  const auto full = module;
  while (!pattern.empty()) {
    if (const auto found = pattern.find(std::string(module)); found != pattern.end()) return found->second;
    const auto point = module.find('.');
    if (point == std::string_view::npos) break;
    module = module.substr(point + 1);
  }
  for (const std::string prefix : {"base_model.model.", "model."}) {  // names of the wrapped model
    if (const auto found = pattern.find(prefix + std::string(full)); found != pattern.end()) return found->second;
  }
  return std::nullopt;
}

json number(double value) { return value == std::floor(value) ? json(static_cast<std::int64_t>(value)) : json(value); }

}  // namespace

double AdapterConfig::scale(std::string_view module, std::int64_t rank_of_pair) const {
  const double own = matched(alpha_pattern, module).value_or(alpha);
  const auto size = static_cast<double>(rank_of_pair);
  return own / (rank_stabilised ? std::sqrt(size) : size);
}

std::int64_t AdapterConfig::rank_of(std::string_view module) const { return matched(rank_pattern, module).value_or(rank); }

AdapterConfig parse_adapter_config(std::string_view text, std::string_view where) {
  base::require_shallow_json(text, where);
  const auto object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) throw UserError("{}: this is not a JSON object.", where);
  const auto kind = read_text(object, "peft_type", where);
  if (kind != "LORA") throw UserError("{}: peft_type = {} is not supported: only LORA adapters are.", where, shown(kind));
  refuse_unsupported(object, where);
  AdapterConfig config{.base_model = read_text(object, "base_model_name_or_path", where), .task_type = read_text(object, "task_type", where)};
  for (const auto* key : {"r", "lora_alpha"}) {
    if (!object.contains(key)) throw UserError("{}: the key {} is missing.", where, key);
  }
  config.rank = rank_in(object["r"], "r", where);
  config.alpha = alpha_in(object["lora_alpha"], "lora_alpha", where);
  config.rank_stabilised = set_entry(object, "use_rslora") != nullptr;
  config.alpha_pattern = read_pattern<double>(object, "alpha_pattern", where, alpha_in);
  config.rank_pattern = read_pattern<std::int64_t>(object, "rank_pattern", where, rank_in);
  config.target_modules = read_names(object, "target_modules", where);
  config.modules_to_save = read_names(object, "modules_to_save", where);
  return config;
}

std::string to_adapter_json(const AdapterConfig& config) {
  nlohmann::ordered_json object = {{"peft_type", "LORA"}};
  object["task_type"] = config.task_type.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(config.task_type);
  object["base_model_name_or_path"] = config.base_model;
  object["r"] = config.rank;
  object["lora_alpha"] = number(config.alpha);
  object["lora_dropout"] = 0.0;
  object["target_modules"] = config.target_modules;
  object["modules_to_save"] = config.modules_to_save.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(config.modules_to_save);
  object["bias"] = "none";
  object["fan_in_fan_out"] = false;
  object["use_rslora"] = config.rank_stabilised;
  object["use_dora"] = false;
  object["rank_pattern"] = config.rank_pattern;
  object["alpha_pattern"] = nlohmann::ordered_json::object();
  for (const auto& [name, alpha] : config.alpha_pattern) object["alpha_pattern"][name] = number(alpha);
  object["init_lora_weights"] = true;
  object["inference_mode"] = true;
  return object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace drover::model
