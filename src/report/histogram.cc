#include "report/histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/html_text.h"

namespace drover::report {
namespace {

constexpr double kWidth = 340;
constexpr double kHeight = 140;
constexpr double kBottom = 22;
constexpr double kTop = 14;
constexpr std::size_t kNumBins = 24;

std::vector<double> numbers_of(const std::vector<double>& values) {
  std::vector<double> numbers;
  std::copy_if(values.begin(), values.end(), std::back_inserter(numbers), [](double v) { return std::isfinite(v); });
  return numbers;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

std::vector<double> binned(const std::vector<double>& values, double low, double high, std::size_t num_bins) {
  std::vector<double> shares(num_bins, 0.0);
  for (const double value : values) {
    const double part = high > low ? (value - low) / (high - low) : 0.5;
    const auto bin =
        std::min(num_bins - 1, static_cast<std::size_t>(std::max(0.0, part) * static_cast<double>(num_bins)));
    shares[bin] += 1.0 / static_cast<double>(values.size());
  }
  return shares;
}

std::string histogram_picture(const std::string& title, const std::vector<double>& all_values,
                              const std::vector<double>& kept_values) {
  const auto all = numbers_of(all_values);
  const auto kept = numbers_of(kept_values);
  if (all.empty()) return {};
  const auto [low, high] = std::minmax_element(all.begin(), all.end());
  const auto all_shares = binned(all, *low, *high, kNumBins);
  const auto kept_shares = binned(kept, *low, *high, kNumBins);
  const double top = std::max(*std::max_element(all_shares.begin(), all_shares.end()),
                              *std::max_element(kept_shares.begin(), kept_shares.end()));
  const double step = kWidth / static_cast<double>(kNumBins);
  const auto y_at = [&](double share) { return kHeight - kBottom - (kHeight - kTop - kBottom) * share / top; };
  std::string bars;
  std::string outline = fmt::format("M 0 {:.1f}", y_at(0));
  for (std::size_t bin = 0; bin < kNumBins; ++bin) {
    const double x = step * static_cast<double>(bin);
    const double y = y_at(all_shares[bin]);
    bars += fmt::format("<rect class=\"all\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>", x, y,
                        step - 1, kHeight - kBottom - y);
    outline +=
        fmt::format(" L {:.1f} {:.1f} L {:.1f} {:.1f}", x, y_at(kept_shares[bin]), x + step, y_at(kept_shares[bin]));
  }
  const auto words = fmt::format("{} replies, mean {}; kept {}{}", with_commas(static_cast<std::int64_t>(all.size())),
                                 short_number(mean(all)), with_commas(static_cast<std::int64_t>(kept.size())),
                                 kept.empty() ? "" : ", mean " + short_number(mean(kept)));
  return fmt::format(
      "<figure><figcaption><strong>{0}</strong></figcaption><svg width=\"{1}\" height=\"{2}\" viewBox=\"0 0 {1} {2}\" "
      "role=\"img\" aria-label=\"{0}: {3}\">{4}<path class=\"keptline\" d=\"{5} L {1} {6:.1f}\"/><text class=\"tick\" "
      "x=\"0\" y=\"{7}\">reward {8}</text><text class=\"tick\" text-anchor=\"end\" x=\"{1}\" y=\"{7}\">{9}</text></svg>"
      "<p class=\"keys\">{3}</p></figure>\n",
      escaped(title), kWidth, kHeight, words, bars, outline, y_at(0), kHeight - 6, short_number(*low),
      short_number(*high));
}

}  // namespace drover::report
