#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/ledger.h"

namespace drover::preference {

/// Ratings of the same items by several annotators: [items][annotators], empty where one did not rate.
using Ratings = std::vector<std::vector<std::optional<int>>>;

/// Of the pairs of ratings of one item, the share that are equal. Empty when no item has two ratings.
std::optional<double> raw_agreement(const Ratings& ratings);

/// Cohen's kappa (1960) of two annotators, over the items that both rated: agreement beyond what their own shares of
/// ratings give by chance. Empty without such items, or when chance alone gives full agreement. There must be two
/// annotators (checked).
std::optional<double> cohens_kappa(const Ratings& ratings);

enum class Scale {
  kNominal,  ///< ratings are equal or not
  kOrdinal,  ///< ratings have an order, and how often each occurs says how far apart they are
};

/// Krippendorff's alpha (2011, "Computing Krippendorff's Alpha-Reliability") for any number of annotators and missing
/// ratings: 1 full agreement, 0 chance. Empty when no item has two ratings, or all ratings are equal.
std::optional<double> krippendorffs_alpha(const Ratings& ratings, Scale scale);

/// How annotators agree on the pairs of replies that at least two of them compared.
struct Agreement {
  std::vector<std::string> annotators;
  std::int64_t pairs = 0;                ///< compared by two at least
  std::optional<double> raw;             ///< the same reply preferred, or both neither
  std::optional<double> kappa;           ///< of the same, with two annotators
  std::optional<double> alpha_nominal;   ///< of the same
  std::optional<double> alpha_ordinal;   ///< of the levels, from -4 (the one significantly better) over 0 to 4 (the other)

  std::string describe() const;
  chat::Json to_json() const;
};

/// Over all comparisons of these stages; people's further answers to one request count as well.
Agreement measure_agreement(const ledger::Ledger& ledger, std::span<const std::string> stages);

/// The same for each two annotators that share a pair.
std::vector<Agreement> measure_agreement_by_two(const ledger::Ledger& ledger, std::span<const std::string> stages);

}  // namespace drover::preference
