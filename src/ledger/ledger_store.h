#pragma once

#include <soci/soci.h>

#include <string>
#include <utility>

#include "ledger/ledger.h"

namespace drover::ledger {

/// The database behind a Ledger. Only ledger*.cc include this: SOCI stays behind ledger.h.
struct Ledger::Store {
  explicit Store(std::filesystem::path path) : file(std::move(path)) {}

  std::filesystem::path file;
  soci::session sql;
  bool in_batch = false;

  /// Runs `work` and turns the database's errors into ours.
  template <typename Work>
  auto guarded(const Work& work) -> decltype(work()) {
    try {
      return work();
    } catch (const soci::soci_error& error) {
      rethrow(error);
    }
  }

  /// The same for writes that belong together: all or nothing, by themselves or as part of the open batch.
  template <typename Work>
  void atomically(const Work& work) {
    guarded([&] {
      if (in_batch) return work();
      soci::transaction whole(sql);
      work();
      whole.commit();
    });
  }

  [[noreturn]] void rethrow(const soci::soci_error& error) const;
};

}  // namespace drover::ledger
