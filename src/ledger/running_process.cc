#include "ledger/running_process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <fstream>
#include <iterator>

namespace drover::ledger {
namespace {

std::string host() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("unknown");
}

// Field 22 of /proc/PID/stat, in clock ticks since the machine started; empty when there is no such process, or only its
// exit status is left (state Z).
std::string started(long process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto at = text.rfind(')');  // the program's name before it may hold spaces
  if (at == std::string::npos) return {};
  if (at != std::string::npos && text.compare(at, 3, ") Z") == 0) return {};
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at == std::string::npos) return {};
  return text.substr(at + 1, text.find(' ', at + 1) - at - 1);
}

}  // namespace

std::string this_process() {
  const auto number = static_cast<long>(getpid());
  return fmt::format("{} {} {}", number, started(number), host());
}

bool is_running(std::string_view process) {
  long number = 0;
  const auto end = std::from_chars(process.data(), process.data() + process.size(), number).ptr;
  if (number <= 0 || end == process.data()) return false;
  const auto start = started(number);
  return !start.empty() && process == fmt::format("{} {} {}", number, start, host());
}

}  // namespace drover::ledger
