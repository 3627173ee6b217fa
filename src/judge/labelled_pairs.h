#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/dialog.h"
#include "judge/pairwise.h"

namespace drover::judge {

/// A pair that people have judged.
struct LabelledPair {
  ReplyPair replies;
  Winner people = Winner::kTie;
};

/// Pairs that people have judged, from JSONL in one of two shapes, line by line:
///   {"instruction", "input", "response1", "response2", "annotator1", "annotator2", "annotator3"}
///       PandaLM's: each person says 0 (tie), 1 or 2; the label is what at least two say, else a tie.
///   {"input", "output_1", "output_2", "label"}
///       LLMBar's: the label is 1 or 2.
/// Other keys are let through. Throws UserError with file and line.
std::vector<LabelledPair> read_labelled_pairs(const std::filesystem::path& file);

/// One line.
LabelledPair labelled_pair_from_json(const chat::Json& row);

/// `count` of the pairs, spread evenly over the list so that each part of it is there; all when there are no more.
std::vector<LabelledPair> spread_sample(std::span<const LabelledPair> pairs, std::int64_t count);

}  // namespace drover::judge
