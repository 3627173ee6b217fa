// Times drover's tokenizer on a text file, one document a line, as bench/compare times its peer.
//
// usage: tokenizer_throughput MODEL TEXT_FILE [THREADS]
// Prints one JSON line: documents, MB, tokens, seconds, MB_per_s. Three passes, the fastest counts. THREADS is 1 unless
// given.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "text/encode_batch.h"
#include "text/load_tokenizer.h"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', begin)) {
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  lines.push_back(text.substr(begin));
  return lines;
}

int read_threads(int argc, char** argv) {
  if (argc < 4) return 1;
  int threads = 0;
  const auto [after, error] = std::from_chars(argv[3], argv[3] + std::strlen(argv[3]), threads);
  if (error != std::errc() || *after != '\0' || threads < 1) {
    throw drover::base::UserError("THREADS is '{}'; it must be a whole number from 1.", argv[3]);
  }
  return threads;
}

int measure(int argc, char** argv) {
  if (argc < 3 || argc > 4) throw drover::base::UserError("usage: {} MODEL TEXT_FILE [THREADS]", argv[0]);
  const int threads = read_threads(argc, argv);
  const Clock::time_point load_start = Clock::now();
  const auto tokenizer = drover::text::load_tokenizer(argv[1]);
  const double load_seconds = seconds_since(load_start);
  const drover::base::MappedFile file(argv[2]);
  const std::vector<std::string_view> documents = lines_of(file.text());
  std::size_t bytes = 0;
  for (const std::string_view document : documents) bytes += document.size();

  drover::base::ThreadPool pool(threads);
  double fastest = std::numeric_limits<double>::max();
  std::size_t tokens = 0;
  for (int pass = 0; pass < 3; ++pass) {
    const Clock::time_point start = Clock::now();
    const auto encoded = drover::text::encode_batch(*tokenizer, documents, {}, pool);
    fastest = std::min(fastest, seconds_since(start));
    tokens = 0;
    for (const auto& ids : encoded) tokens += ids.size();
  }
  const double megabytes = static_cast<double>(bytes) / 1e6;
  fmt::print(
      "{{\"peer\": \"drover\", \"threads\": {}, \"documents\": {}, \"MB\": {:.2f}, \"tokens\": {}, \"seconds\": "
      "{:.3f}, "
      "\"MB_per_s\": {:.2f}, \"load_seconds\": {:.3f}}}\n",
      threads, documents.size(), megabytes, tokens, fastest, megabytes / fastest, load_seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return measure(argc, argv);
  } catch (const drover::base::Error& error) {
    fmt::print(stderr, "tokenizer_throughput: {}\n", error.what());
    return static_cast<int>(error.exit_status());
  }
}
