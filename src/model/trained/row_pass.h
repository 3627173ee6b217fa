#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"
#include "model/token_tree.h"
#include "model/trained/buffer.h"
#include "model/trained/tree_blocks.h"

namespace drover::model {

/// Widths of a decoder's activations, padded to whole panels.
struct PaddedWidths {
  explicit PaddedWidths(const DecoderConfig& config);
  std::int64_t hidden = 0;
  std::int64_t head = 0;
  std::int64_t queries = 0;       ///< all query heads
  std::int64_t qkv = 0;           ///< query, key and value heads
  std::int64_t intermediate = 0;
};

/// What all layers of one forward and backward pass over a row share: where its blocks lie, its rotary angles, and memory.
struct RowPass {
  std::int64_t tokens = 0;
  TreeBlocks blocks;
  std::vector<float> cosines, sines;      ///< [tokens, head_dim / 2]
  std::vector<std::int64_t> block_begins; ///< rows are computed from one to the next: even numbers, then the row's end

  Buffer key_panels, value_panels;        ///< forward: keys as panels, values as pairs; backward: both as panels
  Buffer key_pairs;
  Buffer query_pairs, out_gradient_pairs;
  Buffer out_gradients, dots;
  Buffer query_gradients, key_gradients, value_gradients;
  Buffer pairs[8];                        ///< inputs and output gradients of the four matrices, as pairs along the tokens
  Buffer transposed[4];                   ///< the four matrices
  Buffer norm_gradients;                  ///< [blocks, hidden], summed in order
  Buffer gradient;                        ///< of the stream: [tokens, hidden]

  std::int64_t num_blocks() const { return static_cast<std::int64_t>(block_begins.size()) - 1; }
};

/// Prepares the pass for a row; memory is kept from row to row.
void begin_row(const DecoderConfig& config, const TokenRow& row, RowPass& pass);

}  // namespace drover::model
