#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"

namespace drover::cli {

/// The program under construction. Each command adds a subcommand that sets `chosen` when the command line names it.
struct Commands {
  CLI::App& program;
  std::function<base::ExitStatus()>& chosen;

  /// Adds a command. `act(options)` runs after the whole command line was read; `options` is where its flags put their values.
  /// `example` is a line that works as it stands.
  template <typename Options>
  CLI::App& add(const std::string& name, const std::string& description, const std::string& example,
                const std::shared_ptr<Options>& options, base::ExitStatus (*act)(const Options&)) const {
    CLI::App* command = program.add_subcommand(name, description);
    command->footer("example: " + example);
    command->callback([this_chosen = &chosen, options, act] { *this_chosen = [options, act] { return act(*options); }; });
    return *command;
  }
};

}  // namespace drover::cli
