// How fast stored weights become numbers; the size is that of SmolLM2-135M's embedding.
#include <benchmark/benchmark.h>

#include <vector>

#include "weights/element_codec.h"

namespace drover::weights {
namespace {

constexpr std::int64_t kElements = 49152 * 576;

void decode_an_embedding(benchmark::State& state) {
  const auto type = static_cast<ElementType>(state.range(0));
  const BlockSize block = block_size(type);
  const std::vector<std::byte> bytes(static_cast<std::size_t>(kElements / block.elements * block.bytes), std::byte{0x2A});
  std::vector<float> out(kElements);
  for (auto _ : state) {
    to_float32(type, bytes, out);
    benchmark::ClobberMemory();
  }
  state.SetLabel(std::string(name_of(type)));
  state.counters["elements"] = benchmark::Counter(static_cast<double>(kElements), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(decode_an_embedding)->DenseRange(static_cast<int>(ElementType::kF16), static_cast<int>(ElementType::kQ6_K));

void encode_an_embedding(benchmark::State& state) {
  const auto type = static_cast<ElementType>(state.range(0));
  const BlockSize block = block_size(type);
  const std::vector<float> values(kElements, 0.37f);
  std::vector<std::byte> out(static_cast<std::size_t>(kElements / block.elements * block.bytes));
  for (auto _ : state) {
    from_float32(type, values, out);
    benchmark::ClobberMemory();
  }
  state.SetLabel(std::string(name_of(type)));
  state.counters["elements"] = benchmark::Counter(static_cast<double>(kElements), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(encode_an_embedding)
    ->Arg(static_cast<int>(ElementType::kF16))
    ->Arg(static_cast<int>(ElementType::kBF16))
    ->Arg(static_cast<int>(ElementType::kQ8_0));

}  // namespace
}  // namespace drover::weights
