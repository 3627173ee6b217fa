#include "text/gguf_metadata.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/json_nesting.h"
#include "text/gguf_vocabulary.h"
#include "text/known_patterns.h"
#include "text/load_tokenizer.h"
#include "text/sentencepiece_model.h"
#include "text/split_step.h"
#include "text/tokenizer.h"
#include "text/tokenizer_json.h"
#include "weights/gguf.h"

namespace drover::text {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kLargestFile = std::uint64_t{512} << 20;

struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;  // GgufTokenType
  std::vector<float> scores;        // empty for byte-level BPE
};

void set(Vocabulary& vocabulary, std::size_t id, std::string token, GgufTokenType type) {
  if (vocabulary.tokens.size() <= id) {
    vocabulary.tokens.resize(id + 1);
    vocabulary.types.resize(id + 1, static_cast<std::int32_t>(GgufTokenType::kUnused));
  }
  vocabulary.tokens[id] = std::move(token);
  vocabulary.types[id] = static_cast<std::int32_t>(type);
}

// Embeddings often have more rows than there are tokens; llama.cpp wants a token for each. Names are those of its converter.
void fill(Vocabulary& vocabulary, std::int64_t num_rows) {
  const auto rows = std::max(vocabulary.tokens.size(), static_cast<std::size_t>(num_rows));
  vocabulary.tokens.resize(rows);
  vocabulary.types.resize(rows, static_cast<std::int32_t>(GgufTokenType::kUnused));
  if (!vocabulary.scores.empty()) vocabulary.scores.resize(rows, -1000.0F);
  for (std::size_t id = 0; id < rows; ++id) {
    if (vocabulary.tokens[id].empty()) vocabulary.tokens[id] = fmt::format("[PAD{}]", id);
  }
}

bool same_pattern(const std::string& a, const std::string& b) {
  const KnownScanner scanner = recognise_pattern(a);
  return scanner != KnownScanner::kNone ? scanner == recognise_pattern(b) : a == b;
}

// The name under which llama.cpp knows a pre-tokenizer: the one whose steps are these.
std::string pre_name_of(const json& pre_tokenizer, std::string_view where) {
  std::vector<SplitStep> steps = read_split_steps(pre_tokenizer, where);
  std::erase_if(steps, [](const SplitStep& step) { return step.kind == SplitStep::Kind::kSpellBytes; });
  for (const char* name : {"llama-bpe", "qwen2", "gpt-2", "smollm", "qwen35", "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon",
                           "gpt-4o", "tekken", "bloom", "viking"}) {
    const std::vector<SplitStep> known = split_steps_of_gguf(name, where);
    const auto same = [](const SplitStep& a, const SplitStep& b) {
      return a.kind == SplitStep::Kind::kPattern && same_pattern(a.pattern, b.pattern) && a.behavior == b.behavior;
    };
    if (std::equal(steps.begin(), steps.end(), known.begin(), known.end(), same)) return name;
  }
  throw base::UserError("{}: its pre-tokenizer has no name in GGUF, so the model cannot be written in that format.", where);
}

void add_special_ids(const Tokenizer& tokenizer, weights::GgufMetadata& metadata) {
  if (const auto bos = tokenizer.bos()) metadata.emplace_back("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(to_int(*bos)));
  if (const auto eos = tokenizer.eos()) metadata.emplace_back("tokenizer.ggml.eos_token_id", static_cast<std::uint32_t>(to_int(*eos)));
  std::vector<TokenId> framed;
  tokenizer.encode_into("a", {.add_special = true}, framed);
  const bool begins = !framed.empty() && tokenizer.bos() && framed.front() == *tokenizer.bos();
  metadata.emplace_back("tokenizer.ggml.add_bos_token", begins);
}

void add_vocabulary(Vocabulary vocabulary, std::int64_t num_rows, weights::GgufMetadata& metadata) {
  fill(vocabulary, num_rows);
  metadata.emplace_back("tokenizer.ggml.tokens", std::move(vocabulary.tokens));
  if (!vocabulary.scores.empty()) metadata.emplace_back("tokenizer.ggml.scores", std::move(vocabulary.scores));
  metadata.emplace_back("tokenizer.ggml.token_type", std::move(vocabulary.types));
}

weights::GgufMetadata of_tokenizer_json(const fs::path& path, std::int64_t num_rows) {
  const std::string where = path.string();
  const std::string text = base::read_file(path, kLargestFile);
  base::require_shallow_json(text, where);
  const json file = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!file.is_object()) throw base::UserError("{} is not a JSON object.", where);
  const json& model = json_part(file, "model");
  if (json_text(model, "type", where).value_or("BPE") != "BPE") throw base::UserError("{}: only BPE tokenizers can be written to GGUF.", where);
  Vocabulary vocabulary;
  const auto ids = read_json_vocabulary(model, where);
  const auto added = read_json_added_tokens(file, ids.size(), where);
  for (const auto& [token, id] : ids) {
    set(vocabulary, static_cast<std::size_t>(to_int(checked_token_id(id, ids.size() + added.size(), where))), token, GgufTokenType::kNormal);
  }
  for (const AddedToken& token : added) {
    set(vocabulary, static_cast<std::size_t>(to_int(token.id)), token.content,
        token.special ? GgufTokenType::kControl : GgufTokenType::kUserDefined);
  }
  std::vector<std::string> merges;
  for (const auto& [left, right] : read_json_merges(model, where)) merges.push_back(fmt::format("{} {}", left, right));
  weights::GgufMetadata metadata = {{"tokenizer.ggml.model", std::string("gpt2")},
                                    {"tokenizer.ggml.pre", pre_name_of(json_part(file, "pre_tokenizer"), where)}};
  add_vocabulary(std::move(vocabulary), num_rows, metadata);
  metadata.emplace_back("tokenizer.ggml.merges", std::move(merges));
  return metadata;
}

weights::GgufMetadata of_sentencepiece(const std::string& bytes, const fs::path& path, std::int64_t num_rows) {
  const SentencePieceModel model = read_sentencepiece_model(bytes, path.string());
  Vocabulary vocabulary;
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    set(vocabulary, id, model.pieces[id].text, static_cast<GgufTokenType>(model.pieces[id].kind));
    vocabulary.scores.push_back(model.pieces[id].score);
  }
  weights::GgufMetadata metadata = {{"tokenizer.ggml.model", std::string("llama")}, {"tokenizer.ggml.pre", std::string("default")}};
  add_vocabulary(std::move(vocabulary), num_rows, metadata);
  metadata.emplace_back("tokenizer.ggml.unknown_token_id", static_cast<std::uint32_t>(std::max(model.unk_id, 0)));
  metadata.emplace_back("tokenizer.ggml.add_space_prefix", model.add_dummy_prefix);
  return metadata;
}

weights::GgufMetadata of_gguf(const fs::path& path) {
  const auto file = weights::GgufFile::open(path);
  weights::GgufMetadata metadata;
  for (const std::string_view key : file.keys()) {
    if (key.starts_with("tokenizer.") && key != "tokenizer.chat_template") metadata.emplace_back(key, file.value(key));
  }
  return metadata;
}

}  // namespace

weights::GgufMetadata gguf_tokenizer_metadata(const fs::path& source, std::int64_t num_rows) {
  const bool is_folder = fs::is_directory(source);
  if (!is_folder && source.extension() == ".gguf") return of_gguf(source);
  const auto tokenizer = load_tokenizer(source);
  weights::GgufMetadata metadata;
  // A SentencePiece model holds scores, which is what GGUF wants; the tokenizer.json beside it has merges in their place.
  const fs::path model_file = is_folder ? source / "tokenizer.model" : source;
  const std::string bytes = fs::is_regular_file(model_file) ? base::read_file(model_file, kLargestFile) : std::string();
  if (looks_like_sentencepiece(bytes)) {
    metadata = of_sentencepiece(bytes, model_file, num_rows);
  } else {
    const fs::path json_file = is_folder ? source / "tokenizer.json" : source;
    if (!fs::is_regular_file(json_file) || json_file.extension() != ".json") {
      throw base::UserError("'{}' holds no tokenizer.json and no SentencePiece tokenizer.model, so no GGUF file can be written.", source.string());
    }
    metadata = of_tokenizer_json(json_file, num_rows);
  }
  add_special_ids(*tokenizer, metadata);
  return metadata;
}

}  // namespace drover::text
