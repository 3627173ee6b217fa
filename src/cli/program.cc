#include "cli/program.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "cli/usage_error.h"
#include "cli/version.h"

namespace drover::cli {
namespace {

int report(base::ExitStatus status, std::string_view message) {
  std::fflush(stdout);
  fmt::print(stderr, "drover: {}\n", message);
  return static_cast<int>(status);
}

/// Libraries report lack of memory in exceptions of their own types, which only their text tells apart.
bool is_about_memory(std::string_view message) {
  return message.find("out of memory") != std::string_view::npos || message.find("can't allocate memory") != std::string_view::npos;
}

int report_stranger(const std::exception& error) {
  const std::string_view message = error.what();
  const auto first_line = message.substr(0, message.find('\n'));
  if (is_about_memory(message)) return report(base::ExitStatus::kSurroundings, fmt::format("There is not enough memory: {}", first_line));
  return report(base::ExitStatus::kOurFault, fmt::format("This is a fault in drover, please report it: {}", first_line));
}

/// What commands wrote through either library.
void flush_all_output() {
  flush_output();
  if (!std::cout.flush()) throw base::SurroundingsError("Standard output could not be written: {}.", std::strerror(errno));
}

int run(CLI::App& program, int argc, char** argv) {
  std::function<base::ExitStatus()> chosen;
  add_all_commands({program, chosen});
  try {
    check_command_name(program, argc, argv);
    program.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help, --version
    program.exit(request);
    flush_all_output();
    return 0;
  } catch (const CLI::ParseError& error) {
    return report(base::ExitStatus::kUserInput, describe_usage_error(program, error));
  }
  const auto status = chosen();
  flush_all_output();
  throw_if_interrupted();
  return static_cast<int>(status);
}

}  // namespace

int run_program(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // `drover ... | head` ends in silence, also below a parent that ignores the signal
  std::signal(SIGXFSZ, SIG_IGN);  // a file that reaches a limit of its size is a write that fails, and gets a sentence
  watch_for_interruption();
  CLI::App program("drover post-trains language models of the Llama family in rounds: reward model, rejection sampling, SFT, DPO, averaging.",
                   "drover");
  program.set_version_flag("--version", std::string(version()));
  program.require_subcommand(1);
  program.footer("Each command explains itself: drover COMMAND --help");
  try {
    return run(program, argc, argv);
  } catch (const Interrupted&) {
    return interruption_status();
  } catch (const base::Error& error) {
    // A read that a signal broke off looks like a short file.
    return was_interrupted() ? interruption_status() : report(error.exit_status(), error.what());
  } catch (const std::bad_alloc&) {
    return report(base::ExitStatus::kSurroundings, "There is not enough memory for this.");
  } catch (const std::system_error& error) {
    return report(base::ExitStatus::kSurroundings, error.what());
  } catch (const std::exception& error) {
    return report_stranger(error);
  }
}

}  // namespace drover::cli
