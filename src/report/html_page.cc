#include "report/html_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace drover::report {
namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --line: #8884; --bar: #3b7dd8; --kept: #2a9d5c; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font-family: ui-monospace, monospace; font-size: .85em; } pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); }
.kept { color: var(--kept); font-weight: 600; } .scroll { overflow-x: auto; } svg { max-width: 100%; height: auto; } td svg { min-width: 8rem; } td:first-child { min-width: 6rem; }
figure { margin: 1rem 0; display: inline-block; } figcaption { font-size: .85em; }
@media print { body { margin: 0; } }
)";

// A share with its interval: a thin line for the interval, a mark for the value.
std::string interval_bar(double value, double low, double high) {
  constexpr double kWidth = 220;
  return fmt::format(
      "<svg width=\"{0}\" height=\"16\" viewBox=\"0 0 {0} 16\" role=\"img\" aria-label=\"{1:.0f}% ({2:.0f} to "
      "{3:.0f})\">"
      "<line x1=\"0\" y1=\"8\" x2=\"{0}\" y2=\"8\" stroke=\"var(--line)\"/>"
      "<line x1=\"{4:.1f}\" y1=\"8\" x2=\"{5:.1f}\" y2=\"8\" stroke=\"var(--bar)\" stroke-width=\"4\"/>"
      "<circle cx=\"{6:.1f}\" cy=\"8\" r=\"5\" fill=\"var(--bar)\"/></svg>",
      kWidth, 100 * value, 100 * low, 100 * high, kWidth * low, kWidth * high, kWidth * value);
}

std::string loss_figure(const LossCurve& curve) {
  constexpr double kWidth = 260;
  constexpr double kHeight = 90;
  const auto [low, high] = std::minmax_element(curve.losses.begin(), curve.losses.end());
  const double range = std::max(*high - *low, 1e-9);
  std::string points;
  const auto last = static_cast<double>(std::max<std::size_t>(curve.losses.size() - 1, 1));
  for (std::size_t i = 0; i < curve.losses.size(); ++i) {
    points += fmt::format("{:.1f},{:.1f} ", kWidth * static_cast<double>(i) / last,
                          kHeight - 4 - (kHeight - 8) * (curve.losses[i] - *low) / range);
  }
  return fmt::format(
      "<figure><svg width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\"><polyline fill=\"none\" "
      "stroke=\"var(--bar)\" "
      "stroke-width=\"1.5\" points=\"{2}\"/></svg><figcaption>{3}: {4:.3f} to {5:.3f} in {6} "
      "steps</figcaption></figure>\n",
      kWidth, kHeight, points, escaped(curve.name), curve.losses.front(), curve.losses.back(), curve.losses.size());
}

std::string results(const RunSummary& summary) {
  std::string html =
      "<h2>Before and after</h2>\n<p>Share of right answers on held-out prompts, one sampled reply a prompt, with 95% "
      "Wilson "
      "intervals. p: exact paired test against the best start model on the same prompts.</p>\n<div "
      "class=\"scroll\"><table><tr><th>model"
      "<th>suite<th class=\"number\">right<th>95% interval<th><th class=\"number\">prompts<th "
      "class=\"number\">p</tr>\n";
  for (const auto& line : summary.accuracies) {
    html += fmt::format(
        "<tr><td>{}<td>{}<td class=\"number\">{:.1f}%<td>{:.1f} to {:.1f}%<td>{}<td class=\"number\">{}<td "
        "class=\"number\">{}</tr>\n",
        escaped(line.model_name), escaped(line.suite), 100 * line.accuracy, 100 * line.low, 100 * line.high,
        interval_bar(line.accuracy, line.low, line.high), line.count,
        line.p_value ? fmt::format("{:.2g}", *line.p_value) : "");
  }
  return html + "</table></div>\n";
}

std::string stages(const RunSummary& summary) {
  std::string html =
      "<h2>Stages</h2>\n<div class=\"scroll\"><table><tr><th>stage<th class=\"number\">seconds<th>key</tr>\n";
  for (const auto& stage : summary.stages) {
    html += fmt::format("<tr><td>{}<td class=\"number\">{}<td><code>{}</code></tr>\n", escaped(stage.name),
                        stage.is_finished ? fmt::format("{:.1f}", stage.seconds) : "unfinished", stage.key);
  }
  return html + "</table></div>\n";
}

std::string counts(const std::string& title, const std::string& first,
                   const std::vector<std::pair<std::string, std::int64_t>>& rows) {
  if (rows.empty()) return {};
  std::string html = fmt::format("<h2>{}</h2>\n<table><tr><th>{}<th class=\"number\">count</tr>\n", title, first);
  for (const auto& [name, count] : rows)
    html += fmt::format("<tr><td>{}<td class=\"number\">{}</tr>\n", escaped(name), count);
  return html + "</table>\n";
}

std::string samples(const RunSummary& summary) {
  if (summary.samples.empty()) return {};
  std::string html =
      "<h2>Rejection sampling: some prompts</h2>\n<p>All replies to a prompt, ordered by the reward model's score; the "
      "kept one is green.</p>\n";
  for (const auto& sample : summary.samples) {
    html += fmt::format(
        "<h3>{} <small>(expected: {})</small></h3>\n<div class=\"scroll\"><table><tr><th>reply<th "
        "class=\"number\">reward<th>why<th>sample</tr>\n",
        escaped(sample.question), escaped(sample.expected));
    for (const auto& reply : sample.replies) {
      html += fmt::format("<tr><td{}>{}<td class=\"number\">{:.3f}<td>{}<td><code>{}</code></tr>\n",
                          reply.is_kept ? " class=\"kept\"" : "", escaped(reply.text), reply.score,
                          escaped(reply.reason), reply.id);
    }
    html += "</table></div>\n";
  }
  return html;
}

std::string lineage(const RunSummary& summary) {
  std::map<std::string, std::string> names;
  for (const auto& model : summary.models) names[model.hash] = model.name;
  std::string html =
      "<h2>Models</h2>\n<div class=\"scroll\"><table><tr><th>model<th>made by<th>from<th>hash<th>folder</tr>\n";
  for (const auto& model : summary.models) {
    std::string parents;
    for (const auto& parent : model.parents) {
      if (!parents.empty()) parents += ", ";
      parents += names.contains(parent.hash) ? names[parent.hash] : parent.hash.substr(0, 8);
      if (parent.weight != 1) parents += fmt::format(" × {:.3g}", parent.weight);
    }
    html += fmt::format("<tr><td>{}<td>{}<td>{}<td><code>{}</code><td><code>{}</code></tr>\n", escaped(model.name),
                        escaped(model.made_by), escaped(parents), model.hash.substr(0, 12), escaped(model.folder));
  }
  return html + "</table></div>\n";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        // Other control characters have no place in HTML at all.
        if (static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\t') {
          out += "\xEF\xBF\xBD";
        } else {
          out.push_back(c);
        }
    }
  }
  return out;
}

std::string html_page(const RunSummary& summary) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>drover: "
      "{0}</title><style>{1}</style></head>\n"
      "<body><h1>drover: {0}</h1>\n",
      escaped(summary.recipe_name), kStyle);
  html += results(summary);
  html += stages(summary);
  html += counts("Comparisons", "how much better", summary.comparisons);
  html += counts("Curation", "rule", summary.dropped);
  if (!summary.losses.empty()) html += "<h2>Losses</h2>\n";
  for (const auto& curve : summary.losses) html += loss_figure(curve);
  html += samples(summary);
  html += lineage(summary);
  html += counts("Facts in the ledger", "kind", summary.facts);
  html += fmt::format("<h2>Recipe</h2>\n<pre>{}</pre>\n</body></html>\n", escaped(summary.recipe_text));
  return html;
}

}  // namespace drover::report
