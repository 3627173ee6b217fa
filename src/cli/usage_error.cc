#include "cli/usage_error.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/nearest_name.h"

namespace drover::cli {
namespace {

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string suggest(std::string_view name, const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  return base::suggestion(name, views);
}

/// The command that the line names, or the program itself.
const CLI::App& named_command(const CLI::App& program) {
  const auto commands = program.get_subcommands();
  return commands.empty() ? program : *commands.front();
}

std::string full_name(const CLI::App& program, const CLI::App& command) {
  return &program == &command ? program.get_name() : program.get_name() + " " + command.get_name();
}

}  // namespace

void check_command_name(const CLI::App& program, int argc, const char* const* argv) {
  if (argc < 2) throw base::UserError("Which command? drover --help lists them.");
  const std::string word = argv[1];
  if (word.empty() || word.front() == '-') return;
  std::vector<std::string> known;
  for (const CLI::App* command : program.get_subcommands({})) {
    if (command->get_name() == word) return;
    known.push_back(command->get_name());
  }
  throw base::UserError("'{}' is not a command{}. drover --help lists them.", word, suggest(word, known));
}

std::string describe_usage_error(const CLI::App& program, const CLI::ParseError& error) {
  const CLI::App& command = named_command(program);
  const std::string name = full_name(program, command);
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const auto extras = program.remaining(true);
    const std::string extra = extras.empty() ? std::string() : extras.front();
    if (extra.starts_with("-")) {
      const auto bare = extra.substr(0, extra.find('='));
      return fmt::format("'{}' is not an option of {}{}. {} --help lists them.", bare, name, suggest(bare, option_names(command)), name);
    }
    return fmt::format("{} has no use for '{}'. {} --help says what it takes.", name, extra, name);
  }
  return fmt::format("{}: {}. {} --help says what it takes.", name, error.what(), name);
}

}  // namespace drover::cli
