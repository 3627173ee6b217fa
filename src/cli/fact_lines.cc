#include "cli/fact_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/terminal.h"

namespace drover::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kGroupedFrom = 100000;  // smaller numbers, and ids among them, read better as they are

std::string scalar(const Json& value) {
  if (value.is_null()) return "none";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_string()) return shown(value.get<std::string>());
  if (value.is_number_integer() && value.get<std::int64_t>() >= kGroupedFrom) return grouped(value.get<std::int64_t>());
  return value.dump();
}

bool is_flat(const Json& list) {
  return std::none_of(list.begin(), list.end(), [](const Json& value) { return value.is_structured(); });
}

/// "name: model.safetensors, bytes: 90,868,376".
std::string in_one_line(const Json& object) {
  std::string line;
  for (const auto& [key, value] : object.items()) line += fmt::format("{}{}: {}", line.empty() ? "" : ", ", key, scalar(value));
  return line;
}

}  // namespace

std::string grouped(std::int64_t number) {
  auto digits = fmt::format("{}", number);
  for (auto i = static_cast<std::int64_t>(digits.size()) - 3; i > (number < 0 ? 1 : 0); i -= 3) digits.insert(static_cast<std::size_t>(i), ",");
  return digits;
}

std::string fact_lines(const Json& facts) {
  std::string out;
  for (const auto& [key, value] : facts.items()) {
    out += fmt::format("{:<18} ", key + ":");
    if (value.is_array() && is_flat(value)) {
      std::string list;
      for (const auto& element : value) list += (list.empty() ? "" : ", ") + scalar(element);
      out += (list.empty() ? "none" : list) + "\n";
    } else if (value.is_array()) {
      out += "\n";
      for (const auto& element : value) out += "  " + in_one_line(element) + "\n";
    } else {
      out += (value.is_object() ? in_one_line(value) : scalar(value)) + "\n";
    }
  }
  return out;
}

}  // namespace drover::cli
