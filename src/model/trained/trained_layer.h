#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "model/decoder.h"
#include "model/trained/row_pass.h"
#include "model/trained/trained_matrix.h"
#include "model/trained/trained_vector.h"

namespace drover::model {

/// What a layer keeps from its forward pass for its backward pass, beside its input.
struct LayerMemory {
  Buffer middle;    ///< the stream after attention: [tokens, hidden] float32
  Buffer qkv;       ///< rotated: [tokens, qkv]
  Buffer raw_qk;    ///< products before norm and rotation: [tokens, qkv] float32; only where heads are normalised
  Buffer attended;  ///< [tokens, queries]
  Buffer log_sums;  ///< [heads, tokens]
  Buffer gate_up;   ///< [tokens, 2 * intermediate and what low-rank pairs add], 32 of the gate and 32 of up in turns; the backward pass writes over it
};

/// One layer of a decoder that learns, forward and backward by hand: x + attention(norm(x)), then x + mlp(norm(x)).
template <typename Element>
class TrainedLayer {
 public:
  /// `adapter`: what the layer's low-rank pairs begin with, which then learn in place of all that the layer has; may be null.
  TrainedLayer(const Decoder& start, std::int64_t index, const Adapter* adapter = nullptr);

  /// `in` and `out`: the stream [tokens, hidden] float32, padded; not the same memory.
  void forward(RowPass& pass, const float* in, LayerMemory& memory, float* out) const;

  /// Turns `pass.gradient` from that of `out` into that of `in`, and adds to the gradients of all that learns.
  void backward(RowPass& pass, const float* in, LayerMemory& memory);

  void for_each_matrix(const std::function<void(TrainedMatrix<Element>&)>& visit);
  void for_each_vector(const std::function<void(TrainedVector&)>& visit);

 private:
  void attend(RowPass& pass, LayerMemory& memory) const;
  void transpose_weights(RowPass& pass) const;
  void mlp_and_output_backward(RowPass& pass, LayerMemory& memory);
  void attention_backward(RowPass& pass, LayerMemory& memory) const;
  void input_backward(RowPass& pass, const float* in, LayerMemory& memory);
  void weight_gradients(RowPass& pass);
  std::int64_t widest_addition() const;
  HeadRotation<Element> rotation(const RowPass& pass, std::int64_t token) const;

  DecoderConfig config_;
  PaddedWidths widths_;
  TrainedVector input_norm_, middle_norm_;
  TrainedMatrix<Element> qkv_, output_, gate_up_, down_;
  std::optional<TrainedVector> qkv_bias_, output_bias_, gate_up_bias_, down_bias_;
  std::optional<TrainedVector> query_norm_, key_norm_;
};

}  // namespace drover::model
