#include "train/step_log.h"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"

namespace drover::train {
namespace {

struct LoggedStep {
  std::int64_t step = 0;
  double loss = 0.0;
};

std::optional<LoggedStep> logged_step(const std::string& line) {
  if (!line.starts_with("{\"step\":")) return std::nullopt;
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("step") || !json.contains("loss")) return std::nullopt;
  if (!json["step"].is_number_integer() || !json["loss"].is_number()) return std::nullopt;
  return LoggedStep{json["step"].get<std::int64_t>(), json["loss"].get<double>()};
}

bool ends_within_a_line(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file || file.tellg() <= 0) return false;
  file.seekg(-1, std::ios::end);
  return file.get() != '\n';
}

/// Where the lines behind `step` begin, if it is the last of its run that stands there whole and has this loss.
std::optional<std::uint64_t> end_of_step(const std::filesystem::path& path, std::int64_t step, double loss) {
  std::ifstream file(path, std::ios::binary);
  std::optional<std::uint64_t> end;
  std::uint64_t at = 0;
  for (std::string line; std::getline(file, line);) {
    at += line.size() + 1;
    const bool is_cut = file.eof();  // a kill within the line
    const auto logged = is_cut ? std::nullopt : logged_step(line);
    if (logged && logged->step == step && logged->loss == loss) {
      end = at;
    } else if (!is_cut && !(logged && logged->step > step)) {
      end.reset();  // lines of another run follow
    }
  }
  return end;
}

}  // namespace

StepLog::StepLog(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code ignored;
  is_cut_ = std::filesystem::is_regular_file(path_, ignored) && ends_within_a_line(path_);
  errno = 0;
  stream_.open(path_, std::ios::binary | std::ios::app);
  if (!stream_) throw base::UserError("{} cannot be written: {}. Give --log another file.", path_.string(), std::strerror(errno));
}

void StepLog::go_on_after(std::int64_t step, double loss) {
  std::error_code fault;
  if (!std::filesystem::is_regular_file(path_, fault)) return;  // a pipe or a terminal
  const auto end = end_of_step(path_, step, loss);
  if (!end) return;
  std::filesystem::resize_file(path_, *end, fault);  // the stream writes at the end, wherever that is
  if (fault) throw base::SurroundingsError("{} cannot be shortened: {}.", path_.string(), fault.message());
  is_cut_ = false;
}

void StepLog::add(std::string_view line) {
  errno = 0;
  if (std::exchange(is_cut_, false)) stream_ << '\n';
  stream_ << line << std::flush;
  if (!stream_) throw base::SurroundingsError("{} cannot be written: {}.", path_.string(), std::strerror(errno));
}

}  // namespace drover::train
