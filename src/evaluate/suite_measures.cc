#include "evaluate/suite_measures.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "verify/checker.h"
#include "verify/exact_answer.h"
#include "verify/instructions.h"

namespace drover::evaluate {
namespace {

Measure share(std::string name, std::int64_t right, std::int64_t total) {
  const double value = total == 0 ? 0.0 : static_cast<double>(right) / static_cast<double>(total);
  return {std::move(name), value, wilson_interval(right, total), right, total};
}

Measure mean(std::string name, const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return {std::move(name), values.empty() ? 0.0 : sum / static_cast<double>(values.size()), std::nullopt, 0, static_cast<std::int64_t>(values.size())};
}

bool all_have_checker(const Suite& suite, std::string_view checker) {
  return std::all_of(suite.prompts.begin(), suite.prompts.end(), [&](const auto& prompt) { return prompt.checker == checker; });
}

std::vector<Measure> instruction_measures(const Suite& suite, const std::vector<SuiteReply>& replies) {
  std::int64_t prompts[2] = {0, 0};
  std::int64_t instructions[2] = {0, 0};
  std::int64_t total = 0;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const auto followed = verify::check_instructions(verify::parse_instructions(suite.prompts[i].expected), verify::text_of(replies[i].messages));
    prompts[0] += followed.all_strict() ? 1 : 0;
    prompts[1] += followed.all_loose() ? 1 : 0;
    instructions[0] += std::count(followed.strict.begin(), followed.strict.end(), true);
    instructions[1] += std::count(followed.loose.begin(), followed.loose.end(), true);
    total += static_cast<std::int64_t>(followed.strict.size());
  }
  const auto num_prompts = static_cast<std::int64_t>(replies.size());
  std::vector<Measure> measures = {share("prompts, strict", prompts[0], num_prompts), share("instructions, strict", instructions[0], total),
                                   share("prompts, loose", prompts[1], num_prompts), share("instructions, loose", instructions[1], total)};
  std::vector<double> values;
  for (const auto& measure : measures) values.push_back(measure.value);
  auto all = mean("mean of the four", values);
  all.total = num_prompts;
  measures.insert(measures.begin(), std::move(all));
  return measures;
}

// Shares of the prompts by their second tag, in the order in which the tags come.
std::vector<Measure> shares_by_tag(const Suite& suite, const std::vector<bool>& is_right) {
  std::vector<std::string> order;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> counts;
  for (std::size_t i = 0; i < is_right.size(); ++i) {
    const auto& tags = suite.prompts[i].tags;
    const std::string tag = tags.size() > 1 ? tags[1] : "";
    if (!counts.contains(tag)) order.push_back(tag);
    auto& [right, total] = counts[tag];
    right += is_right[i] ? 1 : 0;
    ++total;
  }
  std::vector<Measure> shares;
  for (const auto& tag : order) shares.push_back(share(tag, counts[tag].first, counts[tag].second));
  return shares;
}

// BFCL's summary of its syntax-tree categories: simple calls of three languages pooled, then the plain mean.
std::optional<Measure> tree_summary(const std::vector<Measure>& categories) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> pooled;
  for (const auto& category : categories) {
    if (category.name.starts_with("live_") || category.name == "irrelevance") continue;
    auto& [right, total] = pooled[category.name.starts_with("simple") ? "simple" : category.name];
    right += category.right;
    total += category.total;
  }
  if (pooled.size() < 2) return std::nullopt;
  std::vector<double> values;
  for (const auto& [name, counts] : pooled) values.push_back(static_cast<double>(counts.first) / static_cast<double>(counts.second));
  return mean("mean of the tree categories", values);
}

}  // namespace

std::string SuiteResult::doubt() const {
  const auto total = static_cast<std::int64_t>(is_right.size());
  if (total > 0 && num_empty == total) return "every reply is empty: this model answers nothing here";
  if (total > 0 && num_cut == total) return "every reply was cut by the length limit: raise --max-tokens, or the model never ends its turn";
  if (total > 0 && num_cut + num_empty >= total) return "every reply is empty or was cut by the length limit";
  if (total > 0 && num_without_answer == total) return "no reply holds an answer of the kind that was asked for";
  return {};
}

verify::Verdict verdict_on(const ledger::Prompt& prompt, const SuiteReply& reply) {
  return verify::make_checker(prompt.checker)->check_messages(reply.messages, prompt.expected);
}

SuiteResult measure(const Suite& suite, const std::vector<SuiteReply>& replies) {
  DROVER_CHECK_EQ(suite.prompts.size(), replies.size(), "A suite takes one reply a prompt");
  SuiteResult result;
  result.suite = suite.name;
  std::int64_t right = 0;
  std::vector<double> overlaps;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const auto& prompt = suite.prompts[i];
    const auto verdict = verdict_on(prompt, replies[i]);
    const auto text = verify::text_of(replies[i].messages);
    const bool has_calls = std::any_of(replies[i].messages.begin(), replies[i].messages.end(), [](const auto& message) { return !message.calls.empty(); });
    result.is_right.push_back(verdict.is_right());
    right += verdict.is_right() ? 1 : 0;
    result.num_cut += replies[i].is_cut ? 1 : 0;
    result.num_empty += !has_calls && text.find_first_not_of(" \t\r\n") == std::string::npos ? 1 : 0;
    result.num_without_answer += verdict.outcome == verify::Outcome::kNoAnswer ? 1 : 0;
    if (prompt.checker == "exact") overlaps.push_back(verify::answer_f1(text, prompt.expected));
  }
  if (all_have_checker(suite, "ifeval")) {
    result.measures = instruction_measures(suite, replies);
    return result;
  }
  result.measures.push_back(share("accuracy", right, static_cast<std::int64_t>(replies.size())));
  const auto tags = shares_by_tag(suite, result.is_right);
  if (all_have_checker(suite, "bfcl")) {
    result.measures[0].name = "overall";
    if (auto summary = tree_summary(tags)) result.measures.push_back(*summary);
    result.measures.insert(result.measures.end(), tags.begin(), tags.end());
  } else if (suite.name == "mmlu" && tags.size() > 1) {
    std::vector<double> values;
    for (const auto& tag : tags) values.push_back(tag.value);
    result.measures.insert(result.measures.begin(), mean("mean over subjects", values));
  }
  if (!overlaps.empty() && overlaps.size() == replies.size()) result.measures.push_back(mean("F1", overlaps));
  return result;
}

}  // namespace drover::evaluate
