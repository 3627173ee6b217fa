#include "cli/train_log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "cli/fact_lines.h"
#include "cli/json_output.h"
#include "cli/learned_text.h"
#include "cli/terminal.h"

namespace drover::cli {
namespace {

constexpr double kUnusual = 5.0;    // standard deviations above the steps before
constexpr std::size_t kListed = 20;  // lines named in one message
constexpr std::int64_t kRowsOnATerminal = 2;

std::string object_line(const train::StepReport& report) {
  nlohmann::ordered_json line = {{"step", report.step}, {"steps", report.total_steps}, {"loss", report.loss}};
  line["loss_z"] = report.loss_z ? nlohmann::ordered_json(*report.loss_z) : nlohmann::ordered_json(nullptr);
  line["grad_norm"] = report.grad_norm;
  line["grad_norm_z"] = report.grad_norm_z ? nlohmann::ordered_json(*report.grad_norm_z) : nlohmann::ordered_json(nullptr);
  line["learning_rate"] = report.learning_rate;
  line["rows"] = report.rows;
  line["tokens"] = report.tokens;
  line["tokens_per_second"] = report.tokens_per_second;
  line["memory_bytes"] = report.memory_bytes;
  line["peak_memory_bytes"] = report.peak_memory_bytes;
  line["metrics"] = report.metrics;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string text_line(const std::string& kind, const train::StepReport& report) {
  std::string line = fmt::format("{} {}/{} | loss {:.4f}", kind, report.step, report.total_steps, report.loss);
  if (report.loss_z) line += fmt::format(" ({:+.1f}z)", *report.loss_z);
  for (const auto& [name, value] : report.metrics) line += fmt::format(" | {} {:.4g}", name, value);
  line += fmt::format(" | grad norm {:.3g} | lr {:.2e} | {:.0f} tok/s", report.grad_norm, report.learning_rate, report.tokens_per_second);
  if (report.memory_bytes > 0) line += fmt::format(" | {:.2f} GB", static_cast<double>(report.memory_bytes) / 1e9);
  return shown(line) + "\n";
}

std::string spelled_time(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string listed(std::vector<std::int64_t> lines) {
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  const auto more = lines.size() > kListed ? fmt::format(" and {} more", lines.size() - kListed) : std::string();
  lines.resize(std::min(lines.size(), kListed));
  return fmt::format("{}{}", fmt::join(lines, ", "), more);
}

}  // namespace

TrainLog::TrainLog(const TrainArguments& arguments, const TrainRows& rows) : arguments_(arguments), rows_(rows) {
  if (!arguments.log.empty()) log_.emplace(arguments.log);
  if (!arguments.tensorboard.empty()) events_.emplace(arguments.tensorboard);
}

void TrainLog::show_rows(const text::Tokenizer& tokenizer) const {
  if (!rows_.bad_rows.empty()) {
    std::vector<std::int64_t> lines;
    for (const auto& bad : rows_.bad_rows) lines.push_back(bad.line);
    fmt::print(stderr, "{}: {} rows skipped, line {}; the first: {}\n", arguments_.data, lines.size(), listed(lines),
               shown(rows_.bad_rows.front().reason));
  }
  if (rows_.num_unclear > 0) {
    fmt::print(stderr, "{}: {} comparisons below {} are left out\n", arguments_.data, rows_.num_unclear, arguments_.lowest_level);
  }
  if (rows_.num_cut > 0) {
    fmt::print(stderr, "{}: {} documents are longer than {} tokens and cut into {} pieces\n", arguments_.data, grouped(rows_.num_cut),
               grouped(rows_.max_tokens), grouped(rows_.num_pieces));
  }
  const bool learns_targets = rows_.labelled.empty() && rows_.facts.empty();
  // A person who watches sees at once whether the right part is learned; a program is not disturbed.
  const bool is_watched = is_terminal(stdout) && is_terminal(stderr) && !arguments_.json;
  const auto count = std::min(arguments_.show_rows.value_or(is_watched ? kRowsOnATerminal : 0), rows_.size());
  for (std::int64_t i = 0; i < count; ++i) {
    fmt::print(stderr, "{}, line {}: {} tokens, {} learned\n{}\n", arguments_.data, rows_.lines[static_cast<std::size_t>(i)],
               rows_.tree(i).num_tokens(), rows_.tree(i).learned.size(),
               is_terminal(stderr) ? learned_text_for(screen_size(stderr), rows_.tree(i), tokenizer, learns_targets, wants_colour(stderr))
                                   : learned_text(rows_.tree(i), tokenizer, learns_targets, false));
  }
}

void TrainLog::begin(const train::RunOutlook& outlook) {
  const auto saved = outlook.tokens_unshared - outlook.tokens;
  fmt::print(stderr, "{}: {} rows, {} tokens{}, {} learned\n", arguments_.kind, grouped(outlook.rows), grouped(outlook.tokens),
             saved > 0 ? fmt::format(" ({} of prompts that responses share are computed once)", grouped(saved)) : "", grouped(outlook.learned));
  if (outlook.parameters_learned == outlook.parameters) {
    fmt::print(stderr, "{}: all {} parameters learn\n", arguments_.kind, grouped(outlook.parameters));
  } else {
    fmt::print(stderr, "{}: {} numbers learn, {:.2f}% of the model's {} parameters\n", arguments_.kind, grouped(outlook.parameters_learned),
               100.0 * static_cast<double>(outlook.parameters_learned) / static_cast<double>(outlook.parameters), grouped(outlook.parameters));
  }
  const auto continued = outlook.steps_done > 0 ? fmt::format(", going on after step {}", outlook.steps_done) : std::string();
  fmt::print(stderr, "{}: {} steps, {} tokens in all, packed to {} ({:.0f}% full), at most {} at once{}; about {:.2f} GB and {}\n", arguments_.kind,
             grouped(outlook.steps), grouped(outlook.step_tokens), grouped(outlook.packed_tokens), 100 * outlook.packed_fill,
             grouped(outlook.largest_row), continued, static_cast<double>(outlook.predicted_peak_bytes) / 1e9, spelled_time(outlook.predicted_seconds));
  if (outlook.reference_tokens > 0) {
    fmt::print(stderr, "{}: before the first step the start model is asked about {} tokens, once\n", arguments_.kind, grouped(outlook.reference_tokens));
  }
  if (outlook.steps_done == 0) return;
  if (log_ && outlook.loss_before && !attempt([&] { log_->go_on_after(outlook.steps_done, *outlook.loss_before); })) log_.reset();
  if (events_ && !attempt([&] { events_->begin_at(outlook.steps_done + 1); })) events_.reset();
}

void TrainLog::add(const train::StepReport& report) {
  const auto line = object_line(report);
  if (log_ && !attempt([&] { log_->add(line); })) log_.reset();
  if (events_ && !attempt([&] { write_events(report); })) events_.reset();
  attempt([&] {
    write_output(arguments_.json ? line : text_line(arguments_.kind, report));
    flush_output();  // a run takes long, and whoever follows it through a pipe wants each step
  });
  warn_of_unusual(report);
}

bool TrainLog::attempt(const std::function<void()>& write) {
  try {
    write();
    return true;
  } catch (const base::SurroundingsError& error) {
    complain(error.what());
    return false;
  }
}

void TrainLog::complain(const std::string& fault) {
  if (complaint_ != fault) fmt::print(stderr, "drover: warning: {} The run goes on.\n", fault);
  complaint_ = fault;
}

void TrainLog::write_events(const train::StepReport& report) {
  std::vector<std::pair<std::string, double>> values{{"loss", report.loss}, {"grad_norm", report.grad_norm},
                                                     {"learning_rate", report.learning_rate},
                                                     {"tokens_per_second", report.tokens_per_second},
                                                     {"memory_bytes", static_cast<double>(report.memory_bytes)}};
  if (report.loss_z) values.emplace_back("loss_z", *report.loss_z);
  if (report.grad_norm_z) values.emplace_back("grad_norm_z", *report.grad_norm_z);
  for (const auto& [name, value] : report.metrics) values.emplace_back(arguments_.kind + "/" + name, value);
  events_->add(report.step, values);
}

void TrainLog::warn(const std::string& warning) const { fmt::print(stderr, "drover: warning: {}\n", shown(warning)); }

void TrainLog::say_how_to_go_on(const train::StoppedRun& stopped) const {
  if (stopped.fault.empty()) {
    fmt::print(stderr, "stopped after step {}: the same command goes on from there\n", stopped.step);
    return;
  }
  std::string_view fault = stopped.fault;
  if (fault.ends_with('.')) fault.remove_suffix(1);
  const auto newest = stopped.newest_saved ? fmt::format("the newest checkpoint is that of step {}, and the same command goes on from it", *stopped.newest_saved)
                                           : std::string("there is no checkpoint, and the same command begins anew");
  fmt::print(stderr, "stopped after step {}: its state could not be saved ({}); {}\n", stopped.step, shown(fault), newest);
}

void TrainLog::finish() const {
  if (!complaint_.empty()) throw base::SurroundingsError("{} The model is written.", complaint_);
}

void TrainLog::warn_of_unusual(const train::StepReport& report) const {
  std::vector<std::string> unusual;
  const auto look_at = [&](std::string_view what, double value, std::optional<double> z) {
    if (z && *z >= kUnusual) unusual.push_back(fmt::format("the {} {:.4g} lies {:.1f} standard deviations above the steps before", what, value, *z));
  };
  look_at("loss", report.loss, report.loss_z);
  look_at("gradient norm", report.grad_norm, report.grad_norm_z);
  if (unusual.empty()) return;
  std::vector<std::int64_t> lines;
  for (const auto index : report.row_indices) lines.push_back(rows_.lines[static_cast<std::size_t>(index)]);
  fmt::print(stderr, "step {}: {}; its rows stand in line {} of {}\n", report.step, fmt::join(unusual, ", and "), listed(lines), arguments_.data);
}

}  // namespace drover::cli
