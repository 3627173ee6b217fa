#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/adapter.h"
#include "model/decoder.h"
#include "model/token_tree.h"
#include "model/trained/trained_decoder.h"
#include "train/train_options.h"

namespace drover::train {

/// A decoder that learns, whole or by an adapter over frozen weights: float32 masters of what learns, float32 gradients, AdamW's moments,
/// and whatever computes. One step goes
/// `clear_gradients`, then for each packed row `forward` and `backward`, then `gradient_norm` and `update`.
class Learner {
 public:
  virtual ~Learner() = default;

  /// What the learned positions of the row say, in the order of `row.learned`, float32: natural-log probabilities of the targets
  /// [learned] for a language head, outputs of the head [learned, labels] for any other. Keeps what `backward` needs. Without gradients
  /// of LibTorch's own.
  virtual at::Tensor forward(const model::TokenRow& row) = 0;

  /// Adds to the gradients, given the derivatives of the loss with respect to the result of the last `forward`, of its shape.
  virtual void backward(const at::Tensor& output_gradients) = 0;

  /// As `forward`, and keeps nothing: for reference policies and held-out rows.
  virtual at::Tensor outputs(const model::TokenRow& row) const = 0;

  virtual void clear_gradients() = 0;
  /// The Euclidean norm of all gradients together, summed in double.
  virtual double gradient_norm() const = 0;
  /// One step of AdamW along `gradient_scale` times the gradients; what computes then follows the masters.
  virtual void update(double learning_rate, double gradient_scale) = 0;

  /// Steps of AdamW done.
  virtual std::int64_t num_steps() const = 0;

  /// The shape of the decoder.
  virtual const model::DecoderConfig& config() const = 0;
  /// What learns: all of model::parameter_shapes, or the tensors of an adapter in the order of model::tensors_of.
  virtual const model::NamedShapes& learned_shapes() const = 0;

  /// What a run needs to go on: of each parameter that learns its master and AdamW's moments, float32, in the order of `learned_shapes`.
  enum class Part { kMaster, kFirstMoment, kSecondMoment };
  /// One of them, of the parameter at `index`: a copy or a view.
  virtual at::Tensor part(Part part, std::size_t index) const = 0;

  struct State {
    model::NamedTensors masters;
    model::NamedTensors first_moments;
    model::NamedTensors second_moments;
    std::int64_t num_steps = 0;
  };
  /// All of them at once, which may take as much memory as the learner itself.
  State state() const;
  /// Takes the state of another learner of the same shape (checked); what computes follows.
  virtual void restore(const State& state) = 0;
  /// The gradients by name, as `State::masters`: for tests.
  virtual model::NamedTensors gradients() const = 0;

  /// The most memory that a step over rows of `packed_tokens` tokens with `learned` learned positions takes, in bytes, with weights
  /// and optimizer; without what the process holds beside this learner.
  virtual std::int64_t predicted_peak_bytes(std::int64_t packed_tokens, std::int64_t learned) const = 0;

  /// The adapter as it has learned, float32; nothing where all parameters learn.
  virtual std::optional<model::Adapter> adapter() const = 0;

  /// A copy to keep, in the type that computes; an adapter is merged into it. Gradients and moments are given back first, so that it takes no
  /// more memory than a step did: nothing learns after it.
  virtual std::shared_ptr<const model::Decoder> finished() = 0;
};

/// The plainly right learner: LibTorch's autograd over model::Decoder. Any device. `adapter`: what learns over the frozen weights of `start`;
/// nothing: all of them learn.
std::unique_ptr<Learner> make_autograd_learner(const model::Decoder& start, model::ComputeType type, const AdamWOptions& adamw,
                                               std::optional<model::Adapter> adapter = {});

/// The fast one: hand-written passes over the packed kernels (model/trained). The CPU.
std::unique_ptr<Learner> make_packed_learner(const model::Decoder& start, const model::TrainedDecoderOptions& options, const AdamWOptions& adamw,
                                             std::optional<model::Adapter> adapter = {});

/// Names and shapes of all tensors of an adapter.
model::NamedShapes shapes_of(const model::Adapter& adapter);

}  // namespace drover::train
