#include "model/config_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/json_nesting.h"

namespace drover::model {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{16} << 20;

struct FamilyName {
  std::string_view model_type;
  std::string_view class_prefix;
  Architecture architecture;
};
constexpr FamilyName kFamilies[] = {
    {"llama", "Llama", Architecture::kLlama},
    {"mistral", "Mistral", Architecture::kMistral},
    {"qwen2", "Qwen2", Architecture::kQwen2},
    {"qwen3", "Qwen3", Architecture::kQwen3},
};

const FamilyName& family_of(Architecture architecture) {
  for (const FamilyName& family : kFamilies) {
    if (family.architecture == architecture) return family;
  }
  DROVER_CHECK(false, "Architecture {} has no name", static_cast<int>(architecture));
}

// A value as it stands in the file, short enough for a message.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

// The keys of one JSON object, read with their types checked. A null counts as an absent key, as in transformers.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(&object), where_(std::move(where)) {}

  const std::string& where() const { return where_; }

  const Json* find(std::string_view key) const {
    const auto entry = object_->find(key);
    return entry == object_->end() || entry->is_null() ? nullptr : &*entry;
  }

  [[noreturn]] void refuse(std::string_view key, std::string_view wanted) const {
    const Json* value = find(key);
    throw base::UserError("{}: '{}' is {}, but {} is needed here.", where_, key, value == nullptr ? "absent" : shown(*value), wanted);
  }

  std::optional<std::int64_t> find_integer(std::string_view key) const {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
      refuse(key, "a smaller number");
    }
    if (value->is_number_integer()) return value->get<std::int64_t>();
    if (value->is_number_float() && std::abs(value->get<double>()) < 9e15 && value->get<double>() == std::floor(value->get<double>())) {
      return static_cast<std::int64_t>(value->get<double>());
    }
    refuse(key, "a whole number");
  }
  std::int64_t integer(std::string_view key) const {
    const auto value = find_integer(key);
    if (!value) refuse(key, "a whole number");
    return *value;
  }

  std::optional<double> find_number(std::string_view key) const {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) refuse(key, "a number");
    return value->get<double>();
  }
  double number(std::string_view key) const {
    const auto value = find_number(key);
    if (!value) refuse(key, "a number");
    return *value;
  }

  bool boolean(std::string_view key, bool otherwise) const {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) refuse(key, "true or false");
    return value->get<bool>();
  }

  std::optional<std::string> find_string(std::string_view key) const {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) refuse(key, "a string");
    return value->get<std::string>();
  }

  std::optional<Fields> find_object(std::string_view key) const {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_object()) refuse(key, "an object");
    return Fields(*value, where_ + ", " + std::string(key));
  }

 private:
  const Json* object_;
  std::string where_;
};

Architecture architecture_of(const Fields& fields) {
  const auto type = fields.find_string("model_type");
  for (const FamilyName& family : kFamilies) {
    if (type && *type == family.model_type) return family.architecture;
  }
  fields.refuse("model_type", "one of llama, mistral, qwen2, qwen3");
}

void refuse_unknown_computation(const Fields& fields) {
  const std::string activation = fields.find_string("hidden_act").value_or("silu");
  if (activation != "silu") fields.refuse("hidden_act", "\"silu\"");
  if (fields.find_number("partial_rotary_factor").value_or(1.0) != 1.0) fields.refuse("partial_rotary_factor", "1");
  if (fields.find("quantization_config") != nullptr) {
    throw base::UserError("{}: quantized weights ('quantization_config') cannot be read; take the model's bfloat16 version, or its GGUF file.",
                          fields.where());
  }
}

text::TokenId token_id(const Fields& fields, std::string_view key, std::int64_t value) {
  if (value < 0 || value > INT32_MAX) fields.refuse(key, "a token id");
  return text::TokenId{static_cast<std::int32_t>(value)};
}

void read_special_ids(const Fields& fields, DecoderConfig& config) {
  const Json* eos = fields.find("eos_token_id");
  if (eos != nullptr && eos->is_array()) {
    if (eos->size() > 64) fields.refuse("eos_token_id", "a list of at most 64 ids");
    for (const Json& id : *eos) {
      if (!id.is_number_integer()) fields.refuse("eos_token_id", "an id or a list of ids");
      config.eos.push_back(token_id(fields, "eos_token_id", id.is_number_unsigned() && id.get<std::uint64_t>() > INT32_MAX
                                                                ? std::int64_t{-1} : id.get<std::int64_t>()));
    }
  } else if (eos != nullptr) {
    config.eos.push_back(token_id(fields, "eos_token_id", fields.integer("eos_token_id")));
  }
  if (const auto bos = fields.find_integer("bos_token_id")) config.bos = token_id(fields, "bos_token_id", *bos);
}

double yarn_mscale(double factor, double scale) { return factor <= 1.0 ? 1.0 : 0.1 * scale * std::log(factor) + 1.0; }

void read_yarn(const Fields& scaling, RopeScaling& out) {
  out.beta_fast = scaling.find_number("beta_fast").value_or(32.0);
  out.beta_slow = scaling.find_number("beta_slow").value_or(1.0);
  out.truncate = scaling.boolean("truncate", true);
  if (const auto given = scaling.find_number("attention_factor")) {
    if (!(*given > 0.0)) scaling.refuse("attention_factor", "a number above 0");
    out.attention_factor = *given;
    return;
  }
  const double mscale = scaling.find_number("mscale").value_or(0.0);
  const double mscale_all_dim = scaling.find_number("mscale_all_dim").value_or(0.0);
  if (mscale != 0.0 && mscale_all_dim != 0.0) {
    out.attention_factor = yarn_mscale(out.factor, mscale) / yarn_mscale(out.factor, mscale_all_dim);
  }
}

void read_scaling(const Fields& scaling, DecoderConfig& config) {
  const auto new_key = scaling.find_string("rope_type");
  const std::string type = new_key ? *new_key : scaling.find_string("type").value_or("default");
  RopeScaling& out = config.rope_scaling;
  if (type == "default") return;
  if (type == "linear") {
    out.kind = RopeScaling::Kind::kLinear;
    out.factor = scaling.number("factor");
    return;
  }
  if (type != "llama3" && type != "yarn") {
    scaling.refuse(new_key ? "rope_type" : "type", "one of default, linear, llama3, yarn");
  }
  out.original_max_positions = scaling.find_integer("original_max_position_embeddings").value_or(config.max_positions);
  if (type == "llama3") {
    out.kind = RopeScaling::Kind::kLlama3;
    out.factor = scaling.number("factor");
    out.low_freq_factor = scaling.number("low_freq_factor");
    out.high_freq_factor = scaling.number("high_freq_factor");
  } else {
    out.kind = RopeScaling::Kind::kYarn;
    const auto factor = scaling.find_number("factor");
    if (!factor && out.original_max_positions < 1) scaling.refuse("original_max_position_embeddings", "a positive number");
    out.factor = factor.value_or(static_cast<double>(config.max_positions) / static_cast<double>(out.original_max_positions));
    read_yarn(scaling, out);
  }
}

void read_rope(const Fields& fields, DecoderConfig& config) {
  config.rope_theta = fields.find_number("rope_theta").value_or(10000.0);
  // transformers lets rope_scaling win when a file holds both forms.
  auto scaling = fields.find_object("rope_scaling");
  if (!scaling) scaling = fields.find_object("rope_parameters");
  if (!scaling) return;
  if (const auto theta = scaling->find_number("rope_theta")) config.rope_theta = *theta;
  if (scaling->find_number("partial_rotary_factor").value_or(1.0) != 1.0) scaling->refuse("partial_rotary_factor", "1");
  read_scaling(*scaling, config);
}

// Layers of one model with and without a window are not supported: all, or none.
void read_sliding_window(const Fields& fields, DecoderConfig& config) {
  const std::int64_t window = fields.find_integer("sliding_window").value_or(0);
  if (config.architecture == Architecture::kMistral) {
    config.sliding_window = window;
    return;
  }
  if (config.architecture == Architecture::kLlama || !fields.boolean("use_sliding_window", false) || window == 0) return;
  std::int64_t sliding = config.num_layers - std::min(fields.find_integer("max_window_layers").value_or(28), config.num_layers);
  if (const Json* types = fields.find("layer_types")) {
    if (!types->is_array()) fields.refuse("layer_types", "a list");
    sliding = 0;
    for (const Json& type : *types) sliding += type == "sliding_attention" ? 1 : 0;
  }
  if (sliding != 0 && sliding != config.num_layers) {
    fields.refuse(fields.find("layer_types") != nullptr ? "layer_types" : "max_window_layers",
                  "the same kind of attention in all layers");
  }
  if (sliding != 0) config.sliding_window = window;
}

void read_biases(const Fields& fields, DecoderConfig& config) {
  const bool declared = fields.boolean("attention_bias", false);
  switch (config.architecture) {
    case Architecture::kLlama:
      config.mlp_bias = fields.boolean("mlp_bias", false);
      [[fallthrough]];
    case Architecture::kQwen3:
      config.attention_bias = config.attention_output_bias = declared;
      break;
    case Architecture::kQwen2:
      config.attention_bias = true;
      break;
    case Architecture::kMistral:
      break;
  }
}

std::int64_t num_labels_of(const Fields& fields) {
  const auto labels = fields.find_object("id2label");
  if (labels) return static_cast<std::int64_t>(fields.find("id2label")->size());
  return fields.find_integer("num_labels").value_or(2);
}

std::string plain_label(std::int64_t label) { return fmt::format("LABEL_{}", label); }

/// The names of the classes, or none when the file has no names for all of them, or only "LABEL_0", "LABEL_1" ...
std::vector<std::string> labels_of(const Fields& fields, std::int64_t num_labels) {
  if (!fields.find_object("id2label")) return {};
  const Json& names = *fields.find("id2label");
  std::vector<std::string> labels;
  bool are_plain = true;
  for (std::int64_t label = 0; label < num_labels; ++label) {
    const auto found = names.find(fmt::format("{}", label));
    if (found == names.end() || !found->is_string()) return {};
    labels.push_back(found->get<std::string>());
    are_plain &= labels.back() == plain_label(label);
  }
  return are_plain ? std::vector<std::string>() : labels;
}

void read_head(const Fields& fields, DecoderConfig& config) {
  const Json* classes = fields.find("architectures");
  if (classes == nullptr) return;
  if (!classes->is_array() || classes->size() != 1 || !classes->front().is_string()) {
    fields.refuse("architectures", "a list of one name");
  }
  const auto name = classes->front().get<std::string>();
  const std::string prefix(family_of(config.architecture).class_prefix);
  if (name == prefix + "ForCausalLM") return;
  const std::int64_t labels = num_labels_of(fields);
  config.head.num_labels = labels;
  const std::int64_t seed = fields.find_integer("head_seed").value_or(0);
  if (seed < 0) fields.refuse("head_seed", "a number that is not negative");
  config.head.seed = static_cast<std::uint64_t>(seed);
  if (name == prefix + "ForSequenceClassification") {
    config.head.kind = labels == 1 ? HeadKind::kReward : HeadKind::kClasses;
    if (labels > 1) config.head.labels = labels_of(fields, labels);
  } else if (name == prefix + "ForTokenClassification" && labels == 1) {
    config.head.kind = HeadKind::kSteps;
  } else {
    fields.refuse("architectures", fmt::format("{0}ForCausalLM, {0}ForSequenceClassification, or {0}ForTokenClassification with one label",
                                               prefix));
  }
}

std::int64_t head_dim_of(const Fields& fields, const DecoderConfig& config) {
  if (const auto given = fields.find_integer("head_dim")) return *given;
  if (config.architecture == Architecture::kQwen3) return 128;
  if (config.num_heads < 1 || config.hidden_size % config.num_heads != 0) {
    throw base::UserError("{}: 'hidden_size' ({}) is not a multiple of 'num_attention_heads' ({}), and there is no 'head_dim'.", fields.where(),
                          config.hidden_size, config.num_heads);
  }
  return config.hidden_size / config.num_heads;
}

DecoderConfig read_fields(const Fields& fields) {
  DecoderConfig config;
  config.architecture = architecture_of(fields);
  refuse_unknown_computation(fields);
  config.vocab_size = fields.integer("vocab_size");
  config.hidden_size = fields.integer("hidden_size");
  config.intermediate_size = fields.integer("intermediate_size");
  config.num_layers = fields.integer("num_hidden_layers");
  config.num_heads = fields.integer("num_attention_heads");
  config.num_kv_heads = fields.find_integer("num_key_value_heads").value_or(config.num_heads);
  config.head_dim = head_dim_of(fields, config);
  config.max_positions = fields.find_integer("max_position_embeddings").value_or(2048);
  config.rms_norm_eps = fields.find_number("rms_norm_eps").value_or(1e-6);
  config.tied_embeddings = fields.boolean("tie_word_embeddings", false);
  config.qk_norm = config.architecture == Architecture::kQwen3;
  read_biases(fields, config);
  read_rope(fields, config);
  read_sliding_window(fields, config);
  read_special_ids(fields, config);
  read_head(fields, config);
  return config;
}

Json scaling_json(const DecoderConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  switch (scaling.kind) {
    case RopeScaling::Kind::kNone:
      return {{"rope_type", "default"}};
    case RopeScaling::Kind::kLinear:
      return {{"rope_type", "linear"}, {"factor", scaling.factor}};
    case RopeScaling::Kind::kLlama3:
      return {{"rope_type", "llama3"},
              {"factor", scaling.factor},
              {"low_freq_factor", scaling.low_freq_factor},
              {"high_freq_factor", scaling.high_freq_factor},
              {"original_max_position_embeddings", scaling.original_max_positions}};
    case RopeScaling::Kind::kYarn:
      break;
  }
  Json yarn = {{"rope_type", "yarn"},
               {"factor", scaling.factor},
               {"beta_fast", scaling.beta_fast},
               {"beta_slow", scaling.beta_slow},
               {"original_max_position_embeddings", scaling.original_max_positions}};
  if (scaling.attention_factor > 0.0) yarn["attention_factor"] = scaling.attention_factor;
  if (!scaling.truncate) yarn["truncate"] = false;
  return yarn;
}

void write_head(const DecoderConfig& config, Json& json) {
  const std::string prefix(family_of(config.architecture).class_prefix);
  const Head& head = config.head;
  const std::string suffix = head.kind == HeadKind::kLanguage ? "ForCausalLM"
                             : head.kind == HeadKind::kSteps  ? "ForTokenClassification"
                                                              : "ForSequenceClassification";
  json["architectures"] = Json::array({prefix + suffix});
  if (head.kind == HeadKind::kLanguage) return;
  for (std::int64_t label = 0; label < head.num_labels; ++label) {
    const std::string name = head.labels.empty() ? plain_label(label) : head.labels[static_cast<std::size_t>(label)];
    json["id2label"][fmt::format("{}", label)] = name;
    json["label2id"][name] = label;
  }
  json["head_seed"] = head.seed & static_cast<std::uint64_t>(INT64_MAX);
}

void write_rope(const DecoderConfig& config, Json& json) {
  // Both forms: rope_theta and rope_scaling for transformers 4, vLLM and llama.cpp's converter, rope_parameters for transformers 5.
  const Json scaling = scaling_json(config);
  json["rope_theta"] = config.rope_theta;
  json["rope_scaling"] = config.rope_scaling.kind == RopeScaling::Kind::kNone ? Json(nullptr) : scaling;
  json["rope_parameters"] = scaling;
  json["rope_parameters"]["rope_theta"] = config.rope_theta;
}

void write_window(const DecoderConfig& config, Json& json) {
  const bool has_window = config.sliding_window > 0;
  if (config.architecture == Architecture::kMistral) json["sliding_window"] = has_window ? Json(config.sliding_window) : Json(nullptr);
  if (config.architecture == Architecture::kQwen2 || config.architecture == Architecture::kQwen3) {
    json["use_sliding_window"] = has_window;
    json["sliding_window"] = has_window ? Json(config.sliding_window) : Json(nullptr);
    json["max_window_layers"] = has_window ? 0 : config.num_layers;
  }
}

}  // namespace

DecoderConfig parse_config_json(std::string_view json, std::string_view where) {
  base::require_shallow_json(json, where);
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) throw base::UserError("{} is not a JSON object.", where);
  DecoderConfig config = read_fields(Fields(parsed, std::string(where)));
  try {
    config.validate();
  } catch (const base::UserError& error) {
    throw base::UserError("{}: {}", where, error.what());
  }
  return config;
}

DecoderConfig read_config_json(const std::filesystem::path& file) {
  return parse_config_json(base::read_file(file, kMaxConfigBytes), file.string());
}

std::vector<text::TokenId> parse_generation_eos(std::string_view json, std::string_view where) {
  base::require_shallow_json(json, where);
  const Json parsed = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) throw base::UserError("{} is not a JSON object.", where);
  DecoderConfig config;
  read_special_ids(Fields(parsed, std::string(where)), config);
  return config.eos;
}

std::string to_config_json(const DecoderConfig& config, ComputeType type) {
  const std::string_view dtype = type == ComputeType::kFloat32 ? "float32" : "bfloat16";
  Json json;
  write_head(config, json);
  json["model_type"] = family_of(config.architecture).model_type;
  json["dtype"] = dtype;
  json["torch_dtype"] = dtype;
  json["vocab_size"] = config.vocab_size;
  json["hidden_size"] = config.hidden_size;
  json["intermediate_size"] = config.intermediate_size;
  json["num_hidden_layers"] = config.num_layers;
  json["num_attention_heads"] = config.num_heads;
  json["num_key_value_heads"] = config.num_kv_heads;
  json["head_dim"] = config.head_dim;
  json["hidden_act"] = "silu";
  json["max_position_embeddings"] = config.max_positions;
  json["rms_norm_eps"] = config.rms_norm_eps;
  write_rope(config, json);
  write_window(config, json);
  json["tie_word_embeddings"] = config.tied_embeddings;
  json["attention_bias"] = config.attention_bias;
  if (config.architecture == Architecture::kLlama) json["mlp_bias"] = config.mlp_bias;
  json["bos_token_id"] = config.bos == text::kNoToken ? Json(nullptr) : Json(text::to_int(config.bos));
  Json eos = Json::array();
  for (const text::TokenId id : config.eos) eos.push_back(text::to_int(id));
  json["eos_token_id"] = eos.empty() ? Json(nullptr) : eos.size() == 1 ? eos.front() : eos;
  return json.dump(2) + "\n";
}

}  // namespace drover::model
