#include "train/training_run.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <functional>
#include <iterator>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "train/adamw.h"
#include "train/checkpoint.h"
#include "train/deterministic.h"
#include "train/loss_monitor.h"
#include "train/make_learner.h"
#include "train/packing_choice.h"
#include "train/pass_sizes.h"
#include "train/process_memory.h"
#include "train/run_key.h"
#include "train/schedule.h"
#include "train/step_plan.h"

namespace drover::train {
namespace {

using base::UserError;

void check_rows(const Objective& objective, const model::DecoderConfig& config) {
  const auto vocab_size = config.vocab_size;
  const auto max_positions = config.max_positions;
  const bool learns_tokens = config.head.kind == model::HeadKind::kLanguage;
  if (objective.num_trees() == 0) throw UserError("There are no rows to train on.");
  for (std::int64_t index = 0; index < objective.num_trees(); ++index) {
    const auto& row = objective.tree(index);
    row.validate();
    const auto check_token = [&](text::TokenId token) {
      if (text::to_int(token) >= 0 && text::to_int(token) < vocab_size) return;
      throw UserError("Row {} holds token {}, but the model's vocabulary has {}. Was the row made for another tokenizer?", index + 1,
                      text::to_int(token), vocab_size);
    };
    for (const auto token : row.tokens) check_token(token);
    if (learns_tokens) {
      for (const auto& entry : row.learned) check_token(entry.target);
    }
    for (const auto position : row.positions) {
      if (position >= max_positions) {
        throw UserError("Row {} reaches position {}, but the model has {}. Lower max_tokens when rows are made.", index + 1, position,
                        max_positions);
      }
    }
  }
}

std::vector<std::int64_t> sizes_of(const Objective& objective) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t index = 0; index < objective.num_trees(); ++index) sizes.push_back(objective.tree(index).num_tokens());
  return sizes;
}

std::vector<std::int64_t> learned_of(const Objective& objective) {
  std::vector<std::int64_t> learned;
  for (std::int64_t index = 0; index < objective.num_trees(); ++index) learned.push_back(std::ssize(objective.tree(index).learned));
  return learned;
}

/// How many tokens the tree would have if each of its paths stood alone.
std::int64_t unshared_tokens(const model::TokenRow& tree) {
  std::vector<std::int64_t> path(tree.segments.size());
  std::vector<bool> is_leaf(tree.segments.size(), true);
  for (std::size_t i = 0; i < tree.segments.size(); ++i) {
    const auto& segment = tree.segments[i];
    path[i] = segment.end - segment.begin;
    if (segment.parent < 0) continue;
    path[i] += path[static_cast<std::size_t>(segment.parent)];
    is_leaf[static_cast<std::size_t>(segment.parent)] = false;
  }
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < path.size(); ++i) tokens += is_leaf[i] ? path[i] : 0;
  return tokens;
}

void check_finite(const model::Decoder& start) {
  for (const auto& [name, tensor] : start.parameters()) {
    // A sum is finite only where all values are; one that overflows is looked at value by value.
    if (std::isfinite(tensor.sum(at::kFloat).item<float>()) || at::isfinite(tensor).all().item<bool>()) continue;
    throw UserError("The start model's tensor {} holds values that are no numbers (NaN or infinite): nothing can be trained from it.", name);
  }
}

std::int64_t numbers_of(const model::NamedShapes& shapes) {
  std::int64_t numbers = 0;
  for (const auto& [name, shape] : shapes) numbers += std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  return numbers;
}

/// The bytes of a start model that goes once its weights are copied; 0 when others hold it too.
std::int64_t passing_bytes(const std::shared_ptr<const model::Decoder>& start) {
  if (start.use_count() > 1) return 0;
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : start->parameters()) bytes += static_cast<std::int64_t>(tensor.nbytes());
  return bytes;
}

class TrainingRun {
 public:
  TrainingRun(const std::string& what, std::shared_ptr<const model::Decoder> start, Objective& objective, const TrainOptions& options)
      : what_(what), objective_(objective), options_(options),
        memory_before_(std::max<std::int64_t>(process_memory().now - passing_bytes(start), 0)), learner_(make_learner(*start, options)) {
    start.reset();
    const auto sizes = sizes_of(objective);
    plan_ = plan_steps(sizes, options);
    packed_tokens_ = options.packed_tokens > 0 ? options.packed_tokens : chosen_packed_tokens(sizes, plan_);
    packed_fill_ = packed_fill(sizes, plan_, packed_tokens_);
  }

  std::shared_ptr<const model::Decoder> finish(const std::optional<Checkpoint>& checkpoint, const OnStep& on_step) {
    const auto notes = checkpoint ? checkpoint->restore(*learner_) : std::nullopt;
    const auto total = static_cast<std::int64_t>(plan_.size());
    if (notes) monitor_.restore(notes->losses);
    if (options_.on_start) options_.on_start(outlook(notes ? 0 : objective_.tokens_to_prepare()));
    if (notes) {
      objective_.restore(notes->objective);
    } else {
      objective_.prepare(*learner_);
    }
    while (learner_->num_steps() < total) {
      const auto report = step(learner_->num_steps());
      const auto done = learner_->num_steps();
      // Told before it is saved, so that whoever writes steps down has those of every checkpoint.
      try {
        if (on_step) on_step(report);
      } catch (...) {
        if (checkpoint) save_stopped(*checkpoint);
        throw;
      }
      if (checkpoint && (done % options_.checkpoint_every == 0 || done == total)) save_or_complain(*checkpoint);
      if (done < total && options_.stop_when_lost) stop_when_lost(report);
      if (const auto doubt = monitor_.reason_to_doubt(); doubt && options_.on_warning) {
        options_.on_warning(fmt::format("{} step {}: {}. The learning rate ({}) may be too low or too high.", what_, done, *doubt, options_.learning_rate));
      }
    }
    if (options_.on_adapter && options_.lora.is_on()) {
      options_.on_adapter(*learner_->adapter());
      return nullptr;
    }
    return learner_->finished();
  }

 private:
  void save(const Checkpoint& checkpoint) const {
    checkpoint.save(*learner_, {.objective = objective_.state(), .losses = monitor_.state()});
  }

  /// A disk that refuses costs this checkpoint, and not what was trained.
  void save_or_complain(const Checkpoint& checkpoint) const {
    const auto& complain = options_.on_unsaved ? options_.on_unsaved : options_.on_warning;
    try {
      save(checkpoint);
    } catch (const base::SurroundingsError& error) {
      if (!complain) throw;
      complain(error.what());
    }
  }

  /// Of a run that its listener ends. A disk that refuses does not hide why it ends, but it is told.
  void save_stopped(const Checkpoint& checkpoint) const {
    StoppedRun stopped{.step = learner_->num_steps()};
    try {
      save(checkpoint);
      stopped.newest_saved = stopped.step;
    } catch (const std::exception& error) {  // a disk that refuses, or no memory for the copies
      stopped.fault = error.what();
    }
    if (!options_.on_stopped) return;
    if (!stopped.newest_saved) stopped.newest_saved = newest_of(checkpoint);
    options_.on_stopped(stopped);
  }

  static std::optional<std::int64_t> newest_of(const Checkpoint& checkpoint) {
    try {
      return checkpoint.newest_step();
    } catch (const std::exception&) {  // the folder is gone
      return std::nullopt;
    }
  }

  /// The packed rows of a step, and which of the run's rows each holds.
  struct PackedStep {
    std::vector<model::TokenRow> rows;
    std::vector<std::vector<std::int64_t>> members;
    std::int64_t tokens = 0;
  };

  PackedStep packed_step(std::int64_t index) const {
    const auto& indices = plan_[static_cast<std::size_t>(index)];
    PackedStep step;
    std::vector<model::TokenRow> trees;
    for (const auto row : indices) {
      trees.push_back(objective_.tree(row));
      step.tokens += trees.back().num_tokens();
    }
    auto packed = model::pack(trees, packed_tokens_);
    for (const auto& origin : packed.origin) {
      auto& members = step.members.emplace_back();
      for (const auto place : origin) members.push_back(indices[static_cast<std::size_t>(place)]);
    }
    step.rows = std::move(packed.rows);
    return step;
  }

  RunOutlook outlook(std::int64_t reference_tokens) {
    const auto total = static_cast<std::int64_t>(plan_.size());
    RunOutlook outlook{.rows = objective_.num_trees(), .steps = total, .steps_done = learner_->num_steps(), .reference_tokens = reference_tokens};
    outlook.parameters = numbers_of(model::parameter_shapes(learner_->config()));
    outlook.parameters_learned = numbers_of(learner_->learned_shapes());
    outlook.loss_before = monitor_.last();
    outlook.packed_tokens = packed_tokens_;
    outlook.packed_fill = packed_fill_;
    const auto sizes = sizes_of(objective_), learned = learned_of(objective_);
    for (std::int64_t index = 0; index < outlook.rows; ++index) outlook.tokens_unshared += unshared_tokens(objective_.tree(index));
    outlook.tokens = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
    outlook.learned = std::accumulate(learned.begin(), learned.end(), std::int64_t{0});
    std::int64_t tokens_left = 0;
    for (std::int64_t step = 0; step < total; ++step) {
      for (const auto row : plan_[static_cast<std::size_t>(step)]) {
        const auto tokens = sizes[static_cast<std::size_t>(row)];
        outlook.step_tokens += tokens;
        if (step >= outlook.steps_done) tokens_left += tokens;
      }
    }
    const auto largest = largest_passes(sizes, learned, plan_, packed_tokens_);
    outlook.largest_row = largest.tokens;
    if (outlook.steps_done < total) {
      const auto seconds = seconds_of_work(typical_row());
      outlook.predicted_seconds = static_cast<double>(tokens_left) * seconds.token + static_cast<double>(total - outlook.steps_done) * seconds.update +
                                  static_cast<double>(reference_tokens) * seconds.token_forward;
    }
    const auto steps_take = memory_before_ + learner_->predicted_peak_bytes(largest.tokens, largest.learned);
    // With few rows, or adapters, the most was held while the start model and its copy stood side by side.
    outlook.predicted_peak_bytes = std::max(steps_take + largest_copy(), process_memory().peak);
    return outlook;
  }

  /// Of the packed rows of the next steps the one in the middle, by size.
  model::TokenRow typical_row() const {
    constexpr std::int64_t kSteps = 20;
    std::vector<model::TokenRow> rows;
    const auto end = std::min<std::int64_t>(std::ssize(plan_), learner_->num_steps() + kSteps);
    for (std::int64_t step = learner_->num_steps(); step < end; ++step) std::ranges::move(packed_step(step).rows, std::back_inserter(rows));
    const auto middle = rows.begin() + std::ssize(rows) / 2;
    std::ranges::nth_element(rows, middle, {}, [](const model::TokenRow& row) { return row.num_tokens(); });
    return *middle;
  }

  /// A checkpoint is written parameter by parameter, from a copy of each; memory of the one before may still be held.
  std::int64_t largest_copy() const {
    std::int64_t largest = 0;
    if (options_.checkpoint_folder.empty()) return largest;
    for (const auto& [name, shape] : learner_->learned_shapes()) {
      std::int64_t bytes = 2 * sizeof(float);
      for (const auto length : shape) bytes *= length;
      largest = std::max(largest, bytes);
    }
    return largest;
  }

  /// How long the parts of a run's work take.
  struct WorkSeconds {
    double token = 0.0;          // forward and back
    double token_forward = 0.0;
    double update = 0.0;         // what each step does once
  };

  /// From a pass over the row, or from the second of two short ones, since the first takes its memory; the gradients are thrown away.
  WorkSeconds seconds_of_work(const model::TokenRow& row) {
    constexpr double kShort = 1.0;
    const auto tokens = static_cast<double>(row.num_tokens());
    WorkSeconds seconds;
    for (int pass = 0; pass < 2; ++pass) {
      learner_->clear_gradients();
      at::Tensor outputs;
      const double forward = seconds_of([&] { outputs = learner_->forward(row); });
      const double back = seconds_of([&] { learner_->backward(at::zeros_like(outputs)); });
      seconds.token = (forward + back) / tokens;
      seconds.token_forward = forward / tokens;
      if (forward + back > kShort) break;
    }
    // The moments must not change here, so the update is judged by what stands around it. That reads or writes each number's 4 bytes of
    // gradient twice; the update reads and writes about 30, and memory is what both wait for.
    constexpr double kWithUpdate = 1.0 + 30.0 / 8.0;
    seconds.update = kWithUpdate * seconds_of([&] {
      static_cast<void>(learner_->gradient_norm());
      learner_->clear_gradients();
    });
    return seconds;
  }

  static double seconds_of(const std::function<void()>& work) {
    const auto began = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }

  StepReport step(std::int64_t index) {
    const auto began = std::chrono::steady_clock::now();
    const auto& indices = plan_[static_cast<std::size_t>(index)];
    StepReport report{.step = index + 1, .total_steps = std::ssize(plan_), .rows = std::ssize(indices), .metrics = {}};
    report.row_indices = indices;
    report.learning_rate = options_.learning_rate * share_at(options_.schedule, index, report.total_steps);
    report.loss = compute_gradients(index, report.tokens);
    report.grad_norm = learner_->gradient_norm();
    if (!std::isfinite(report.loss) || !std::isfinite(report.grad_norm)) {
      throw UserError("{} step {}: the loss is {} and the gradient's norm {}. Lower the learning rate ({}) or look at {}.", what_, report.step,
                      report.loss, report.grad_norm, report.learning_rate, names_of(indices));
    }
    learner_->update(report.learning_rate, clipping_scale(report.grad_norm, options_.clip_norm));
    report.metrics = objective_.metrics();
    report.loss_z = monitor_.z_score(report.loss);
    report.grad_norm_z = monitor_.z_score_of_norm(report.grad_norm);
    monitor_.add(report.loss, report.grad_norm);
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
    report.tokens_per_second = static_cast<double>(report.tokens) / passed.count();
    const auto memory = process_memory();
    report.memory_bytes = memory.now;
    report.peak_memory_bytes = memory.peak;
    return report;
  }

  double compute_gradients(std::int64_t index, std::int64_t& tokens) {
    const auto packed = packed_step(index);
    tokens = packed.tokens;
    objective_.begin_step(plan_[static_cast<std::size_t>(index)]);
    learner_->clear_gradients();
    double loss = 0.0;
    for (std::size_t r = 0; r < packed.rows.size(); ++r) {
      const auto outputs = learner_->forward(packed.rows[r]).requires_grad_();
      const auto part = objective_.loss(outputs, packed.rows[r], packed.members[r]);
      part.backward();
      learner_->backward(outputs.grad());
      loss += part.item<double>();
    }
    return loss;
  }

  void stop_when_lost(const StepReport& report) const {
    const auto reason = monitor_.reason_to_stop();
    if (!reason) return;
    throw UserError("{} step {}: {}. Look at the learning rate ({}) and at {}.", what_, report.step, *reason, options_.learning_rate,
                    names_of(report.row_indices));
  }

  /// The rows as a user finds them: by line of the file, where it is known.
  std::string names_of(const std::vector<std::int64_t>& indices) const {
    constexpr std::size_t kShown = 32;
    std::vector<std::int64_t> numbers;
    for (const auto index : indices) {
      numbers.push_back(options_.row_lines.empty() ? index + 1 : options_.row_lines.at(static_cast<std::size_t>(index)));
    }
    const auto more = numbers.size() > kShown ? fmt::format(" and {} more", numbers.size() - kShown) : std::string();
    numbers.resize(std::min(numbers.size(), kShown));
    return fmt::format("the step's {} {}{}", options_.row_lines.empty() ? "rows, number" : "rows, which stand in line", fmt::join(numbers, ", "), more);
  }

  std::string what_;
  Objective& objective_;
  const TrainOptions& options_;
  std::int64_t memory_before_;  // what the process holds beside the start model
  std::unique_ptr<Learner> learner_;
  std::vector<std::vector<std::int64_t>> plan_;
  std::int64_t packed_tokens_ = 0;
  double packed_fill_ = 1.0;
  LossMonitor monitor_;
};

}  // namespace

std::shared_ptr<const model::Decoder> run_training(const std::string& what, std::shared_ptr<const model::Decoder> start,
                                                   const std::string& start_hash, Objective& objective, const TrainOptions& options, const OnStep& on_step) {
  check_rows(objective, start->config());
  check_finite(*start);
  std::optional<Checkpoint> checkpoint;
  if (!options.checkpoint_folder.empty()) {
    checkpoint.emplace(options.checkpoint_folder, run_key(start_hash, learner_kind(*start), objective, options), options.keep_checkpoints);
  }
  const DeterministicAlgorithms deterministic(options.deterministic);
  try {
    return TrainingRun(what, std::move(start), objective, options).finish(checkpoint, on_step);
  } catch (const c10::Error& error) {
    if (!options.deterministic || !is_about_determinism(error.what())) throw;
    throw UserError("This run cannot be deterministic on its device: {}", std::string_view(error.what()).substr(0, std::string_view(error.what()).find('\n')));
  }
}

}  // namespace drover::train
