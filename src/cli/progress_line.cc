#include "cli/progress_line.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/interruption.h"
#include "cli/terminal.h"

namespace drover::cli {
namespace {

constexpr double kSecondsBetweenUpdates = 0.1;
constexpr double kSecondsBetweenLines = 10.0;
constexpr double kSecondsBeforeRate = 0.5;  // earlier, rates are noise

std::string describe_duration(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  if (seconds < 90 * 60) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace

std::string describe_progress(const base::Progress& progress, double seconds) {
  std::string line = progress.total > 0 ? fmt::format("{}  {}/{} {}", progress.what, progress.done, progress.total, progress.unit)
                                        : fmt::format("{}  {} {}", progress.what, progress.done, progress.unit);
  if (progress.done > 0 && seconds >= kSecondsBeforeRate) {
    const double rate = static_cast<double>(progress.done) / seconds;
    line += rate >= 100 ? fmt::format(", {:.0f} {}/s", rate, progress.unit) : fmt::format(", {:.3g} {}/s", rate, progress.unit);
    if (progress.total > progress.done) {
      line += fmt::format(", {} left", describe_duration(static_cast<double>(progress.total - progress.done) / rate));
    }
  }
  if (!progress.detail.empty()) line += " | " + progress.detail;
  return line;
}

ProgressLine::ProgressLine() : terminal_(is_terminal(stderr)), began_(Clock::now()) {}

ProgressLine::~ProgressLine() { clear(); }

base::OnProgress ProgressLine::on_progress() {
  return [this](const base::Progress& progress) {
    throw_if_interrupted();
    show(progress);
  };
}

void ProgressLine::show(const base::Progress& progress) {
  const auto now = Clock::now();
  const bool is_new = progress.what != what_;
  if (is_new) {
    what_ = progress.what;
    began_ = now;
  }
  const bool is_last = progress.total > 0 && progress.done >= progress.total;
  const double since = std::chrono::duration<double>(now - printed_).count();
  if (!is_last && !(terminal_ && is_new) && since < (terminal_ ? kSecondsBetweenUpdates : kSecondsBetweenLines)) return;
  printed_ = now;
  const auto line = shown(describe_progress(progress, std::chrono::duration<double>(now - began_).count()));
  if (terminal_) {
    fmt::print(stderr, "\r\x1b[K{}", line);  // back to the line's start, wipe it
    on_screen_ = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (!on_screen_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  on_screen_ = false;
}

}  // namespace drover::cli
