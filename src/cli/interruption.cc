#include "cli/interruption.h"

#include <csignal>

namespace drover::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void note_interruption(int) { interrupted = 1; }

}  // namespace

void watch_for_interruption() {
  struct sigaction action = {};
  action.sa_handler = note_interruption;
  // No SA_RESTART: a read from the terminal returns and its caller sees the flag. The handler counts once.
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
}

bool was_interrupted() { return interrupted != 0; }

void throw_if_interrupted() {
  if (was_interrupted()) throw Interrupted();
}

void forget_interruption() {
  interrupted = 0;
  watch_for_interruption();
}

}  // namespace drover::cli
