#include "judge/calibration.h"

#include <fmt/format.h>

#include "base/error.h"

namespace drover::judge {
namespace {

double share_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::int64_t count_at(const chat::Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer() || *found < 0) {
    throw base::UserError("A judge's calibration lacks the count \"{}\".", key);
  }
  return found->get<std::int64_t>();
}

chat::Json interval_json(const base::Interval& interval) { return chat::Json::array({interval.low, interval.high}); }

}  // namespace

double Calibration::accuracy() const { return share_of(right, pairs); }
base::Interval Calibration::accuracy_interval() const { return base::wilson_interval(right, pairs); }
double Calibration::accuracy_when_decided() const { return share_of(right, right + wrong); }
base::Interval Calibration::accuracy_when_decided_interval() const {
  return base::wilson_interval(right, right + wrong);
}
double Calibration::position_bias() const { return decided == 0 ? 0.5 : share_of(shown_first, decided); }
double Calibration::invalid_share() const { return share_of(invalid, pairs); }
double Calibration::p_value() const { return base::chance_of_at_least(right, right + wrong); }

std::string Calibration::describe() const {
  const auto all = accuracy_interval();
  const auto some = accuracy_when_decided_interval();
  std::string text = fmt::format(
      "pairs with a preference of people  {} ({} ties left out)\n"
      "right / wrong / tie / invalid      {} / {} / {} / {}\n"
      "accuracy                           {:.3f} (95% interval {:.3f} to {:.3f}; ties and invalid answers are not right)\n"
      "accuracy where it decides          {:.3f} ({:.3f} to {:.3f}; a coin has 0.5)\n"
      "contradicts itself when swapped    {} pairs\n"
      "prefers what is shown first        {:.3f} of its decisions (0.5: no position bias)\n"
      "invalid answers                    {:.1f}%\n",
      pairs, people_tie, right, wrong, ties, invalid, accuracy(), all.low, all.high, accuracy_when_decided(), some.low,
      some.high, contradictions, position_bias(), 100 * invalid_share());
  return text + fmt::format("{}: p = {:.4f} (one-sided exact binomial test)\n",
                            is_above_chance() ? "above chance" : "not above chance: it has no say about quality",
                            p_value());
}

chat::Json Calibration::to_json() const {
  return {{"judge", judge},
          {"pairs", pairs},
          {"people_tie", people_tie},
          {"right", right},
          {"wrong", wrong},
          {"ties", ties},
          {"contradictions", contradictions},
          {"invalid", invalid},
          {"shown_first", shown_first},
          {"decided", decided},
          {"accuracy", accuracy()},
          {"accuracy_interval", interval_json(accuracy_interval())},
          {"accuracy_when_decided", accuracy_when_decided()},
          {"accuracy_when_decided_interval", interval_json(accuracy_when_decided_interval())},
          {"position_bias", position_bias()},
          {"p_value", p_value()},
          {"is_above_chance", is_above_chance()}};
}

Calibration Calibration::from_json(const chat::Json& json) {
  if (!json.is_object() || !json.contains("judge") || !json["judge"].is_string()) {
    throw base::UserError("A judge's calibration lacks the judge's name.");
  }
  Calibration calibration{.judge = json["judge"].get<std::string>(),
                          .pairs = count_at(json, "pairs"),
                          .people_tie = count_at(json, "people_tie"),
                          .right = count_at(json, "right"),
                          .wrong = count_at(json, "wrong"),
                          .ties = count_at(json, "ties"),
                          .contradictions = count_at(json, "contradictions"),
                          .invalid = count_at(json, "invalid"),
                          .shown_first = count_at(json, "shown_first"),
                          .decided = count_at(json, "decided")};
  const auto sum = calibration.right + calibration.wrong + calibration.ties + calibration.invalid;
  if (sum != calibration.pairs || calibration.shown_first > calibration.decided) {
    throw base::UserError("The counts of a judge's calibration do not add up.");
  }
  return calibration;
}

Calibration calibrate(Judge& judge, std::span<const LabelledPair> pairs, const PairwiseOptions& options) {
  Calibration calibration;
  calibration.judge = judge.name();
  std::vector<ReplyPair> shown;
  std::vector<Winner> people;
  for (const auto& pair : pairs) {
    if (pair.people == Winner::kTie) {
      ++calibration.people_tie;
      continue;
    }
    shown.push_back(pair.replies);
    people.push_back(pair.people);
  }
  if (shown.empty()) throw base::UserError("People prefer neither reply of any pair: nothing to calibrate a judge on.");
  const auto verdicts = compare_pairs(judge, shown, options);
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const auto& verdict = verdicts[i];
    ++calibration.pairs;
    calibration.shown_first += verdict.num_shown_first;
    calibration.decided += verdict.num_decided;
    calibration.contradictions += verdict.is_contradiction ? 1 : 0;
    if (!verdict.is_valid) {
      ++calibration.invalid;
    } else if (verdict.winner == Winner::kTie) {
      ++calibration.ties;
    } else {
      ++(verdict.winner == people[i] ? calibration.right : calibration.wrong);
    }
  }
  return calibration;
}

}  // namespace drover::judge
