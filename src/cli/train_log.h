#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "cli/train_arguments.h"
#include "cli/train_rows.h"
#include "text/tokenizer.h"
#include "train/event_file.h"
#include "train/run_outlook.h"
#include "train/step_report.h"

namespace drover::cli {

/// Everything that `drover train` says about a run: on the terminal, as JSONL, for TensorBoard.
class TrainLog {
 public:
  /// Opens the files that were asked for. The rows must outlive the log.
  TrainLog(const TrainArguments& arguments, const TrainRows& rows);

  /// What was left out of the data, and a few rows with what they teach.
  void show_rows(const text::Tokenizer& tokenizer) const;

  void show(const train::RunOutlook& outlook) const;

  /// One step: a line each, and the lines of an unusual step's rows.
  void add(const train::StepReport& report);

 private:
  void warn_of_unusual(const train::StepReport& report) const;
  void append_to_log(const std::string& line);

  const TrainArguments& arguments_;
  const TrainRows& rows_;
  std::ofstream log_;
  std::optional<train::EventFile> events_;
};

}  // namespace drover::cli
