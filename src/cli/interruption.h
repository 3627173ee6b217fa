#pragma once

#include <exception>

namespace drover::cli {

/// Thrown where long work notices that SIGINT came, or SIGTERM where that is watched for. The program then ends with
/// `interruption_status`.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// From now on the first SIGINT only sets a flag, so that half-written files are removed by their destructors; a second one kills.
void watch_for_interruption();

/// The same for SIGTERM, which otherwise ends the program at once: for commands that have something to save.
void watch_for_termination();

bool was_interrupted();

/// 128 and the number of the signal that came, as shells count: 130 for SIGINT.
int interruption_status();

/// Throws Interrupted after such a signal. Long commands call it between pieces of work.
void throw_if_interrupted();

/// Forgets the SIGINT and watches for the next: a chat goes on after a reply was broken off.
void forget_interruption();

}  // namespace drover::cli
