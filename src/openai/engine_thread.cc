#include "openai/engine_thread.h"

#include <exception>
#include <utility>

namespace drover::openai {

EngineThread::EngineThread(std::shared_ptr<engine::PagedModel> model, const engine::EngineOptions& options, Turns& turns)
    : turns_(turns), engine_(std::move(model), options), thread_([this] { run(); }) {}

EngineThread::~EngineThread() {
  stopping_ = true;
  engine_.wake();
  thread_.join();
}

std::string EngineThread::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

bool EngineThread::step() {
  const std::lock_guard turn(turns_);
  return engine_.step();
}

void EngineThread::run() {
  try {
    while (!stopping_) {
      if (!step()) engine_.wait_for_work();
    }
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    failure_ = error.what();
  }
}

}  // namespace drover::openai
