#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "model/config.h"
#include "model/lineage.h"
#include "model/model.h"
#include "weights/safetensors.h"

namespace drover::model {

/// Model folders that may be averaged: one architecture, one kind of head, one tokenizer, one start model as far as that is known. Their
/// weights stay on disk and are read tensor by tensor; a tensor is summed in float64 and rounded once, to bfloat16 where all models
/// hold bfloat16 and else to float32. Tied embeddings are one tensor, so they are averaged once; a head is averaged like the rest.
///
/// A mean takes one weight a model: finite, not negative, not all zero; only their proportions count. A model of weight 0 is not read.
class Checkpoints {
 public:
  /// Throws UserError when a folder is no model or does not fit the first: it names both and the first key, token or tensor that
  /// differs, and the start models when both are known and differ.
  static Checkpoints open(std::span<const std::filesystem::path> folders);

  std::size_t size() const { return members_.size(); }
  const DecoderConfig& config() const { return config_; }
  /// The start that all members have; unknown when one member's is.
  Lineage lineage() const;
  /// The folders that do not say what their training started from.
  std::vector<std::filesystem::path> of_unknown_lineage() const;

  /// The mean as a model in memory.
  std::shared_ptr<const Model> mean(std::span<const double> weights, const LoadOptions& options) const;

  /// Writes the mean as a model folder, with the tokenizer and template of the first; never holds more than one tensor of the result.
  /// Throws UserError when a weight of a model is not a finite number, naming model and tensor, and as write_model_folder does. `on_progress` may throw: then nothing is written.
  void write_mean(std::span<const double> weights, const std::filesystem::path& target, const base::OnProgress& on_progress = {}) const;

 private:
  struct Member {
    std::filesystem::path folder;
    Lineage lineage;
    weights::ShardedTensors tensors;
  };
  struct Part {
    const Member* member;
    double weight;
  };
  std::vector<Part> parts(std::span<const double> weights) const;
  weights::ElementType type_of(const std::string& name) const;
  std::vector<std::byte> mean_of(const std::string& name, weights::ElementType type, std::span<const Part> parts) const;

  DecoderConfig config_;
  std::vector<Member> members_;
};

/// The weights divided by their sum: what each model counts in a mean. Throws UserError as `Checkpoints` says.
std::vector<double> effective_weights(std::span<const double> weights);

}  // namespace drover::model
