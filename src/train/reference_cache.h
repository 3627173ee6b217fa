#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/content_hash.h"
#include "train/learned_rows.h"

namespace drover::train {

/// What a reference policy gives a pair: log-probabilities summed over the tokens of the preference term, in nats.
struct ReferenceLogProbs {
  float chosen = 0.0F;
  float rejected = 0.0F;
  bool operator==(const ReferenceLogProbs&) const = default;
};

/// Names a pair's tokens, tree and preference term.
base::ContentHash name_of(const DpoRow& row);

/// Reference log-probabilities kept on disk, one file a reference policy. A file that is damaged counts as empty.
class ReferenceCache {
 public:
  /// `policy` names the reference's weights and how they compute; it becomes the file's name. The folder is made when it is missing.
  /// Throws SurroundingsError when it cannot be.
  ReferenceCache(const std::filesystem::path& folder, std::string_view policy);

  std::optional<ReferenceLogProbs> find(const base::ContentHash& row) const;
  void add(const base::ContentHash& row, const ReferenceLogProbs& values);

  /// Writes what was added, together with what other runs have written meanwhile, one run at a time. Throws SurroundingsError when the disk
  /// refuses.
  void save();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::map<base::ContentHash, ReferenceLogProbs> entries_;
};

/// The entries of a cache's file; none when these are no such bytes, or damaged.
std::map<base::ContentHash, ReferenceLogProbs> parse_reference_cache(std::span<const std::byte> bytes);

}  // namespace drover::train
