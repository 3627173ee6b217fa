#include "curate/judging.h"

#include <functional>
#include <vector>

#include "judge/intentions.h"
#include "judge/rubric.h"

namespace drover::curate {
namespace {

/// Some of the rows: their places and their dialogs.
struct Chosen {
  std::vector<std::size_t> places;
  std::vector<chat::Dialog> dialogs;
};

Chosen choose(std::span<const Row> rows, const std::function<bool(const Row&)>& is_wanted) {
  Chosen chosen;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!is_wanted(rows[i])) continue;
    chosen.places.push_back(i);
    chosen.dialogs.push_back(rows[i].dialog);
  }
  return chosen;
}

std::int64_t judge_with(std::span<Row> rows, judge::Judge& judge, const judge::Rubric& rubric, bool code) {
  const auto chosen = choose(rows, [code](const Row& row) { return !row.quality && is_code(row.capability) == code; });
  if (chosen.places.empty()) return 0;
  const auto scores = judge::score_replies(judge, rubric, chosen.dialogs);
  std::int64_t known = 0;
  for (std::size_t i = 0; i < chosen.places.size(); ++i) {
    rows[chosen.places[i]].quality = scores[i].points;
    known += scores[i].points ? 1 : 0;
  }
  return known;
}

}  // namespace

std::int64_t judge_quality(std::span<Row> rows, judge::Judge& judge) {
  return judge_with(rows, judge, judge::general_rubric(), false) + judge_with(rows, judge, judge::code_rubric(), true);
}

std::int64_t judge_difficulty(std::span<Row> rows, judge::Judge& judge) {
  const auto chosen = choose(rows, [](const Row& row) { return !row.difficulty; });
  if (chosen.places.empty()) return 0;
  const auto ratings = judge::rate_difficulty(judge, chosen.dialogs);
  std::int64_t known = 0;
  for (std::size_t i = 0; i < chosen.places.size(); ++i) {
    rows[chosen.places[i]].difficulty = ratings[i];
    known += ratings[i] ? 1 : 0;
  }
  return known;
}

std::int64_t tag_intentions(std::span<Row> rows, judge::Judge& judge) {
  const auto chosen = choose(rows, [](const Row& row) { return !row.intentions; });
  if (chosen.places.empty()) return 0;
  const auto found = judge::list_intentions(judge, chosen.dialogs);
  std::int64_t known = 0;
  for (std::size_t i = 0; i < chosen.places.size(); ++i) {
    if (!found[i]) continue;
    rows[chosen.places[i]].intentions.emplace(found[i]->tags.begin(), found[i]->tags.end());
    ++known;
  }
  return known;
}

}  // namespace drover::curate
