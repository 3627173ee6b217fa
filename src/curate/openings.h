#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "curate/decision.h"

namespace drover::curate {

/// How replies may begin, as shares of all replies.
struct OpeningOptions {
  /// Replies that apologise in their first sentence, all together, are balanced down to this share; 1 turns it off. The
  /// Llama 3 report (4.2.3) balances such phrases and states no share.
  double apology_share = 0.02;
  /// Every other phrase that replies begin with is balanced down to this share, each by itself; 1 turns it off.
  double phrase_share = 1.0;
  std::int64_t words = 3;  ///< of a reply's beginning that make its phrase
  std::uint64_t seed = 1;  ///< chooses which replies go
  void validate() const;   ///< throws UserError naming the field, its value and its range
};

/// A phrase that replies begin with.
struct OpeningPhrase {
  std::string phrase;  ///< in lower case, without punctuation: "i'm sorry but"
  bool apologises = false;
  std::int64_t found = 0;  ///< replies that begin with it
  std::int64_t kept = 0;   ///< of them after balancing
};

struct OpeningBalance {
  std::vector<Decision> decisions;
  std::vector<OpeningPhrase> phrases;  ///< apologies first, then by count; those of at least two replies
  std::int64_t apologies_found = 0;
  std::int64_t apologies_kept = 0;
};

/// The first words of a text: lower case, typographic apostrophes as "'", other punctuation left out.
std::string opening_phrase(std::string_view text, std::int64_t words);

/// Whether the first sentence (at most 16 words) regrets something: it holds a word that begins as sorry, apolog-,
/// regret-, forgive, pardon or unfortunately do.
bool apologises(std::string_view text);

/// Finds the phrases that replies begin with and drops of those whose share is too large, at random, as many as it
/// takes; the others stay, so that a model still learns to apologise. A group of `found` among `all` loses d =
/// ceil((found - share * all) / (1 - share)), after which its share of what is left is at most `share`; one of a group
/// is always kept.
OpeningBalance balance_openings(std::span<const std::string_view> replies, const OpeningOptions& options);

}  // namespace drover::curate
