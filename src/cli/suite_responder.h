#pragma once

#include <memory>
#include <string>

#include "generate/generator.h"

namespace drover::cli {

/// What a model of `drover evaluate` is loaded with.
struct ResponderOptions {
  std::string format, dtype = "bf16", device = "cpu", weights = "as-given";
  double memory_gib = 2.0;
  std::string key_variable;  ///< environment variable with the servers' key
  std::int64_t max_in_flight = 16;
};

/// A model that answers suites: MODEL is a folder, a GGUF file, a short name, or the URL of a server that speaks OpenAI's protocol
/// ("http://127.0.0.1:8080/v1", or ".../v1#name" for one of its models).
std::unique_ptr<generate::Generator> make_responder(const std::string& model, const ResponderOptions& options);

}  // namespace drover::cli
