#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/engine.h"
#include "openai/turns.h"

namespace drover::openai {

/// An engine and the one thread that steps it. Requests are submitted and cancelled from any thread.
class EngineThread {
 public:
  /// `turns`, which must outlive it, says when it may compute.
  EngineThread(std::shared_ptr<engine::PagedModel> model, const engine::EngineOptions& options, Turns& turns);
  /// Stops after the step at hand; requests that are under way get no end.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  engine::Engine& engine() { return engine_; }
  const engine::Engine& engine() const { return engine_; }

  /// Why the thread does not run any more, which is a fault of drover's; empty while it runs.
  std::string failure() const;

 private:
  void run();
  bool step();

  Turns& turns_;
  engine::Engine engine_;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::string failure_;
  std::thread thread_;
};

}  // namespace drover::openai
