#include <cmath>
#include <utility>
#include <vector>

#include "base/error.h"
#include "train/losses.h"
#include "train/objective.h"

namespace drover::train {
namespace {

/// What every objective over labels shares: how many there are in a step.
class LabelledObjective : public Objective {
 public:
  LabelledObjective(std::string name, std::span<const LabelledRow> rows, std::uint64_t head_seed)
      : name_(std::move(name)), rows_(rows), head_seed_(head_seed) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      DROVER_CHECK_EQ(rows[i].labels.size(), rows[i].row.learned.size(), "Row {} has a label for each learned position", i + 1);
      if (rows[i].labels.empty()) throw base::UserError("Row {} has no labels.", i + 1);
    }
  }

  std::int64_t num_trees() const final { return static_cast<std::int64_t>(rows_.size()); }
  const model::TokenRow& tree(std::int64_t index) const final { return row(index).row; }

  void add_to_key(base::FieldHasher& key) const override {
    key.add(name_).add(static_cast<std::int64_t>(head_seed_));
    for (const auto& made : rows_) key.add(base::content_hash(std::as_bytes(std::span(made.labels))));
  }

  void begin_step(std::span<const std::int64_t> trees) override {
    num_labels_ = 0.0;
    for (const auto index : trees) num_labels_ += static_cast<double>(row(index).labels.size());
  }

 protected:
  const LabelledRow& row(std::int64_t index) const { return rows_[static_cast<std::size_t>(index)]; }

  std::vector<float> labels_of(std::span<const std::int64_t> trees) const {
    std::vector<float> labels;
    for (const auto index : trees) labels.insert(labels.end(), row(index).labels.begin(), row(index).labels.end());
    return labels;
  }

  double num_labels_ = 0.0;  // of the step

 private:
  std::string name_;
  std::span<const LabelledRow> rows_;
  std::uint64_t head_seed_;
};

class BinaryObjective final : public LabelledObjective {
 public:
  using LabelledObjective::LabelledObjective;

  void begin_step(std::span<const std::int64_t> trees) override {
    LabelledObjective::begin_step(trees);
    counts_ = {};
  }

  at::Tensor loss(const at::Tensor& outputs, const model::TokenRow&, std::span<const std::int64_t> trees) override {
    const auto labels = labels_of(trees);
    const auto logits = outputs.select(1, 0);
    measure(logits.detach().to(at::kCPU).contiguous(), labels);
    return binary_loss(logits, at::tensor(labels, at::kFloat).to(logits.device()), num_labels_);
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> metrics{{"labels", num_labels_}, {"probability", counts_.probability / num_labels_}};
    const double sides = counts_.right + counts_.wrong;
    if (sides > 0) metrics["accuracy"] = (counts_.right_found + counts_.wrong_found) / sides;
    if (counts_.right > 0) metrics["accuracy_right"] = counts_.right_found / counts_.right;
    if (counts_.wrong > 0) metrics["accuracy_wrong"] = counts_.wrong_found / counts_.wrong;
    return metrics;
  }

 private:
  struct Counts {
    double right = 0, right_found = 0, wrong = 0, wrong_found = 0, probability = 0;
  };

  /// A label of one half takes no side.
  void measure(const at::Tensor& logits, const std::vector<float>& labels) {
    const float* logit = logits.const_data_ptr<float>();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      counts_.probability += 1.0 / (1.0 + std::exp(-static_cast<double>(logit[i])));
      if (labels[i] > 0.5F) {
        counts_.right += 1;
        counts_.right_found += logit[i] > 0 ? 1 : 0;
      } else if (labels[i] < 0.5F) {
        counts_.wrong += 1;
        counts_.wrong_found += logit[i] < 0 ? 1 : 0;
      }
    }
  }

  Counts counts_;
};

class ClassObjective final : public LabelledObjective {
 public:
  ClassObjective(std::span<const LabelledRow> rows, std::span<const std::string> names, std::uint64_t head_seed)
      : LabelledObjective("classify", rows, head_seed), names_(names.begin(), names.end()) {
    for (const auto& made : rows) {
      for (const float label : made.labels) {
        DROVER_CHECK(label >= 0.0F && label < static_cast<float>(names.size()), "Label {} is one of {} classes", label, names.size());
      }
    }
  }

  void add_to_key(base::FieldHasher& key) const override {
    LabelledObjective::add_to_key(key);
    for (const auto& name : names_) key.add(name);
  }

  void begin_step(std::span<const std::int64_t> trees) override {
    LabelledObjective::begin_step(trees);
    seen_.assign(names_.size(), 0.0);
    found_.assign(names_.size(), 0.0);
  }

  at::Tensor loss(const at::Tensor& outputs, const model::TokenRow&, std::span<const std::int64_t> trees) override {
    std::vector<std::int64_t> labels;
    for (const float label : labels_of(trees)) labels.push_back(static_cast<std::int64_t>(label));
    const auto best = outputs.detach().argmax(1).to(at::kCPU);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      seen_[static_cast<std::size_t>(labels[i])] += 1;
      found_[static_cast<std::size_t>(labels[i])] += best[static_cast<std::int64_t>(i)].item<std::int64_t>() == labels[i] ? 1 : 0;
    }
    return class_loss(outputs, at::tensor(labels, at::kLong).to(outputs.device()), num_labels_);
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> metrics{{"labels", num_labels_}};
    double found = 0.0;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      found += found_[i];
      if (seen_[i] > 0) metrics["accuracy_" + names_[i]] = found_[i] / seen_[i];
    }
    metrics["accuracy"] = found / num_labels_;
    return metrics;
  }

 private:
  std::vector<std::string> names_;
  std::vector<double> seen_, found_;  // of each class, in the step
};

}  // namespace

std::unique_ptr<Objective> make_binary_objective(std::string name, std::span<const LabelledRow> rows, std::uint64_t head_seed) {
  return std::make_unique<BinaryObjective>(std::move(name), rows, head_seed);
}

std::unique_ptr<Objective> make_class_objective(std::span<const LabelledRow> rows, std::span<const std::string> names, std::uint64_t head_seed) {
  return std::make_unique<ClassObjective>(rows, names, head_seed);
}

}  // namespace drover::train
