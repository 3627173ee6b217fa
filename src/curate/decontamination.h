#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/progress.h"
#include "chat/dialog.h"
#include "curate/decision.h"

namespace drover::curate {

/// A prompt that must not be trained on.
struct HeldOutPrompt {
  std::string suite;        ///< who asks it, for the reason: a name or a file
  std::int64_t number = 0;  ///< of the prompt: the line where it stands
  std::string text;         ///< what users say in it, one message below the other
};

struct DecontaminationOptions {
  /// Words of a window; 0 compares whole prompts only. 13 is usual.
  std::int64_t window_words = 0;
  /// A row goes when it holds at least this share of a prompt's windows, wherever they stand in it; in (0, 1].
  double window_share = 0.5;
  void validate() const;  ///< throws UserError naming the field, its value and its range
};

/// Finds training rows that hold prompts of suites. A row is taken for a prompt when one of its user messages, or all
/// of them one below the other, equals it as comparable_text.h says; with windows also when it holds enough of the
/// prompt's runs of words. Prompts with fewer words than a window are compared whole only.
class Decontaminator {
 public:
  explicit Decontaminator(std::span<const HeldOutPrompt> prompts, const DecontaminationOptions& options = {});

  /// Why the dialog must not be learned: the suite and the prompt it holds; nothing when it holds none.
  std::optional<std::string> leak_in(const chat::Dialog& dialog) const;

 private:
  struct Prompt {
    std::string name;
    std::int64_t num_windows = 0;  // different ones
  };
  struct Place {
    std::uint32_t begin = 0, count = 0;  // in window_prompts_
  };
  std::optional<std::string> leak_by_windows(const chat::Dialog& dialog) const;

  DecontaminationOptions options_;
  std::vector<Prompt> prompts_;
  std::unordered_map<std::string, std::uint32_t> whole_;
  std::unordered_map<std::uint64_t, Place> windows_;
  std::vector<std::uint32_t> window_prompts_;
};

/// Drops rows that hold a prompt. The rule is "leak".
std::vector<Decision> decontaminate(std::span<const chat::Dialog> dialogs, const Decontaminator& decontaminator,
                                    const base::OnProgress& on_progress = {});

/// Reads a suite's prompts from JSONL: rows of dialogs, of which the user's messages count; objects with a list of
/// texts under "turns"; or with a text under "question", "instruction", "problem", "query", "input" or "text" (the
/// first that is there). Other keys are passed over. Throws UserError with file and line.
std::vector<HeldOutPrompt> read_held_out_prompts(const std::filesystem::path& file);

}  // namespace drover::curate
