#include "cli/interruption.h"

#include <csignal>

namespace drover::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;  // the signal

void note_interruption(int signal) { interrupted = signal; }

void watch_for(int signal) {
  struct sigaction action = {};
  action.sa_handler = note_interruption;
  // No SA_RESTART: a read from the terminal returns and its caller sees the flag. The handler counts once.
  action.sa_flags = SA_RESETHAND;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void watch_for_interruption() { watch_for(SIGINT); }

void watch_for_termination() { watch_for(SIGTERM); }

bool was_interrupted() { return interrupted != 0; }

int interruption_status() { return 128 + interrupted; }

void throw_if_interrupted() {
  if (was_interrupted()) throw Interrupted();
}

void forget_interruption() {
  interrupted = 0;
  watch_for_interruption();
}

}  // namespace drover::cli
