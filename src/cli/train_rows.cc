#include "cli/train_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest_name.h"
#include "chat/strict_json.h"
#include "cli/choose_format.h"
#include "cli/interruption.h"
#include "train/labelled_examples.h"
#include "train/ranked_pairs.h"
#include "train/reward_layout.h"

namespace drover::cli {
namespace {

class RowReader {
 public:
  RowReader(const TrainArguments& arguments, const model::Model& start) : arguments_(arguments), start_(start) {
    if (arguments.kind != "lm") format_ = choose_format(arguments.format, start.chat_template(), start.shared_tokenizer());
    options_ = row_options(arguments.max_tokens, start.config().max_positions);
  }

  TrainRows read() {
    const auto& kind = arguments_.kind;
    if (kind == "sft") read_dialogs();
    if (kind == "reward" || kind == "dpo") read_preferences();
    if (kind == "outcome") read_lines([this](std::int64_t line, std::string_view text) { add_outcome(line, text); });
    if (kind == "steps") read_lines([this](std::int64_t line, std::string_view text) { add_steps(line, text); });
    if (kind == "lm") read_lines([this](std::int64_t line, std::string_view text) { add_document(line, text); });
    if (kind == "classify") read_classes();
    if (found_.size() == 0) refuse_empty();
    found_.max_tokens = options_.max_tokens;
    return std::move(found_);
  }

 private:
  static train::RowOptions row_options(std::optional<std::int64_t> given, std::int64_t context) {
    train::RowOptions options;
    if (given) {
      options.max_tokens = *given;
      options.validate();
      if (*given > context) {
        throw base::UserError("--max-tokens {} is more than the model's context of {} tokens. Give at most that, or a model with a longer context.", *given,
                              context);
      }
    }
    if (context <= options.max_tokens) options = {.max_tokens = context, .is_context = true};
    return options;
  }

  chat::DialogFileOptions file_options() const {
    return {.on_bad_row = arguments_.on_bad_row == "skip" ? chat::OnBadRow::kSkip : chat::OnBadRow::kStop, .ignored_keys = {}};
  }

  void read_dialogs() {
    const auto learn = arguments_.learn == "all" ? train::Learn::kAll : train::Learn::kFinal;
    auto report = chat::for_each_dialog(arguments_.data, file_options(), [&](std::int64_t line, const chat::Dialog& dialog) {
      throw_if_interrupted();
      add(line, train::sft_row(*format_, dialog, learn, options_));
    });
    found_.bad_rows = std::move(report.bad_rows);
  }

  void read_preferences() {
    lowest_level_ = *chat::preference_level_of(arguments_.lowest_level);
    auto report = chat::for_each_preference(arguments_.data, file_options(), [&](std::int64_t line, const chat::PreferenceRow& row) {
      throw_if_interrupted();
      if (arguments_.kind == "reward") {
        add_ranking(line, row);
      } else if (arguments_.pairs == "all") {
        add_all_pairs(line, row);
      } else {
        add_best_and_worst(line, row);
      }
    });
    found_.bad_rows = std::move(report.bad_rows);
  }

  void add(std::int64_t line, model::TokenRow row) {
    found_.rows.push_back(std::move(row));
    found_.lines.push_back(line);
  }

  static std::int64_t num_pairs(const chat::PreferenceRow& row) { return std::ssize(row.levels) * (std::ssize(row.levels) + 1) / 2; }

  void add_ranking(std::int64_t line, const chat::PreferenceRow& row) {
    const auto ranked = train::clear_part(row, chat::PreferenceLevel::kMarginal);  // a row has no ties
    const auto num_clear = ranked ? std::ssize(train::clear_pairs(ranked->levels, lowest_level_)) : 0;
    found_.num_unclear += num_pairs(row) - num_clear;
    if (num_clear == 0) return;
    const auto tree = train::reward_row(*format_, *ranked, options_);
    auto laid_out = train::lay_out(tree, *train::reward_layout_of(arguments_.layout), arguments_.train.seed);
    found_.facts.push_back(train::reward_facts(tree, *ranked));
    add(line, std::move(laid_out));
  }

  train::DpoRowOptions dpo_options() const {
    return {.rows = options_, .lowest_level = lowest_level_, .mask_format_tokens = !arguments_.compare_terminators};
  }

  void add_pair(std::int64_t line, train::DpoRow pair) {
    found_.pairs.push_back(std::move(pair));
    found_.lines.push_back(line);
  }

  void add_all_pairs(std::int64_t line, const chat::PreferenceRow& row) {
    auto pairs = train::dpo_rows(*format_, row, dpo_options());
    found_.num_unclear += num_pairs(row) - std::ssize(pairs);
    for (auto& pair : pairs) add_pair(line, std::move(pair));
  }

  void add_best_and_worst(std::int64_t line, const chat::PreferenceRow& row) {
    if (train::level_between(row.levels, 0, row.levels.size()) < lowest_level_) {
      ++found_.num_unclear;
      return;
    }
    add_pair(line, train::dpo_row(*format_, row, dpo_options()));
  }

  void add_labelled(std::int64_t line, train::LabelledRow row) {
    found_.labelled.push_back(std::move(row));
    found_.lines.push_back(line);
  }

  /// The first row that is taken decides how the others are written.
  void check_shape(const std::string& shape) const {
    if (!shape_.empty() && shape != shape_) throw base::UserError("a row of another shape: {} in a file of {}", shape, shape_);
  }

  void add_outcome(std::int64_t line, std::string_view text) {
    const auto example = train::outcome_example(text);
    check_shape(example.shape);
    add_labelled(line, train::outcome_row(*format_, example.prompt, example.replies, example.labels, options_));
    shape_ = example.shape;
  }

  void add_steps(std::int64_t line, std::string_view text) {
    const auto example = train::steps_example(text);
    check_shape(example.shape);
    add_labelled(line, train::steps_row(*format_, example.dialog, example.labels, {.rows = options_, .after_error = arguments_.after_error}));
    shape_ = example.shape;
  }

  void add_document(std::int64_t line, std::string_view text) {
    const auto json = chat::parse_strict_json(text);
    const auto* object = std::get_if<chat::Json>(&json);
    if (object == nullptr || !object->is_object() || !object->contains("text") || !(*object)["text"].is_string()) {
      throw base::UserError("expected an object with a \"text\"");
    }
    for (const char* key : {"messages", "conversations", "prompt", "completion", "chosen", "rejected", "responses"}) {
      if (object->contains(key)) throw base::UserError("a row of another shape: it has \"{}\" beside its \"text\", as dialogs do", key);
    }
    auto ids = start_.tokenizer().encode((*object)["text"].get<std::string>(), {.parse_special = false, .add_special = true});
    if (const auto eos = start_.tokenizer().eos()) ids.push_back(*eos);
    auto pieces = train::document_rows(ids, options_);
    if (pieces.empty()) throw base::UserError("the text has no token to predict");
    if (pieces.size() > 1) {
      ++found_.num_cut;
      found_.num_pieces += std::ssize(pieces);
    }
    for (auto& piece : pieces) add(line, std::move(piece));
  }

  static void check_different(const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) != names.begin() + static_cast<std::ptrdiff_t>(i)) {
        throw base::UserError("--labels names \"{}\" twice.", names[i]);
      }
    }
  }

  void check_label(const std::string& label) const {
    if (arguments_.labels.empty() || std::ranges::find(arguments_.labels, label) != arguments_.labels.end()) return;
    const std::vector<std::string_view> known(arguments_.labels.begin(), arguments_.labels.end());
    throw base::UserError("the label \"{}\" is none of --labels{}", label, base::suggestion(label, known));
  }

  /// The names of the classes are known only after the last line, so rows get their numbers then.
  void read_classes() {
    check_different(arguments_.labels);
    std::vector<std::string> labels;
    read_lines([&](std::int64_t line, std::string_view text) {
      const auto example = train::class_example(text);
      check_shape(example.shape);
      check_label(example.label);
      add_labelled(line, train::class_row(*format_, example.dialog, 0, options_));
      shape_ = example.shape;
      labels.push_back(example.label);
    });
    if (labels.empty()) refuse_empty();
    found_.classes = arguments_.labels;
    if (found_.classes.empty()) {
      const std::set<std::string> names(labels.begin(), labels.end());
      found_.classes.assign(names.begin(), names.end());
    }
    if (found_.classes.size() < 2) throw base::UserError("{} has {} class; a classifier needs two.", arguments_.data, found_.classes.size());
    for (std::size_t i = 0; i < labels.size(); ++i) {
      found_.labelled[i].labels = {static_cast<float>(std::ranges::find(found_.classes, labels[i]) - found_.classes.begin())};
    }
  }

  /// Stops at a bad row or keeps it, as was asked.
  void guarded(std::int64_t line, const std::function<void()>& work) {
    try {
      work();
    } catch (const base::UserError& error) {
      if (arguments_.on_bad_row != "skip") throw base::UserError("{}, line {}: {}", arguments_.data, line, error.what());
      found_.bad_rows.push_back({line, error.what()});
    }
  }

  void read_lines(const std::function<void(std::int64_t, std::string_view)>& read_line) {
    base::for_each_line(arguments_.data, [&](std::int64_t line, std::string_view text) {
      throw_if_interrupted();
      if (text.find_first_not_of(" \t\r") == std::string_view::npos) return;
      guarded(line, [&] { read_line(line, text); });
    });
  }

  [[noreturn]] void refuse_empty() const {
    if (!found_.bad_rows.empty()) {
      throw base::UserError("{} holds no rows that can be learned: all {} are bad; line {}: {}", arguments_.data, found_.bad_rows.size(),
                            found_.bad_rows.front().line, found_.bad_rows.front().reason);
    }
    if (found_.num_unclear > 0) {
      throw base::UserError("{} holds no comparison of level {} or above ({} are below). See --lowest-level.", arguments_.data,
                            arguments_.lowest_level, found_.num_unclear);
    }
    throw base::UserError("{} holds no rows: the file is empty.", arguments_.data);
  }

  const TrainArguments& arguments_;
  const model::Model& start_;
  std::shared_ptr<const chat::ChatFormat> format_;
  train::RowOptions options_;
  chat::PreferenceLevel lowest_level_ = chat::PreferenceLevel::kBetter;
  std::string shape_;  // of rows with labels
  TrainRows found_;
};

}  // namespace

const model::TokenRow& TrainRows::tree(std::int64_t index) const {
  const auto place = static_cast<std::size_t>(index);
  if (!rows.empty()) return rows[place];
  return pairs.empty() ? labelled[place].row : pairs[place].row;
}

TrainRows read_train_rows(const TrainArguments& arguments, const model::Model& start) { return RowReader(arguments, start).read(); }

}  // namespace drover::cli
