#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "base/random_stream.h"
#include "text/load_tokenizer.h"
#include "text/make_pre_tokenizer.h"

// Set DROVER_BENCH_TOKENIZER to a model (a folder, tokenizer file or .gguf) to measure encoding. The rival, Hugging
// Face tokenizers, runs beside bench/tokenizer_throughput on files.
namespace drover::text {
namespace {

/// Words of a skewed distribution, punctuation, numbers and now and then another script.
std::string mixed_text(std::size_t bytes) {
  static const char* const words[] = {"the",
                                      "of",
                                      "and",
                                      "model",
                                      "training",
                                      "answers",
                                      "preference",
                                      "don't",
                                      "1234",
                                      "(x == y)",
                                      "\n\n",
                                      "  ",
                                      "h\u00e9ros",
                                      "\u043f\u0440\u0438\u0432\u0435\u0442",
                                      "\u4f60\u597d\u4e16\u754c",
                                      "\u0928\u092e\u0938\u094d\u0924\u0947",
                                      "https://example.org/a?b=c",
                                      "\U0001F680"};
  base::RandomStream random(5, "bench text");
  std::string text;
  while (text.size() < bytes) {
    text += words[std::min(random.below(std::size(words)), random.below(std::size(words)))];
    text += random.below(8) == 0 ? ", " : " ";
  }
  return text;
}

void cut_a_megabyte(benchmark::State& state, std::vector<SplitStep> steps) {
  const auto pre_tokenizer = make_pre_tokenizer(std::move(steps));
  const std::string text = mixed_text(1 << 20);
  Pieces pieces;
  for (auto _ : state) {
    pre_tokenizer->cut(text, pieces);
    benchmark::DoNotOptimize(pieces.lengths.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK_CAPTURE(cut_a_megabyte, smollm, split_steps_of_gguf("smollm", "bench"))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cut_a_megabyte, llama3, split_steps_of_gguf("llama-bpe", "bench"))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cut_a_megabyte, deepseek_llm, split_steps_of_gguf("deepseek-llm", "bench"))
    ->Unit(benchmark::kMillisecond);

void encode(benchmark::State& state, const std::string& text) {
  const char* const model = std::getenv("DROVER_BENCH_TOKENIZER");
  if (model == nullptr) {
    state.SkipWithError("set DROVER_BENCH_TOKENIZER to a model");
    return;
  }
  const auto tokenizer = load_tokenizer(model);
  std::vector<TokenId> ids = tokenizer->encode(text);
  if (tokenizer->decode(ids) != text) {
    state.SkipWithError("decoding did not give the text back");
    return;
  }
  for (auto _ : state) {
    ids.clear();
    tokenizer->encode_into(text, {}, ids);
    benchmark::DoNotOptimize(ids.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
void encode_a_megabyte_of_mixed_text(benchmark::State& state) { encode(state, mixed_text(1 << 20)); }
BENCHMARK(encode_a_megabyte_of_mixed_text)->Unit(benchmark::kMillisecond);
void encode_one_word_of_a_megabyte(benchmark::State& state) {
  std::string word;
  base::RandomStream random(6, "bench word");
  while (word.size() < 1 << 20) word += "etaoinshrdlu"[random.below(12)];
  encode(state, word);
}
BENCHMARK(encode_one_word_of_a_megabyte)->Unit(benchmark::kMillisecond);
void encode_a_megabyte_of_blanks(benchmark::State& state) { encode(state, std::string(1 << 20, ' ')); }
BENCHMARK(encode_a_megabyte_of_blanks)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace drover::text
