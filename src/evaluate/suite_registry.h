#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evaluate/suite.h"
#include "ledger/facts.h"

namespace drover::evaluate {

/// A suite that drover knows by name: held-out prompts out of a public set, put as a chat.
struct KnownSuite {
  std::string_view name;
  std::string_view folder;      ///< of the set, inside the data folder
  std::string_view capability;  ///< the first tag of its prompts
  std::string_view about;       ///< one line: what is asked and how it is scored
  std::string_view source;
  std::string_view licence;
  std::int64_t max_tokens;      ///< room for a reply
  bool ships;                   ///< whether a part of it comes with drover
};

std::span<const KnownSuite> known_suites();

/// Throws UserError with the nearest name.
const KnownSuite& known_suite(std::string_view name);

/// What `--data` means when it is not given: $DROVER_DATA, else the part that ships with the program (share/drover/suites of an installation,
/// data/suites of a checkout). Throws UserError when there is none.
std::filesystem::path default_data_folder();

/// A suite's prompts. `name` is a known suite, or a JSONL file of prompts (see read_prompts), or a folder of such files, whose prompts are
/// joined. Throws UserError when rows are missing or wrong.
Suite load_suite(const std::string& name, const std::filesystem::path& data_folder);

/// The prompts of a suite's set that are kept for training, put as the suite's own: those questions of gsm8k's train split that the suite does
/// not hold. Throws UserError for suites without such a side.
std::vector<ledger::Prompt> training_prompts(const std::string& suite, const std::filesystem::path& data_folder);

/// Whether a gsm8k question belongs to the suite rather than to training: a tenth of them, by the hash of the question.
bool is_held_out(std::string_view question);

}  // namespace drover::evaluate
