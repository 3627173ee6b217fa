#include "cli/model_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "chat/chat_format.h"
#include "model/config_gguf.h"
#include "model/config_json.h"
#include "model/heads.h"
#include "text/load_tokenizer.h"
#include "weights/gguf.h"
#include "weights/safetensors.h"

namespace drover::cli {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::uint64_t kLargestConfig = std::uint64_t{64} << 20;  // bytes; a tokenizer.json has some ten million

std::string_view name_of(model::Architecture architecture) {
  switch (architecture) {
    case model::Architecture::kLlama: return "llama";
    case model::Architecture::kMistral: return "mistral";
    case model::Architecture::kQwen2: return "qwen2";
    case model::Architecture::kQwen3: return "qwen3";
  }
  return "?";
}

std::string_view name_of(model::RopeScaling::Kind kind) {
  switch (kind) {
    case model::RopeScaling::Kind::kNone: return "none";
    case model::RopeScaling::Kind::kLinear: return "linear";
    case model::RopeScaling::Kind::kLlama3: return "llama3";
    case model::RopeScaling::Kind::kYarn: return "yarn";
  }
  return "?";
}

Json decoder_facts(const model::DecoderConfig& config) {
  Json eos = Json::array();
  for (const auto id : config.eos) eos.push_back(text::to_int(id));
  return {{"architecture", name_of(config.architecture)},
          {"head", model::name_of(config.head.kind)},
          {"layers", config.num_layers},
          {"hidden_size", config.hidden_size},
          {"intermediate_size", config.intermediate_size},
          {"heads", config.num_heads},
          {"kv_heads", config.num_kv_heads},
          {"head_dim", config.head_dim},
          {"vocab_size", config.vocab_size},
          {"max_positions", config.max_positions},
          {"rope_theta", config.rope_theta},
          {"rope_scaling", name_of(config.rope_scaling.kind)},
          {"tied_embeddings", config.tied_embeddings},
          {"eos_ids", eos}};
}

/// config.json of an encoder, which room `model` reads only together with its weights.
Json encoder_facts(const Json& config) {
  Json facts = {{"architecture", config.value("model_type", "?")}, {"head", "none (encoder)"}};
  for (const auto& [ours, theirs] : std::map<std::string, std::string>{{"layers", "num_hidden_layers"},
                                                                       {"hidden_size", "hidden_size"},
                                                                       {"intermediate_size", "intermediate_size"},
                                                                       {"heads", "num_attention_heads"},
                                                                       {"vocab_size", "vocab_size"},
                                                                       {"max_positions", "max_position_embeddings"}}) {
    if (config.contains(theirs)) facts[ours] = config[theirs];
  }
  return facts;
}

void add_tensor_facts(Json& facts, std::span<const weights::TensorView> tensors) {
  std::int64_t parameters = 0;
  std::map<std::string, std::int64_t> types;
  for (const auto& tensor : tensors) {
    parameters += tensor.num_elements();
    types[std::string(weights::name_of(tensor.type))] += tensor.num_elements();
  }
  facts["parameters"] = parameters;
  facts["tensors"] = tensors.size();
  facts["dtypes"] = types;
}

void add_text_facts(Json& facts, const fs::path& model, const std::string& kind) {
  const auto tokenizer = text::load_tokenizer(model);
  Json shown = {{"kind", kind}, {"vocab_size", tokenizer->vocab_size()}, {"hash", tokenizer->hash()}};
  if (const auto bos = tokenizer->bos()) shown["bos"] = text::to_int(*bos);
  if (const auto eos = tokenizer->eos()) shown["eos"] = text::to_int(*eos);
  facts["tokenizer"] = shown;
  const auto chat_template = text::read_chat_template(model);
  const auto format = chat_template ? chat::format_of_template(*chat_template) : std::nullopt;
  facts["chat_template"] = chat_template.has_value();
  facts["chat_format"] = format ? Json(*format) : Json(nullptr);
}

Json read_json(const fs::path& path) {
  auto value = Json::parse(base::read_file(path, kLargestConfig), nullptr, false);
  if (!value.is_object()) throw base::UserError("'{}' is not a JSON object.", path.string());
  return value;
}

/// "BPE of tokenizer.json".
std::string tokenizer_kind(const fs::path& folder) {
  if (!fs::exists(folder / "tokenizer.json")) return "tokenizer.model";
  const auto json = read_json(folder / "tokenizer.json");
  if (!json.contains("model") || !json["model"].is_object()) return "tokenizer.json";
  const auto type = json["model"].find("type");
  return type != json["model"].end() && type->is_string() ? type->get<std::string>() + " of tokenizer.json" : "tokenizer.json";
}

Json folder_facts(const fs::path& folder) {
  if (!fs::exists(folder / "config.json")) throw base::UserError("'{}' is no model folder: it has no config.json.", folder.string());
  Json files = Json::array();
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back({{"name", entry.path().filename().string()}, {"bytes", entry.file_size()}});
  }
  std::sort(files.begin(), files.end(), [](const Json& a, const Json& b) { return a["name"] < b["name"]; });

  Json facts = {{"path", folder.string()}, {"container", "safetensors"}};
  const auto config = read_json(folder / "config.json");
  const auto type = config.find("model_type");
  const bool is_encoder = type != config.end() && type->is_string() && (*type == "bert" || *type == "roberta" || *type == "xlm-roberta");
  facts.update(is_encoder ? encoder_facts(config) : decoder_facts(model::read_config_json(folder / "config.json")));
  const auto tensors = weights::ShardedTensors::open(folder);
  add_tensor_facts(facts, tensors.tensors());
  add_text_facts(facts, folder, tokenizer_kind(folder));
  facts["files"] = files;
  return facts;
}

Json gguf_facts(const fs::path& path) {
  const auto file = weights::GgufFile::open(path);
  Json facts = {{"path", path.string()}, {"container", fmt::format("gguf v{}", file.version())}};
  if (const auto name = file.find_string("general.name")) facts["name"] = std::string(*name);
  facts.update(decoder_facts(model::config_of_gguf(file, path.string())));
  add_tensor_facts(facts, file.tensors());
  add_text_facts(facts, path, fmt::format("{}, {}", file.find_string("tokenizer.ggml.model").value_or("?"), file.find_string("tokenizer.ggml.pre").value_or("default")));
  facts["files"] = Json::array({{{"name", path.filename().string()}, {"bytes", fs::file_size(path)}}});
  return facts;
}

}  // namespace

nlohmann::ordered_json model_facts(const fs::path& model) { return fs::is_directory(model) ? folder_facts(model) : gguf_facts(model); }

}  // namespace drover::cli
