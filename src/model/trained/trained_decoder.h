#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>

#include "model/adapter.h"
#include "model/decoder.h"
#include "model/model.h"
#include "model/trained/trained_matrix.h"

namespace drover::model {

/// How a decoder trains on the CPU.
struct TrainedDecoderOptions {
  ComputeType compute_type = ComputeType::kBFloat16;  ///< of weights and activations; masters, gradients and moments are float32
  bool recompute_layers = false;                      ///< keeps only each layer's input, and computes the layer again in the backward pass
};

/// A decoder that learns on the CPU: the forward and backward pass written by hand over the packed kernels. The slow reference is
/// LibTorch's autograd over `Decoder`; trained_decoder_test.cc compares them. Equal results need equal numbers of threads.
class TrainedDecoder {
 public:
  /// `adapter`: what learns in place of the trunk, over `start`'s weights, which then are kept in the computing type only, without
  /// masters, gradients or moments; null: all parameters learn. Throws UserError when heads are larger than the kernels take.
  static std::unique_ptr<TrainedDecoder> make(const Decoder& start, const TrainedDecoderOptions& options, const Adapter* adapter = nullptr);
  virtual ~TrainedDecoder() = default;

  /// What the learned positions of the row say: natural-log probabilities of their targets [learned] for a language head, outputs of the
  /// head [learned, labels] for another; float32. Keeps what `backward` needs.
  virtual at::Tensor forward(const TokenRow& row) = 0;
  /// Adds to the gradients, given the derivatives with respect to the last `forward`, of its shape. Once for each `forward` (checked).
  virtual void backward(const at::Tensor& output_gradients) = 0;
  /// As `forward`, with memory for one layer.
  virtual at::Tensor outputs(const TokenRow& row) = 0;

  virtual void clear_gradients() = 0;
  /// The Euclidean norm of all gradients together.
  virtual double gradient_norm() const = 0;
  /// One step of AdamW; one-dimensional parameters are not decayed.
  virtual void update(const AdamWStep& step) = 0;

  /// Gives back what passes keep, and gradients and moments of matrices and the embedding: nearly all. Then weights and masters can be read and
  /// outputs computed, but nothing learns any more.
  virtual void free_all_but_weights() = 0;

  /// What learns: names in the order of `parameter_shapes`, or of an adapter's `tensors_of`.
  virtual const std::vector<std::string>& learned_names() const = 0;
  /// Of all that learns, in that order, float32. kWeights: all of `parameter_shapes` as it computes, without low-rank pairs.
  virtual NamedTensors read(Kept what) const = 0;
  /// The same of one parameter that learns (checked).
  virtual at::Tensor read_one(Kept what, const std::string& name) const = 0;
  /// Takes masters or moments, of all that learns (checked).
  virtual void write(Kept what, const NamedTensors& values) = 0;

  virtual const DecoderConfig& config() const = 0;

  /// Bytes that weights, gradients and moments take, and those that a pass over `tokens` tokens with `learned` learned positions takes.
  virtual std::int64_t parameter_bytes() const = 0;
  virtual std::int64_t pass_bytes(std::int64_t tokens, std::int64_t learned) const = 0;
};

}  // namespace drover::model
