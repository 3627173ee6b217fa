#define TOML_EXCEPTIONS 1
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest_name.h"
#include "cli/train_arguments.h"

namespace drover::cli {
namespace {

/// A value as it would stand on the command line.
std::vector<std::string> spelled(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return {*text};
  if (const auto whole = node.value_exact<std::int64_t>()) return {fmt::format("{}", *whole)};
  if (const auto number = node.value_exact<double>()) return {fmt::format("{}", *number)};
  if (const auto truth = node.value_exact<bool>()) return {*truth ? "true" : "false"};
  std::vector<std::string> all;
  if (const auto* list = node.as_array()) {
    for (const auto& entry : *list) {
      if (entry.is_array()) return {};
      for (auto& text : spelled(entry)) all.push_back(std::move(text));
    }
  }
  return all;
}

/// "rows-per-step" for the option "--rows-per-step"; empty for positionals.
std::vector<std::string> long_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) {
      if (name != "help" && name != "config") names.push_back(name);
    }
  }
  return names;
}

toml::table read_table(const std::string& file) {
  try {
    return toml::parse(base::read_file(file, std::uint64_t{1} << 20), file);
  } catch (const toml::parse_error& error) {
    throw base::UserError("{}, line {}: {}.", file, error.source().begin.line, error.description());
  }
}

}  // namespace

void apply_config(const TrainArguments& arguments) {
  if (arguments.config.empty()) return;
  const auto table = read_table(arguments.config);
  const auto names = long_names(*arguments.command);
  const std::vector<std::string_view> known(names.begin(), names.end());
  for (const auto& [key, node] : table) {
    std::string name(key.str());
    for (char& letter : name) letter = letter == '_' ? '-' : letter;
    const auto where = fmt::format("{}, line {}", arguments.config, key.source().begin.line);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw base::UserError("{}: '{}' is not an option of drover train{}.", where, key.str(), base::suggestion(name, known));
    }
    auto* option = arguments.command->get_option_no_throw("--" + name);
    if (option->count() > 0) continue;  // the command line wins
    const auto values = spelled(node);
    if (values.empty()) throw base::UserError("{}: {} must be a plain value or a list of them.", where, key.str());
    try {
      for (const auto& value : values) option->add_result(value);
      option->run_callback();
    } catch (const CLI::ParseError& error) {
      throw base::UserError("{}: {}.", where, error.what());
    }
  }
}

}  // namespace drover::cli
