#pragma once

#include <filesystem>
#include <vector>

namespace drover::cli {

/// A home folder that is made when it is missing, for work that may fail before anything is recorded: unless `keep()` is called, the
/// destructor takes away what was not there before, folders and ledger, if it is still empty. Make it before the ledger is opened, so that
/// it is destroyed after.
class NewHome {
 public:
  /// Throws UserError when something that is no folder stands in its place, SurroundingsError when it cannot be made.
  explicit NewHome(const std::filesystem::path& home);
  NewHome(const NewHome&) = delete;
  NewHome& operator=(const NewHome&) = delete;
  ~NewHome();

  void keep() { is_kept_ = true; }

 private:
  void take_away() const;

  std::filesystem::path ledger_;
  bool had_ledger_;
  std::vector<std::filesystem::path> made_;  // the innermost first
  bool is_kept_ = false;
};

}  // namespace drover::cli
