#include "cli/inspected_row.h"

#include <fmt/format.h>

#include <map>
#include <span>
#include <utility>

#include "base/error.h"
#include "model/token_tree.h"
#include "train/learned_rows.h"

namespace drover::cli {
namespace {

/// A token's place in any row over the same dialogs: which response (-1: the prompt) and where on its path.
using Place = std::pair<std::int32_t, std::int64_t>;

/// The response that each segment of the row belongs to: the segments below the root, in order.
std::vector<std::int32_t> responses_of_segments(const model::TokenRow& row) {
  std::vector<std::int32_t> responses;
  std::int32_t next = 0;
  for (const auto& segment : row.segments) responses.push_back(segment.parent < 0 ? -1 : next++);
  return responses;
}

/// One learned entry of a row, by place instead of by index.
struct Learned {
  Place target;
  Place position;
  model::LearnedPosition entry;
};

class PlacedRow {
 public:
  explicit PlacedRow(const model::TokenRow& row) : row_(row), responses_(responses_of_segments(row)) {
    for (std::size_t s = 0; s < row.segments.size(); ++s) {
      for (auto i = row.segments[s].begin; i < row.segments[s].end; ++i) segment_of_.push_back(static_cast<std::int32_t>(s));
    }
  }

  Place place(std::int64_t token) const { return {responses_.at(segment_of_.at(token)), row_.positions.at(token)}; }

  /// The token that the entry's output predicts: the next one of the segment, or the first of the response that follows it.
  std::int64_t target_of(const model::LearnedPosition& entry) const {
    const auto segment = static_cast<std::size_t>(segment_of_.at(entry.position));
    if (entry.position + 1 < row_.segments[segment].end) return entry.position + 1;
    for (std::size_t s = 0; s < row_.segments.size(); ++s) {
      const bool follows = row_.position_before(static_cast<std::int32_t>(s)) == entry.position;
      const bool is_its = responses_[s] == entry.response || responses_[s] < 0;
      if (follows && is_its && row_.segments[s].begin < row_.segments[s].end) return row_.segments[s].begin;
    }
    DROVER_CHECK(false, "No token follows position {} in response {}", entry.position, entry.response);
  }

  /// What is learned by predicting the next token.
  std::vector<Learned> learned() const {
    std::vector<Learned> result;
    for (const auto& entry : row_.learned) result.push_back({place(target_of(entry)), place(entry.position), entry});
    return result;
  }

  /// What is learned as a number at the token itself.
  std::vector<Learned> rewards() const {
    std::vector<Learned> result;
    for (const auto& entry : row_.learned) result.push_back({place(entry.position), place(entry.position), entry});
    return result;
  }

 private:
  const model::TokenRow& row_;
  std::vector<std::int32_t> responses_;
  std::vector<std::int32_t> segment_of_;
};

/// Lays out the tokens of a row; `rendered[r]` is the whole dialog with response r, from which the roles come.
class RowLayout {
 public:
  RowLayout(const chat::ChatFormat& format, const model::TokenRow& row, std::span<const chat::RenderedDialog> rendered) {
    const PlacedRow placed(row);
    for (std::int64_t i = 0; i < row.num_tokens(); ++i) {
      const auto [response, position] = placed.place(i);
      const auto& dialog = rendered[static_cast<std::size_t>(response < 0 ? 0 : response)];
      const auto id = row.tokens[static_cast<std::size_t>(i)];
      DROVER_CHECK(position < std::ssize(dialog.ids) && dialog.ids[position] == id, "The row differs from the rendered dialog at token {}", position);
      index_[{response, position}] = std::ssize(result_.tokens);
      result_.tokens.push_back({.id = id, .spelling = std::string(format.tokenizer().bytes_of(id)), .role = dialog.roles[position],
                                .position = position, .response = response, .marks = {}});
    }
    result_.num_responses = std::ssize(rendered);
  }

  void mark(Objective objective, const Learned& learned) {
    result_.tokens[find(learned.target)].marks.push_back({objective, learned.entry.weight, static_cast<std::int64_t>(find(learned.position))});
  }

  InspectedRow take() { return std::move(result_); }

 private:
  /// Rows may cut prompt and responses at different tokens, so a place outside the response is looked for in the prompt.
  std::size_t find(const Place& place) const {
    auto found = index_.find(place);
    if (found == index_.end()) found = index_.find({-1, place.second});
    DROVER_CHECK(found != index_.end(), "Response {} has no token {}", place.first, place.second);
    return static_cast<std::size_t>(found->second);
  }

  InspectedRow result_;
  std::map<Place, std::int64_t> index_;
};

/// All tokens of dialogs without anything learned, for rows that training refuses: the first dialog, then what the others add.
InspectedRow plain_row(const chat::ChatFormat& format, std::span<const chat::RenderedDialog> rendered, std::size_t prompt_length) {
  InspectedRow result;
  result.num_responses = std::ssize(rendered);
  for (std::size_t r = 0; r < rendered.size(); ++r) {
    for (std::size_t i = r == 0 ? 0 : prompt_length; i < rendered[r].ids.size(); ++i) {
      const auto id = rendered[r].ids[i];
      result.tokens.push_back({.id = id, .spelling = std::string(format.tokenizer().bytes_of(id)), .role = rendered[r].roles[i],
                               .position = static_cast<std::int64_t>(i), .response = i < prompt_length ? -1 : static_cast<std::int32_t>(r), .marks = {}});
    }
  }
  return result;
}

}  // namespace

std::string_view name_of(Objective objective) {
  switch (objective) {
    case Objective::kSft: return "sft";
    case Objective::kReward: return "reward";
    case Objective::kDpoPreference: return "dpo";
    case Objective::kDpoLikelihood: return "dpo-nll";
  }
  return "?";
}

InspectedRow inspect_dialog(const chat::ChatFormat& format, const chat::Dialog& dialog, bool learn_all) {
  const std::vector<chat::RenderedDialog> rendered = {format.render(dialog)};
  InspectedRow result;
  try {
    const auto row = train::sft_row(format, dialog, learn_all ? train::Learn::kAll : train::Learn::kFinal);
    RowLayout layout(format, row, rendered);
    for (const auto& learned : PlacedRow(row).learned()) layout.mark(Objective::kSft, learned);
    result = layout.take();
  } catch (const base::UserError& refusal) {
    result = plain_row(format, rendered, rendered.front().ids.size());
    result.refusals.push_back(fmt::format("{}: {}", name_of(Objective::kSft), refusal.what()));
  }
  result.objectives = {Objective::kSft};
  return result;
}

InspectedRow inspect_preference(const chat::ChatFormat& format, const chat::PreferenceRow& preference) {
  std::vector<chat::RenderedDialog> rendered;
  for (std::size_t r = 0; r < preference.responses.size(); ++r) rendered.push_back(format.render(preference.with_response(r)));
  const auto worst = static_cast<std::int32_t>(preference.responses.size()) - 1;
  const std::vector<Objective> objectives = {Objective::kReward, Objective::kDpoPreference, Objective::kDpoLikelihood};

  std::vector<std::string> refusals;
  std::optional<RowLayout> layout;
  try {
    const auto row = train::reward_row(format, preference);
    layout.emplace(format, row, rendered);
    for (const auto& reward : PlacedRow(row).rewards()) layout->mark(Objective::kReward, reward);
  } catch (const base::UserError& refusal) {
    refusals.push_back(fmt::format("reward: {}", refusal.what()));
  }
  try {
    const auto dpo = train::dpo_row(format, preference);
    // DPO's row holds the best response and the worst; in the whole row the worst has another number.
    const auto in_whole_row = [&](Place place) { return Place{place.first == 1 ? worst : place.first, place.second}; };
    if (!layout && worst == 1) layout.emplace(format, dpo.row, rendered);
    const auto all = PlacedRow(dpo.row).learned();
    for (std::size_t i = 0; layout && i < all.size(); ++i) {
      const Learned learned{in_whole_row(all[i].target), in_whole_row(all[i].position), all[i].entry};
      if (dpo.preference[i] != 0) layout->mark(Objective::kDpoPreference, learned);
      if (dpo.likelihood[i] != 0) layout->mark(Objective::kDpoLikelihood, learned);
    }
  } catch (const base::UserError& refusal) {
    refusals.push_back(fmt::format("dpo: {}", refusal.what()));
  }
  auto result = layout ? layout->take() : plain_row(format, rendered, format.render(preference.prompt, {.generation_prompt = true}).ids.size());
  result.objectives = objectives;
  result.refusals = std::move(refusals);
  return result;
}

}  // namespace drover::cli
