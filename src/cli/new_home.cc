#include "cli/new_home.h"

#include <algorithm>
#include <exception>
#include <system_error>

#include "base/error.h"
#include "ledger/ledger.h"

namespace drover::cli {
namespace {

namespace fs = std::filesystem;

/// Another process may have found the new home in the meantime and written into it.
bool holds_nothing(const fs::path& file) {
  const ledger::Ledger ledger(file, ledger::Ledger::OpenMode::kWrite);
  const auto counts = ledger.counts();
  return std::all_of(counts.begin(), counts.end(), [](const auto& count) { return count.second == 0; }) && ledger.sources().empty() &&
         !ledger.latest_run();
}

}  // namespace

NewHome::NewHome(const fs::path& home) : ledger_(home / "ledger.sqlite") {
  std::error_code fault;
  had_ledger_ = fs::exists(ledger_, fault);
  if (fs::exists(home, fault) && !fs::is_directory(home, fault)) {
    throw base::UserError("'{}' is a file, not the home folder of a run; name a folder.", home.string());
  }
  for (auto folder = home; !folder.empty() && !fs::exists(folder, fault); folder = folder.parent_path()) made_.push_back(folder);
  fault.clear();
  fs::create_directories(home, fault);
  if (fault) throw base::SurroundingsError("The folder '{}' could not be made: {}.", home.string(), fault.message());
}

NewHome::~NewHome() {
  if (is_kept_) return;
  try {
    take_away();
  } catch (const std::exception&) {
    // An empty home is left behind, which harms nothing; why the work failed is being reported.
  }
}

void NewHome::take_away() const {
  if (had_ledger_) return;
  if (fs::exists(ledger_)) {
    if (!holds_nothing(ledger_)) return;
    // The last one who closes a ledger removes the log beside it: who still has it open wants to write.
    if (fs::exists(ledger_.string() + "-wal")) return;
    fs::remove(ledger_);
  }
  std::error_code not_empty;
  for (const auto& folder : made_) fs::remove(folder, not_empty);
}

}  // namespace drover::cli
