// Any JSON as a schema, then bytes of a reply: the first line of the input is the schema, the rest picks tokens. A schema is refused with
// a UserError or compiles; a compiled one never gets stuck, and a reply that may end is JSON.
#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "engine/json_schema_constraint.h"
#include "engine/spelled_tokenizer_test.h"
#include "engine/vocabulary_trie.h"

namespace {

using namespace drover;

const engine::SpelledTokenizer& tokenizer() {
  static const auto all = engine::SpelledTokenizer::with_all_bytes(engine::json_pieces());
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto vocabulary = std::make_shared<const engine::VocabularyTrie>(tokenizer());
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view text = input.substr(0, input.find('\n'));
  // Deeper JSON is refused by those who read it from outside.
  if (std::count(text.begin(), text.end(), '[') + std::count(text.begin(), text.end(), '{') > 100) return 0;
  const auto schema = nlohmann::ordered_json::parse(text, nullptr, false);
  if (schema.is_discarded()) return 0;
  std::shared_ptr<const engine::TokenConstraint> constraint;
  try {
    constraint = engine::compile_json_schema(schema, vocabulary);
  } catch (const base::UserError&) {
    return 0;
  }
  const auto reply = constraint->copy();
  std::string written;
  for (const char pick : input.substr(std::min(text.size() + 1, input.size()))) {
    engine::TokenMask mask(tokenizer().vocab_size());
    reply->insert_allowed(mask);
    std::vector<text::TokenId> allowed;
    for (std::int32_t id = 0; id < tokenizer().vocab_size(); ++id) {
      if (mask.contains(text::TokenId{id})) allowed.push_back(text::TokenId{id});
    }
    if (allowed.empty() != reply->may_end() && allowed.empty()) __builtin_trap();
    if (reply->may_end() && !nlohmann::json::accept(written)) __builtin_trap();
    if (allowed.empty()) return 0;
    const text::TokenId next = allowed[static_cast<unsigned char>(pick) % allowed.size()];
    reply->accept(next);
    written += tokenizer().bytes_of(next);
  }
  return 0;
}
