#include "report/family_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "report/html_text.h"

namespace drover::report {
namespace {

constexpr double kWidth = 400;
constexpr double kRow = 24;
constexpr double kColumn = 30;
constexpr double kTextX = 142;

struct Place {
  double x = 0;
  double y = 0;
};

const std::string& stage_name(const RunSummary& summary, const std::string& key) {
  static const std::string kNone;
  const auto found =
      std::find_if(summary.stages.begin(), summary.stages.end(), [&](const auto& stage) { return stage.key == key; });
  return found == summary.stages.end() ? kNone : found->name;
}

double x_of(const RunSummary& summary, const ledger::ModelFact& model) {
  const auto& stage = stage_name(summary, model.stage);
  const int column = stage.ends_with("/ reward") ? 1 : stage.ends_with("/ sft") ? 2 : stage.ends_with("/ dpo") ? 3 : 0;
  return 14 + kColumn * column + (model.made_by == "average" ? kColumn / 2 : 0);
}

std::string line_between(Place parent, Place child) {
  return fmt::format("<path class=\"kin\" d=\"M {0:.1f} {1:.1f} C {0:.1f} {2:.1f} {3:.1f} {4:.1f} {3:.1f} {5:.1f}\"/>",
                     parent.x, parent.y, child.y - 8, child.x, parent.y + 8, child.y);
}

std::string made_of(const ledger::ModelFact& model) {
  if (model.made_by == "average") return fmt::format("average of {}", model.parents.size());
  if (model.made_by == "file") return "as it was given";
  return model.made_by;
}

bool is_deployed(const RunSummary& summary, const std::string& hash) {
  return std::any_of(summary.deployed.begin(), summary.deployed.end(),
                     [&](const auto& model) { return model.hash == hash; });
}

}  // namespace

std::string parents_of(const RunSummary& summary, const ledger::ModelFact& model) {
  std::string parents;
  for (const auto& parent : model.parents) {
    const auto found = std::find_if(summary.models.begin(), summary.models.end(),
                                    [&](const auto& other) { return other.hash == parent.hash; });
    if (!parents.empty()) parents += ", ";
    parents += found == summary.models.end() ? parent.hash.substr(0, 12) : found->name;
    if (parent.weight != 1) parents += fmt::format(" × {:.3g}", parent.weight);
  }
  return parents;
}

std::string family_tree(const RunSummary& summary) {
  if (summary.models.empty()) return {};
  std::map<std::string, Place> places;
  std::string lines;
  std::string marks;
  double y = 16;
  for (const auto& model : summary.models) {
    const Place place{.x = x_of(summary, model), .y = y};
    places[model.hash] = place;
    for (const auto& parent : model.parents) {
      if (places.contains(parent.hash) && parent.hash != model.hash) lines += line_between(places[parent.hash], place);
    }
    const bool is_chosen = is_deployed(summary, model.hash);
    marks += fmt::format("<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"/>",
                         is_chosen ? "dot chosen" : "dot", place.x, y, model.made_by == "average" ? 6 : 4);
    marks += fmt::format(
        "<text x=\"{}\" y=\"{:.1f}\"><tspan class=\"{}\">{}</tspan> <tspan class=\"note\">{}{}</tspan></text>", kTextX,
        y + 4, is_chosen ? "strong" : "plain", escaped(shortened(model.name, 26)), escaped(made_of(model)),
        is_chosen ? ", deployed" : "");
    y += kRow;
  }
  return fmt::format(
      "<figure><svg class=\"family\" width=\"{0}\" height=\"{1:.0f}\" viewBox=\"0 0 {0} {1:.0f}\" role=\"img\" "
      "aria-label=\"Family tree of {2} models; the table below says the same\">{3}{4}</svg></figure>\n",
      kWidth, y, summary.models.size(), lines, marks);
}

}  // namespace drover::report
