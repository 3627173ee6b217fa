#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace drover::rounds {

/// A step of a recipe that is another program, in any language.
struct OutsideCommand {
  std::string command;                             ///< for /bin/sh
  std::filesystem::path folder;                    ///< where it runs
  std::filesystem::path input;                     ///< file that becomes its standard input
  std::filesystem::path output;                    ///< file that its standard output becomes, whole or not at all
  std::map<std::string, std::string> environment;  ///< beside the caller's own
};

/// Runs it and waits. Its standard error is the caller's. Throws UserError when it ends with another status than 0 or by
/// a signal, and SurroundingsError when it cannot be started.
void run_outside_command(const OutsideCommand& command);

}  // namespace drover::rounds
