#include "curate/mix.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/random_stream.h"

namespace drover::curate {
namespace {

constexpr std::int64_t kMostRows = 1'000'000'000;  // of a mix

struct Group {
  std::vector<std::size_t> rows;
  double share = 0.0;
  double epochs = 1.0;
  std::int64_t wanted = 0;
};
using Groups = std::map<std::string, Group>;

const std::string& group_of(const Row& row, MixOptions::By by) {
  return by == MixOptions::By::kCapability ? row.capability : row.source;
}

[[noreturn]] void refuse_unknown(const std::string& name, const Groups& groups, MixOptions::By by) {
  std::vector<std::string_view> known;
  for (const auto& [other, group] : groups) {
    if (!group.rows.empty()) known.push_back(other);
  }
  throw base::UserError(
      "The mix names the {} \"{}\", of which there are no rows{}. Leave it out, or give rows this {}.",
      by == MixOptions::By::kCapability ? "capability" : "source", name, base::suggestion(name, known),
      by == MixOptions::By::kCapability ? "capability" : "source");
}

Groups groups_of(std::span<const Row> rows, const MixOptions& options) {
  Groups groups;
  for (std::size_t i = 0; i < rows.size(); ++i) groups[group_of(rows[i], options.by)].rows.push_back(i);
  double sum = 0.0;
  for (const auto& [name, share] : options.shares) sum += share;
  for (const auto& [name, share] : options.shares) {
    const auto found = groups.find(name);
    if (found == groups.end() && share > 0) refuse_unknown(name, groups, options.by);
    if (found != groups.end()) found->second.share = share / sum;
  }
  for (const auto& [name, epochs] : options.epochs) {
    const auto found = groups.find(name);
    if (found == groups.end()) refuse_unknown(name, groups, options.by);
    found->second.epochs = epochs;
  }
  return groups;
}

std::int64_t most_of(const Group& group, double max_epochs) {
  return static_cast<std::int64_t>(
      std::min(static_cast<double>(kMostRows), std::floor(max_epochs * static_cast<double>(group.rows.size()) + 1e-9)));
}

/// Cuts `total` by the groups' shares: whole parts first, what is left to the largest remainders.
void cut_by_shares(Groups& groups, std::int64_t total) {
  std::vector<std::pair<double, Group*>> remainders;
  std::int64_t left = total;
  for (auto& [name, group] : groups) {
    const double exact = group.share * static_cast<double>(total);
    group.wanted = static_cast<std::int64_t>(std::floor(exact + 1e-9));
    left -= group.wanted;
    if (group.share > 0) remainders.emplace_back(exact - static_cast<double>(group.wanted), &group);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (auto& [remainder, group] : remainders) {
    if (left-- > 0) ++group->wanted;
  }
}

std::int64_t most_in_all(const Groups& groups, double max_epochs) {
  double total = static_cast<double>(kMostRows);
  for (const auto& [name, group] : groups) {
    if (group.share > 0) total = std::min(total, static_cast<double>(most_of(group, max_epochs)) / group.share);
  }
  return static_cast<std::int64_t>(std::floor(total + 1e-9));
}

bool fits(const Groups& groups, double max_epochs) {
  return std::all_of(groups.begin(), groups.end(),
                     [&](const auto& one) { return one.second.wanted <= most_of(one.second, max_epochs); });
}

void choose_sizes(Groups& groups, const MixOptions& options) {
  if (options.shares.empty()) {
    for (auto& [name, group] : groups)
      group.wanted = static_cast<std::int64_t>(std::llround(group.epochs * static_cast<double>(group.rows.size())));
    return;
  }
  const auto most = most_in_all(groups, options.max_epochs);
  if (options.rows == 0) {
    // A remainder that is rounded up may ask for one row too many.
    auto total = most;
    for (cut_by_shares(groups, total); total > 0 && !fits(groups, options.max_epochs);) cut_by_shares(groups, --total);
    return;
  }
  cut_by_shares(groups, options.rows);
  for (const auto& [name, group] : groups) {
    if (group.wanted <= most_of(group, options.max_epochs)) continue;
    throw base::UserError(
        "A mix of {} rows needs {} of \"{}\", but its {} rows in at most {:g} epochs are {}. Ask for {} rows, or raise "
        "max_epochs.",
        options.rows, group.wanted, name, group.rows.size(), options.max_epochs, most_of(group, options.max_epochs),
        most);
  }
}

void take(const Group& group, const std::string& name, const MixOptions& options, Mix& mix) {
  if (group.rows.empty()) return;
  const auto count = static_cast<std::int64_t>(group.rows.size());
  auto shuffled = group.rows;
  base::RandomStream random(options.seed, "mix " + name);
  random.shuffle(std::span(shuffled));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto row = shuffled[static_cast<std::size_t>(i)];
    const auto copies = group.wanted / count + (i < group.wanted % count ? 1 : 0);
    mix.copies[row] = copies;
    auto& decision = mix.decisions[row];
    decision = {.index = row, .kept = copies > 0, .rule = copies > 1 ? "repeated" : "mixed"};
    if (copies > 1) decision.reason = fmt::format("it stands in the mix {} times", copies);
    if (copies > 0) continue;
    decision.rule = group.wanted == 0 ? "not in the mix" : "down-sampled";
    decision.reason = fmt::format("{} of the {} rows of \"{}\" are in the mix", group.wanted, count, name);
  }
}

void check_amounts(const std::map<std::string, double>& amounts, const char* what, double most) {
  for (const auto& [name, amount] : amounts) {
    if (!(amount >= 0 && amount <= most))
      throw base::UserError("The {} of \"{}\" is {}; it must be from 0 to {:g}.", what, name, amount, most);
  }
}

}  // namespace

void MixOptions::validate() const {
  if (shares.empty() == epochs.empty()) throw base::UserError("A mix has either [shares] or [epochs].");
  check_amounts(shares, "share", 1e12);
  check_amounts(epochs, "number of epochs", 1e6);
  const bool has_share = std::any_of(shares.begin(), shares.end(), [](const auto& one) { return one.second > 0; });
  if (!shares.empty() && !has_share) throw base::UserError("All shares of the mix are 0: nothing would be left.");
  if (rows < 0 || rows > kMostRows)
    throw base::UserError("A mix of {} rows is not possible: give 0 (as many as there are) to {}.", rows, kMostRows);
  if (!(max_epochs >= 1 && max_epochs <= 1e6))
    throw base::UserError("max_epochs is {}; it must be from 1 to 1000000.", max_epochs);
  if (!epochs.empty() && rows != 0)
    throw base::UserError("rows belongs to [shares]: with [epochs] the mix is as large as they make it.");
}

Mix mix_rows(std::span<const Row> rows, const MixOptions& options) {
  options.validate();
  auto groups = groups_of(rows, options);
  choose_sizes(groups, options);
  Mix mix{.copies = std::vector<std::int64_t>(rows.size(), 0), .decisions = std::vector<Decision>(rows.size())};
  for (const auto& [name, group] : groups) {
    take(group, name, options, mix);
    mix.groups.push_back({.name = name,
                          .found = static_cast<std::int64_t>(group.rows.size()),
                          .taken = group.wanted,
                          .share = group.share});
    mix.total += group.wanted;
  }
  return mix;
}

}  // namespace drover::curate
