#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "generate/generator.h"

namespace drover::generate {

/// A JSONL file of samples that grows while they are drawn, so that a run that is killed goes on where it stopped. One object a line:
///
///   {"prompt": line of the prompt, "sample": number, "messages": [...], "text": ..., "finish": ..., "ids": [...],
///    "logprobs": [...], "sampled_logprobs": [...], "run": ...}   or   {"prompt": ..., "error": ..., "run": ...}
///
/// A prompt that failed may be tried again, with more memory: then its samples stand beside the error.
///
/// What was recorded survives a kill of the program at once, and a loss of power after at most 100 ms.
class SampleFile {
 public:
  /// Opens or makes the file. `run` names model, prompts and options: throws UserError when the file was written by another run, is no
  /// such file, or is open in another process. A last line that was not written to its end is removed. Throws SurroundingsError when
  /// the disk refuses.
  SampleFile(std::filesystem::path path, std::string run);
  ~SampleFile();
  SampleFile(const SampleFile&) = delete;
  SampleFile& operator=(const SampleFile&) = delete;

  bool holds(std::int64_t prompt, std::int64_t sample) const { return samples_.contains({prompt, sample}); }
  bool holds_failure(std::int64_t prompt) const { return failures_.contains(prompt); }
  std::int64_t num_samples() const { return static_cast<std::int64_t>(samples_.size()); }

  /// Each throws SurroundingsError when the disk refuses; the file then ends as before. A prompt's failure is recorded once.
  void record(std::int64_t prompt, std::int64_t sample, const Response& response);
  void record_failure(std::int64_t prompt, const std::string& reason);

  /// Waits until all of it is on the disk.
  void sync();

 private:
  void read_back();
  void read_line(std::int64_t number, std::string_view line);
  void remove_cut_line(std::string_view line, std::int64_t whole);
  void append(std::string_view line);
  void take_back(std::size_t bytes);

  std::filesystem::path path_;
  std::string run_;
  int file_ = -1;
  bool is_regular_ = false;  // no pipe, no device
  std::set<std::pair<std::int64_t, std::int64_t>> samples_;
  std::set<std::int64_t> failures_;
  std::chrono::steady_clock::time_point synced_;
};

/// The line of a sample, without its end.
std::string sample_line(std::int64_t prompt, std::int64_t sample, const Response& response, const std::string& run);

}  // namespace drover::generate
