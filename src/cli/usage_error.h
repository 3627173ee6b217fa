#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace drover::cli {

/// Throws UserError, with the nearest command, when the first word is no command. (The parser's own message does not name the word.)
void check_command_name(const CLI::App& program, int argc, const char* const* argv);

/// A command line that could not be read, as one sentence with the nearest option and where to read more.
std::string describe_usage_error(const CLI::App& program, const CLI::ParseError& error);

}  // namespace drover::cli
