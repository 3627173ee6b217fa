// How fast the cleaning rules read replies; the goal is 200 MB/s on a core.
#include <benchmark/benchmark.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/random_stream.h"
#include "curate/cleaning.h"

namespace drover::curate {
namespace {

/// 20 MB of replies of about 1,400 bytes: sentences of words of one to nine letters, some with marks.
std::vector<chat::Dialog> replies_of_20_megabytes() {
  base::RandomStream random(1, "replies");
  std::vector<std::string> words;
  for (int i = 0; i < 4000; ++i) {
    std::string word;
    for (std::uint64_t letters = 1 + random.below(9); letters > 0; --letters)
      word += static_cast<char>('a' + random.below(26));
    words.push_back(word);
  }
  std::vector<chat::Dialog> dialogs;
  for (std::size_t bytes = 0; bytes < 20'000'000;) {
    std::string reply;
    while (reply.size() < 1400) {
      for (std::uint64_t count = 4 + random.below(20); count > 0; --count)
        reply += words[random.below(words.size())] + " ";
      reply.back() = random.below(50) == 0 ? '!' : '.';
      reply += random.below(5) == 0 ? "\n" : " ";
      if (random.below(100) == 0) reply += "\U0001F600 ";
    }
    bytes += reply.size();
    chat::Dialog dialog;
    dialog.messages = {{.sender = chat::Sender::kUser, .content = "Say something."},
                       {.sender = chat::Sender::kAssistant, .content = std::move(reply)}};
    dialogs.push_back(std::move(dialog));
  }
  return dialogs;
}

void clean_20_megabytes_of_replies(benchmark::State& state) {
  const auto dialogs = replies_of_20_megabytes();
  std::int64_t bytes = 0;
  for (const auto& dialog : dialogs) bytes += static_cast<std::int64_t>(dialog.messages.back().content.size());
  for (auto _ : state) {
    state.PauseTiming();
    auto copy = dialogs;
    state.ResumeTiming();
    const auto cleaning = clean(copy, {}, {});
    if (kept_rows(cleaning.decisions).size() != dialogs.size())
      state.SkipWithError("a rule dropped what it should not");
  }
  state.SetBytesProcessed(state.iterations() * bytes);
}
BENCHMARK(clean_20_megabytes_of_replies)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace drover::curate
