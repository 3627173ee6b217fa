#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace drover::ledger {

/// Files in a home that nobody needs to resume or deploy the latest run.
struct Garbage {
  std::string path;  ///< relative to the home
  std::string hash;  ///< of the model; empty for what is no recorded model
  std::string reason;
  std::uintmax_t bytes = 0;
};

/// What may be deleted, in the order of their paths:
///
///   models of stages that no kept run has: an option has changed since, and the stage was done anew
///   what killed stages left in models/ and is neither recorded nor of an unfinished stage of the latest run
///   variants of a finished round that were averaged and not deployed, and what a round deployed once the next one
///   has chosen its own; `keep_rounds` rounds before the last finished one keep theirs
///   checkpoints of stages that have finished (checkpoints/ and .../checkpoints whose names end with a stage's key)
///
/// Models outside the home, averages, and everything an unfinished stage of the latest run may go on from are never
/// listed.
std::vector<Garbage> find_garbage(const Ledger& ledger, const std::filesystem::path& home, std::int64_t keep_rounds);

/// Deletes it and leaves a small file PATH.removed with the reason where a model was, so that a resumed run knows that
/// this was on purpose. Throws UserError while a process runs in this home, and SurroundingsError when the disk
/// refuses.
void delete_garbage(Ledger& ledger, const std::filesystem::path& home, const std::vector<Garbage>& garbage);

}  // namespace drover::ledger
