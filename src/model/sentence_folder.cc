#include "model/sentence_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/json_nesting.h"

namespace drover::model {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr std::uint64_t kMaxBytes = std::uint64_t{16} << 20;

Json parse(std::string_view text, std::string_view where) {
  base::require_shallow_json(text, where);
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw base::UserError("{} is not valid JSON.", where);
  return json;
}

std::int64_t integer(const Json& json, const char* key, std::int64_t largest, std::string_view where) {
  const auto value = json.find(key);
  if (value != json.end() && value->is_number_integer() && !(value->is_number_unsigned() && value->get<std::uint64_t>() > INT32_MAX)) {
    const auto number = value->get<std::int64_t>();
    if (number >= 1 && number <= largest) return number;
  }
  throw base::UserError("{}: '{}' must be a whole number between 1 and {}.", where, key, largest);
}

void check_string(const Json& json, const char* key, std::string_view wanted, std::string_view where) {
  const auto value = json.find(key);
  if (value == json.end() || value->is_null()) return;
  if (!value->is_string() || value->get<std::string>() != wanted) {
    throw base::UserError("{}: '{}' must be \"{}\"; other encoders are not supported.", where, key, wanted);
  }
}

bool is_true(const Json& json, const char* key) {
  const auto value = json.find(key);
  return value != json.end() && value->is_boolean() && value->get<bool>();
}

std::string text_at(const Json& json, const char* key) {
  const auto value = json.find(key);
  return value != json.end() && value->is_string() ? value->get<std::string>() : std::string();
}

void check_pooling(const fs::path& file) {
  const Json json = parse(base::read_file(file, kMaxBytes), file.string());
  const bool other = json.is_object() && (is_true(json, "pooling_mode_cls_token") || is_true(json, "pooling_mode_max_tokens") ||
                                          is_true(json, "pooling_mode_mean_sqrt_len_tokens") || is_true(json, "pooling_mode_weightedmean_tokens") ||
                                          is_true(json, "pooling_mode_lasttoken"));
  const std::string mode = json.is_object() ? text_at(json, "pooling_mode") : "";
  if (!json.is_object() || other || (!is_true(json, "pooling_mode_mean_tokens") && mode != "mean")) {
    throw base::UserError("{}: only the mean over tokens is supported as pooling ('pooling_mode_mean_tokens').", file.string());
  }
}

void read_modules(const fs::path& folder, EncoderConfig& config) {
  const fs::path file = folder / "modules.json";
  if (!fs::exists(file)) return;
  const Json modules = parse(base::read_file(file, kMaxBytes), file.string());
  if (!modules.is_array()) throw base::UserError("{} is not a list of modules.", file.string());
  for (const Json& module : modules) {
    const std::string type = module.is_object() ? text_at(module, "type") : "";
    if (type.ends_with(".Transformer")) continue;
    if (type.ends_with(".Normalize")) {
      config.normalise = true;
    } else if (type.ends_with(".Pooling")) {
      const fs::path path = text_at(module, "path");
      if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end()) {
        throw base::UserError("{}: the module path '{}' leaves the folder.", file.string(), path.string());
      }
      check_pooling(folder / path / "config.json");
    } else {
      throw base::UserError("{}: the module '{}' is not supported; Transformer, Pooling and Normalize are.", file.string(), type);
    }
  }
}

void read_max_tokens(const fs::path& folder, EncoderConfig& config) {
  const fs::path file = folder / "sentence_bert_config.json";
  if (!fs::exists(file)) return;
  const Json json = parse(base::read_file(file, kMaxBytes), file.string());
  const auto value = json.is_object() ? json.find("max_seq_length") : json.end();
  if (!json.is_object() || value == json.end() || value->is_null()) return;
  config.max_tokens = std::min(config.max_tokens, integer(json, "max_seq_length", INT32_MAX, file.string()));
}

}  // namespace

EncoderConfig parse_encoder_config(std::string_view text, std::string_view where) {
  const Json json = parse(text, where);
  if (!json.is_object()) throw base::UserError("{} is not a JSON object.", where);
  const std::string type = text_at(json, "model_type");
  if (type != "bert" && type != "roberta") throw base::UserError("{}: 'model_type' is '{}', but must be bert or roberta.", where, type.substr(0, 60));
  check_string(json, "hidden_act", "gelu", where);
  check_string(json, "position_embedding_type", "absolute", where);
  EncoderConfig config;
  config.vocab_size = integer(json, "vocab_size", std::int64_t{1} << 22, where);
  config.hidden_size = integer(json, "hidden_size", std::int64_t{1} << 16, where);
  config.intermediate_size = integer(json, "intermediate_size", std::int64_t{1} << 18, where);
  config.num_layers = integer(json, "num_hidden_layers", 1024, where);
  config.num_heads = integer(json, "num_attention_heads", 4096, where);
  config.max_positions = integer(json, "max_position_embeddings", std::int64_t{1} << 22, where);
  config.num_token_types = integer(json, "type_vocab_size", 1024, where);
  if (config.hidden_size % config.num_heads != 0) {
    throw base::UserError("{}: 'hidden_size' ({}) is not a multiple of 'num_attention_heads' ({}).", where, config.hidden_size, config.num_heads);
  }
  const auto eps = json.find("layer_norm_eps");
  if (eps != json.end()) {
    if (!eps->is_number() || !(eps->get<double>() > 0.0 && eps->get<double>() < 1.0)) {
      throw base::UserError("{}: 'layer_norm_eps' must be a number between 0 and 1.", where);
    }
    config.layer_norm_eps = eps->get<double>();
  }
  if (type == "roberta") {
    const auto padding = json.find("pad_token_id");
    config.first_position = 1 + (padding == json.end() || padding->is_null() ? 1 : integer(json, "pad_token_id", config.max_positions, where));
  }
  config.max_tokens = config.max_positions - config.first_position;
  if (config.max_tokens < 2) throw base::UserError("{}: 'max_position_embeddings' ({}) leaves no room for tokens.", where, config.max_positions);
  return config;
}

EncoderConfig read_sentence_folder(const fs::path& folder) {
  const fs::path file = folder / "config.json";
  EncoderConfig config = parse_encoder_config(base::read_file(file, kMaxBytes), file.string());
  read_modules(folder, config);
  read_max_tokens(folder, config);
  return config;
}

}  // namespace drover::model
