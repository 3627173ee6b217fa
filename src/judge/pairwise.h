#pragma once

#include <span>
#include <vector>

#include "judge/judge.h"

namespace drover::judge {

/// Two replies to one prompt.
struct ReplyPair {
  chat::Dialog prompt;
  std::vector<chat::Message> first;
  std::vector<chat::Message> second;
};

enum class Winner { kFirst, kSecond, kTie };

/// What a judge says about a pair after it saw the pair in both orders.
struct PairwiseVerdict {
  Winner winner = Winner::kTie;  ///< the reply that both orders prefer, or one order while the other calls it a tie
  bool is_valid = false;         ///< both orders gave a valid answer; otherwise a tie
  bool is_contradiction = false;  ///< each order prefers another reply: a tie
  bool is_unanimous = false;      ///< both orders prefer the winner
  /// Of the first reply being better, the mean of both orders (a tie counts half).
  double probability_first = 0.5;
  int num_shown_first = 0;  ///< in how many orders the reply that was shown first won: with num_decided the position bias
  int num_decided = 0;      ///< orders with a valid answer that is no tie
};

struct PairwiseOptions {
  bool allow_tie = false;  ///< the judge may call a pair equally good
};

/// Compares each pair twice, with the replies' positions swapped.
std::vector<PairwiseVerdict> compare_pairs(Judge& judge, std::span<const ReplyPair> pairs,
                                           const PairwiseOptions& options = {});

}  // namespace drover::judge
