#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>

#include "base/random_stream.h"
#include "engine/json_schema_constraint.h"
#include "engine/vocabulary_trie.h"
#include "text/load_tokenizer.h"

// Masks while a JSON document is read token by token. Set DROVER_BENCH_TOKENIZER to a model (a folder, tokenizer file or .gguf).
namespace drover::engine {
namespace {

using Json = nlohmann::ordered_json;

const text::Tokenizer* tokenizer(benchmark::State& state) {
  static const char* const model = std::getenv("DROVER_BENCH_TOKENIZER");
  if (model == nullptr) {
    state.SkipWithError("set DROVER_BENCH_TOKENIZER to a model");
    return nullptr;
  }
  static const auto loaded = text::load_tokenizer(model);
  return loaded.get();
}

std::shared_ptr<const VocabularyTrie> vocabulary(const text::Tokenizer& tokenizer) {
  static const auto trie = std::make_shared<const VocabularyTrie>(tokenizer);
  return trie;
}

const char* const kVerdict = R"({"type": "object", "properties": {
    "reasoning": {"type": "string"}, "score": {"type": "integer", "minimum": 1, "maximum": 10}, "verdict": {"enum": ["A", "B", "tie"]},
    "title": {"type": "string", "maxLength": 60}, "weights": {"type": "array", "items": {"type": "number"}},
    "facts": {"type": "array", "items": {"type": "object", "properties": {"text": {"type": "string"}, "holds": {"type": "boolean"}},
              "required": ["text", "holds"], "additionalProperties": false}}},
    "required": ["reasoning", "score", "verdict"], "additionalProperties": false})";
const char* const kReply =
    R"({"reasoning": "Answer A gives the right number, 42, and says how: \"six times seven\". Answer B guesses.\nSo A is better.", "score": 8, )"
    R"("verdict": "A", "title": "A counts, B guesses", "weights": [0.25, 1.5, -3, 12e-2], "facts": [{"text": "6 × 7 = 42", "holds": true}, )"
    R"({"text": "B counted", "holds": false}]})";

void build_the_trie(benchmark::State& state) {
  const text::Tokenizer* const loaded = tokenizer(state);
  if (loaded == nullptr) return;
  for (auto _ : state) benchmark::DoNotOptimize(VocabularyTrie(*loaded).num_nodes());
}
BENCHMARK(build_the_trie)->Unit(benchmark::kMillisecond);

void compile_a_schema(benchmark::State& state) {
  const text::Tokenizer* const loaded = tokenizer(state);
  if (loaded == nullptr) return;
  const Json schema = Json::parse(kVerdict);
  for (auto _ : state) benchmark::DoNotOptimize(compile_json_schema(schema, vocabulary(*loaded)).get());
}
BENCHMARK(compile_a_schema)->Unit(benchmark::kMicrosecond);

/// One mask and one accepted token at a time; `is_fresh`: with nothing remembered from replies before.
void masks_of_a_reply(benchmark::State& state, bool is_fresh) {
  const text::Tokenizer* const loaded = tokenizer(state);
  if (loaded == nullptr) return;
  const Json schema = Json::parse(kVerdict);
  const std::vector<text::TokenId> ids = loaded->encode(kReply);
  auto compiled = compile_json_schema(schema, vocabulary(*loaded));
  TokenMask mask(loaded->vocab_size());
  double worst = 0.0;
  double total = 0.0;
  std::int64_t masks = 0;
  for (auto _ : state) {
    if (is_fresh) {
      state.PauseTiming();
      compiled = compile_json_schema(schema, vocabulary(*loaded));
      state.ResumeTiming();
    }
    const auto reply = compiled->copy();
    for (const text::TokenId id : ids) {
      const auto begin = std::chrono::steady_clock::now();
      mask.clear();
      reply->insert_allowed(mask);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (!mask.contains(id)) return state.SkipWithError("a token of the reply is not allowed");
      reply->accept(id);
      worst = std::max(worst, seconds);
      total += seconds;
      ++masks;
    }
    if (!reply->may_end()) return state.SkipWithError("the reply may not end");
  }
  state.counters["tokens"] = static_cast<double>(ids.size());
  state.counters["mask_us_mean"] = total / static_cast<double>(masks) * 1e6;
  state.counters["mask_us_worst"] = worst * 1e6;
}
BENCHMARK_CAPTURE(masks_of_a_reply, first, true)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(masks_of_a_reply, later, false)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace drover::engine
