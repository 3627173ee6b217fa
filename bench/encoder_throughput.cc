// Times drover's sentence encoder on a file of texts, one JSON string a line, as bench/compare times its peer.
//
// usage: encoder_throughput MODEL TEXTS [THREADS] [VECTORS] [f32|bf16]
// Prints one JSON line. `seconds`: each text cut to the encoder's window, as sentence-transformers cuts it; `whole_seconds`: texts in windows
// whose vectors are averaged, as `drover curate` takes dialogs. Two passes each, the fastest counts. VECTORS: a file for the vectors of the
// first, float32.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "curate/dialog_vectors.h"
#include "model/encoder.h"
#include "model/threads.h"

namespace {

using namespace drover;

double best_seconds(const std::function<void()>& work) {
  double best = 1e30;
  for (int pass = 0; pass < 2; ++pass) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

int measure(int argc, char** argv) {
  if (argc < 3 || argc > 6) throw base::UserError("usage: {} MODEL TEXTS [THREADS] [VECTORS] [f32|bf16]", argv[0]);
  model::use_threads(argc > 3 ? std::atoi(argv[3]) : 1);
  const auto encoder = model::Encoder::load(
      argv[1], {.compute_type = argc > 5 && std::string_view(argv[5]) == "bf16" ? model::ComputeType::kBFloat16 : model::ComputeType::kFloat32});
  std::vector<std::string> texts;
  base::for_each_line(argv[2], [&](std::int64_t, std::string_view line) { texts.push_back(nlohmann::json::parse(line).get<std::string>()); });
  std::vector<std::vector<float>> vectors;
  const double seconds = best_seconds([&] { vectors = encoder->embed(texts); });
  const double whole_seconds = best_seconds([&] { curate::embed_long_texts(texts, *encoder); });
  if (argc > 4) {
    std::ofstream out(argv[4], std::ios::binary);
    for (const auto& vector : vectors) out.write(reinterpret_cast<const char*>(vector.data()), static_cast<std::streamsize>(vector.size() * sizeof(float)));
  }
  fmt::print("{{\"texts\": {}, \"seconds\": {:.4f}, \"whole_seconds\": {:.4f}}}\n", texts.size(), seconds, whole_seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return measure(argc, argv);
  } catch (const drover::base::Error& error) {
    fmt::print(stderr, "encoder_throughput: {}\n", error.what());
    return static_cast<int>(error.exit_status());
  }
}
