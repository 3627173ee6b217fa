#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace drover::report {

/// A reply that a rule of curation took out or changed.
struct DroppedReply {
  std::string id;
  std::string question;
  std::string text;
  std::string reason;
};

/// What one rule of one round's curation did.
struct DroppedByRule {
  std::int64_t round = 0;
  std::string rule;
  std::int64_t count = 0;
  std::vector<DroppedReply> examples{};  ///< the first few
};

/// `stage`: the key of a "curate" stage. In the order of the rules' first use.
std::vector<DroppedByRule> dropped_replies(const ledger::Ledger& ledger, std::int64_t round, const std::string& stage);

/// What messages say, their calls included, one a line.
std::string text_of(const std::vector<chat::Message>& messages);

}  // namespace drover::report
