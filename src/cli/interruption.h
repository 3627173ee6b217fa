#pragma once

#include <exception>

namespace drover::cli {

/// Thrown where long work notices that SIGINT came. The program then ends with status 130.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// From now on the first SIGINT only sets a flag, so that half-written files are removed by their destructors; a second one kills.
void watch_for_interruption();

bool was_interrupted();

/// Throws Interrupted after SIGINT. Long commands call it between pieces of work.
void throw_if_interrupted();

/// Forgets the SIGINT and watches for the next: a chat goes on after a reply was broken off.
void forget_interruption();

}  // namespace drover::cli
