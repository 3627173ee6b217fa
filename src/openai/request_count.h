#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "openai/metrics.h"

namespace drover::openai {

/// One request, counted when the last who holds this lets it go: a streamed answer at its end.
class RequestCount {
 public:
  RequestCount(Metrics& metrics, std::string path) : metrics_(metrics), path_(std::move(path)) {}
  ~RequestCount() {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began_;
    metrics_.count_request(path_, model, status, passed.count());
  }
  RequestCount(const RequestCount&) = delete;
  RequestCount& operator=(const RequestCount&) = delete;

  std::string model;  ///< empty while none is known
  int status = 200;

 private:
  Metrics& metrics_;
  std::string path_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace drover::openai
