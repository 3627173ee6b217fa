#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/train_arguments.h"
#include "cli/train_rows.h"
#include "text/tokenizer.h"
#include "train/event_file.h"
#include "train/run_outlook.h"
#include "train/step_log.h"
#include "train/step_report.h"

namespace drover::cli {

/// Everything that `drover train` says about a run: on the terminal, as JSONL, for TensorBoard.
class TrainLog {
 public:
  /// Opens the files that were asked for. The rows must outlive the log.
  TrainLog(const TrainArguments& arguments, const TrainRows& rows);

  /// What was left out of the data, and a few rows with what they teach.
  void show_rows(const text::Tokenizer& tokenizer) const;

  /// What the run will do. One that goes on takes away what the files hold of the steps that it takes again.
  void begin(const train::RunOutlook& outlook);

  /// One step: a line each, and the lines of an unusual step's rows. A disk that refuses is complained of once, and the run goes on.
  void add(const train::StepReport& report);

  /// What does not end the run, in sentences.
  void warn(const std::string& warning) const;

  /// Something that should be on the disk is not, and why; the run goes on.
  void complain(const std::string& fault);

  /// For a run that somebody ended: whether the same command goes on from there.
  void say_how_to_go_on(const train::StoppedRun& stopped) const;

  /// Once the result is written: throws SurroundingsError when something else could not be.
  void finish() const;

 private:
  void warn_of_unusual(const train::StepReport& report) const;
  bool attempt(const std::function<void()>& write);
  void write_events(const train::StepReport& report);

  const TrainArguments& arguments_;
  const TrainRows& rows_;
  std::optional<train::StepLog> log_;
  std::optional<train::EventFile> events_;
  std::string complaint_;  // why something could not be written
};

}  // namespace drover::cli
