#include "model/trained/row_pass.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "model/rope.h"
#include "model/threads.h"
#include "model/trained/element.h"

namespace drover::model {
namespace {

// Blocks of about 96 tokens, whose activations stay near the processor; as many for each thread, and none ends inside a tile of 6.
std::vector<std::int64_t> cut_into_blocks(std::int64_t tokens) {
  constexpr std::int64_t kTile = 6, kBlock = 96;
  const std::int64_t threads = at::get_num_threads();
  const std::int64_t tiles = (tokens + kTile - 1) / kTile;
  const std::int64_t blocks = std::max<std::int64_t>(1, std::min(tiles, (tokens + kBlock * threads - 1) / (kBlock * threads) * threads));
  std::vector<std::int64_t> begins;
  for (std::int64_t b = 0; b < blocks; ++b) begins.push_back(tiles * b / blocks * kTile);
  begins.push_back(tokens);
  return begins;
}

}  // namespace

PaddedWidths::PaddedWidths(const DecoderConfig& config)
    : hidden(whole_panels(config.hidden_size)),
      head(whole_panels(config.head_dim)),
      queries(config.num_heads * head),
      qkv((config.num_heads + 2 * config.num_kv_heads) * head),
      intermediate(whole_panels(config.intermediate_size)) {}

void begin_row(const DecoderConfig& config, const TokenRow& row, RowPass& pass) {
  pass.tokens = row.num_tokens();
  pass.blocks = tree_blocks(row, config.sliding_window);
  pass.block_begins = cut_into_blocks(pass.tokens);
  const RopeTable table = rope_table(config);
  const auto half = static_cast<std::int64_t>(table.inverse_frequencies.size());
  const auto magnitude = static_cast<float>(table.magnitude);
  pass.cosines.resize(static_cast<std::size_t>(pass.tokens * half));
  pass.sines.resize(pass.cosines.size());
  parallel_for(pass.tokens, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      for (std::int64_t i = 0; i < half; ++i) {
        const float angle = static_cast<float>(row.positions[static_cast<std::size_t>(t)]) * table.inverse_frequencies[static_cast<std::size_t>(i)];
        pass.cosines[static_cast<std::size_t>(t * half + i)] = std::cos(angle) * magnitude;
        pass.sines[static_cast<std::size_t>(t * half + i)] = std::sin(angle) * magnitude;
      }
    }
  });
}

}  // namespace drover::model
