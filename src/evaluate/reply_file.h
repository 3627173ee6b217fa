#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "evaluate/suite_measures.h"

namespace drover::evaluate {

/// A JSONL file of replies to suites that grows while a model answers, so that an evaluation goes on where it stopped. One object a line:
///
///   {"suite", "prompt": id, "run", "model", "messages": [...], "cut", "right", "answer", "reason"}
///
/// `run` names model and sampling options: replies of several runs may stand in one file.
class ReplyFile {
 public:
  /// Opens or makes the file. A last line that was not written to its end is removed. Throws UserError when a line is no reply or another
  /// process has the file open, SurroundingsError when the disk refuses.
  explicit ReplyFile(const std::filesystem::path& path);
  ReplyFile(const ReplyFile&) = delete;
  ReplyFile& operator=(const ReplyFile&) = delete;
  ~ReplyFile();

  std::optional<SuiteReply> find(std::string_view suite, ledger::PromptId prompt, std::string_view run) const;

  /// Throws SurroundingsError when the disk refuses.
  void record(const std::string& suite, ledger::PromptId prompt, const std::string& run, const std::string& model, const SuiteReply& reply,
              const verify::Verdict& verdict);

 private:
  void read_back();

  std::filesystem::path path_;
  int file_ = -1;
  std::map<std::string, SuiteReply, std::less<>> replies_;
};

}  // namespace drover::evaluate
