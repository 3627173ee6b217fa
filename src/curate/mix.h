#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "curate/decision.h"
#include "curate/row.h"

namespace drover::curate {

/// How often rows of each group are learned. Exactly one of `shares` and `epochs` is given.
struct MixOptions {
  enum class By { kCapability, kSource };
  By by = By::kCapability;  ///< what makes a group
  std::map<std::string, double> shares =
      {};  ///< of the mix, in any unit: they are divided by their sum. Groups that are not named are left out
  std::map<std::string, double> epochs =
      {};  ///< of each group's rows: 3 repeats them, 0.5 takes half. Groups that are not named count once
  std::int64_t rows = 0;    ///< with shares: of the mix; 0: as many as the scarcest group allows
  double max_epochs = 1.0;  ///< with shares: how often a row may stand in the mix at most; >= 1
  std::uint64_t seed = 1;   ///< chooses the rows of partial epochs
  void validate() const;    ///< throws UserError naming the field, its value and what to try
};

struct MixGroup {
  std::string name;
  std::int64_t found = 0;  ///< rows
  std::int64_t taken = 0;  ///< rows in the mix, repeats included
  double share = 0.0;      ///< of the mix that was asked for; 0 with epochs
};

struct Mix {
  std::vector<std::int64_t> copies;   ///< [rows] how often each row stands in the mix
  std::vector<MixGroup> groups = {};  ///< by name
  std::vector<Decision>
      decisions;  ///< rules: "mixed", "repeated", and of rows that go "down-sampled", "not in the mix"
  std::int64_t total = 0;
};

/// Down-samples and repeats. Every row of a group stands in the mix equally often, up to one: whole epochs, and a
/// random part of one more. Sizes of groups are the shares' parts of the whole, rounded by largest remainder. Throws
/// UserError when a group with a share has no rows or too few for `rows` and `max_epochs`.
Mix mix_rows(std::span<const Row> rows, const MixOptions& options);

/// Reads a mix from TOML:
///
///   by = "capability"      # or "source"
///   rows = 10_000          # with [shares]
///   max_epochs = 4.0       # with [shares]
///   seed = 1
///   [shares]               # or [epochs]
///   general = 52.66
///   code = 14.89
///
/// Throws UserError with file and key; unknown keys are refused with the nearest one.
MixOptions read_mix(const std::filesystem::path& file);
MixOptions parse_mix(std::string_view text, std::string_view where);

}  // namespace drover::curate
