#pragma once

namespace drover::cli {

/// The whole program: reads the command line, runs the chosen command and returns the exit status (base::ExitStatus; 130 after
/// SIGINT). Every error ends here, as one sentence on standard error.
int run_program(int argc, char** argv);

}  // namespace drover::cli
