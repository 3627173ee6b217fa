#include <fmt/format.h>

#include "base/error.h"
#include "preference/annotator.h"

namespace drover::preference {

using chat::PreferenceLevel;

void LevelCuts::validate() const {
  const bool rises = marginal > 0.5 && slight > marginal && better > slight && significant > better && significant < 1;
  if (!rises) {
    throw base::UserError(
        "The cut points of the levels are {}, {}, {}, {}; they must rise between 0.5 and 1, as 0.55, 0.65, 0.75, 0.9.",
        marginal, slight, better, significant);
  }
}

Judgement LevelCuts::judgement(double probability_first) const {
  const bool first_wins = probability_first > 0.5;
  const double probability = first_wins ? probability_first : 1 - probability_first;
  Judgement judgement;
  judgement.reason = fmt::format("probability {:.3f}", probability);
  if (!(probability >= marginal)) return judgement;  // NaN has no preference either
  judgement.preferred = first_wins ? Judgement::Preferred::kFirst : Judgement::Preferred::kSecond;
  judgement.level = probability >= significant ? PreferenceLevel::kSignificant
                    : probability >= better    ? PreferenceLevel::kBetter
                    : probability >= slight    ? PreferenceLevel::kSlight
                                               : PreferenceLevel::kMarginal;
  return judgement;
}

}  // namespace drover::preference
