#include "text/load_tokenizer.h"

#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json_nesting.h"
#include "text/bpe_lists.h"
#include "text/gguf_vocabulary.h"
#include "text/tokenizer_factories.h"
#include "weights/gguf.h"

namespace drover::text {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::uint64_t kLargestFile = std::uint64_t{512} << 20;  // the largest known tokenizer.json has 35 MB

std::string read_json_text(const fs::path& path) {
  std::string text = base::read_file(path, kLargestFile);
  base::require_shallow_json(text, path.string());
  return text;
}

json parse_json(const std::string& text, const fs::path& path) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    throw base::UserError("{} is not valid JSON (byte {}). Is the file complete?", path.string(), error.byte);
  } catch (const json::out_of_range&) {
    throw base::UserError("{} holds a number that is too large for JSON's usual range.", path.string());
  }
}

json read_json(const fs::path& path) { return parse_json(read_json_text(path), path); }

/// A special token is written as its spelling or as an object that holds it.
std::optional<std::string> spelling_of(const json& file, const char* key) {
  const auto found = file.find(key);
  if (found == file.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_object() && found->contains("content") && (*found)["content"].is_string()) {
    return (*found)["content"].get<std::string>();
  }
  return std::nullopt;
}

DeclaredTokens read_declared_tokens(const fs::path& folder) {
  DeclaredTokens declared;
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    if (!fs::is_regular_file(folder / name)) continue;
    const json file = read_json(folder / name);
    if (!file.is_object()) throw base::UserError("{} is not a JSON object.", (folder / name).string());
    if (auto token = spelling_of(file, "bos_token")) declared.bos = token;
    if (auto token = spelling_of(file, "eos_token")) declared.eos = token;
    if (auto token = spelling_of(file, "unk_token")) declared.unknown = token;
    if (auto token = spelling_of(file, "pad_token")) declared.padding = token;
  }
  return declared;
}

/// Whether a pre-tokenizer or decoder is ByteLevel or a sequence that holds it.
bool names_byte_level(const json& part) {
  if (!part.is_object()) return false;
  if (part.value("type", json()) == "ByteLevel") return true;
  for (const char* list : {"pretokenizers", "decoders"}) {
    const auto parts = part.find(list);
    if (parts == part.end() || !parts->is_array()) continue;
    for (const json& inner : *parts) {
      if (inner.is_object() && inner.value("type", json()) == "ByteLevel") return true;
    }
  }
  return false;
}

bool is_byte_level(const json& file) {
  return names_byte_level(file.value("pre_tokenizer", json())) || names_byte_level(file.value("decoder", json()));
}

/// Empty when the file does not tell; older ones of BPE have no type.
std::string model_type(const json& model) {
  const auto named = model.find("type");
  const auto type = named != model.end() && named->is_string() ? named->get<std::string>() : "";
  return type.empty() && model.contains("merges") ? "BPE" : type;
}

/// The largest files, of byte-level BPE, in the fast way; nothing where that does not apply.
std::shared_ptr<const Tokenizer> load_large_json(const std::string& text, const fs::path& path) {
  const auto split = SplitTokenizerJson::parse(text);
  if (!split || model_type(split->rest()["model"]) != "BPE" || !is_byte_level(split->rest())) return nullptr;
  const auto lists = split->lists();
  if (!lists) return nullptr;
  return make_byte_level_bpe(split->rest(), *lists, read_declared_tokens(path.parent_path()), path.string());
}

std::shared_ptr<const Tokenizer> load_json(const fs::path& path) {
  const std::string where = path.string();
  const std::string text = read_json_text(path);
  if (auto tokenizer = load_large_json(text, path)) return tokenizer;
  const json file = parse_json(text, path);
  if (!file.is_object() || !file.contains("model") || !file["model"].is_object()) {
    throw base::UserError("{} has no object 'model'. Is it a tokenizer.json of Hugging Face tokenizers?", where);
  }
  const std::string type = model_type(file["model"]);
  const DeclaredTokens declared = read_declared_tokens(path.parent_path());
  if (type == "BPE") {
    return is_byte_level(file) ? make_byte_level_bpe(file, declared, where) : make_sentencepiece_bpe(file, declared, where);
  }
  if (type == "WordPiece") return make_wordpiece(file, declared, where);
  throw base::UserError("{}: the model type '{}' is not supported; BPE and WordPiece are.", where, type);
}

std::shared_ptr<const Tokenizer> load_model_file(const fs::path& path) {
  const std::string bytes = base::read_file(path, kLargestFile);
  // A SentencePiece file begins with field 1 of its protobuf message, a tiktoken file with a letter of base64.
  if (!bytes.empty() && bytes.front() == '\x0A') {
    return make_sentencepiece_bpe_from_model(bytes, read_declared_tokens(path.parent_path()), path.string());
  }
  return make_llama3_bpe(bytes, path.string());
}

std::shared_ptr<const Tokenizer> load_bert_vocabulary(const fs::path& folder) {
  const fs::path config = folder / "tokenizer_config.json";
  const fs::path vocabulary = folder / "vocab.txt";
  return make_wordpiece_from_vocab_file(base::read_file(vocabulary, kLargestFile),
                                        fs::is_regular_file(config) ? read_json(config) : json(), vocabulary.string());
}

std::shared_ptr<const Tokenizer> load_gguf(const fs::path& path) {
  const weights::GgufFile file = weights::GgufFile::open(path);
  const GgufVocabulary vocabulary = read_gguf_vocabulary(file, path.string());
  if (vocabulary.model == "gpt2") return make_byte_level_bpe(vocabulary);
  if (vocabulary.model == "llama") return make_sentencepiece_bpe(vocabulary);
  if (vocabulary.model == "bert") return make_wordpiece(vocabulary);
  throw base::UserError("{}: tokenizer.ggml.model is '{}'; drover knows gpt2, llama and bert.", vocabulary.where,
                        vocabulary.model);
}

std::optional<std::string> template_in(const json& config) {
  const auto found = config.find("chat_template");
  if (found == config.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return std::nullopt;
  for (const json& named : *found) {  // several templates by name; the default one renders plain dialogs
    if (named.is_object() && named.value("name", json()) == "default" && named.contains("template") &&
        named["template"].is_string()) {
      return named["template"].get<std::string>();
    }
  }
  return std::nullopt;
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const fs::path& path) {
  if (fs::is_directory(path)) {
    if (fs::exists(path / "tokenizer.json")) return load_json(path / "tokenizer.json");
    if (fs::exists(path / "tokenizer.model")) return load_model_file(path / "tokenizer.model");
    if (fs::exists(path / "vocab.txt")) return load_bert_vocabulary(path);
    throw base::UserError("The folder {} holds none of tokenizer.json, tokenizer.model, vocab.txt.", path.string());
  }
  if (!fs::exists(path))
    throw base::UserError("{} does not exist. It should be a model folder, a tokenizer file or a .gguf file.",
                          path.string());
  if (path.extension() == ".gguf") return load_gguf(path);
  if (path.extension() == ".json") return load_json(path);
  return load_model_file(path);
}

std::optional<std::string> read_chat_template(const fs::path& path) {
  if (path.extension() == ".gguf" && !fs::is_directory(path)) {
    const weights::GgufFile file = weights::GgufFile::open(path);
    const std::optional<std::string_view> found = file.find_string("tokenizer.chat_template");
    return found ? std::optional<std::string>(*found) : std::nullopt;
  }
  const fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  if (fs::is_regular_file(folder / "chat_template.jinja"))
    return base::read_file(folder / "chat_template.jinja", kLargestFile);
  if (!fs::is_regular_file(folder / "tokenizer_config.json")) return std::nullopt;
  const json config = read_json(folder / "tokenizer_config.json");
  return config.is_object() ? template_in(config) : std::nullopt;
}

}  // namespace drover::text
