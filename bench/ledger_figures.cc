// Writes samples (a prompt with its message, a reply with its message, 64 ids and log-probabilities, and a score) into a
// ledger and prints what that and reading cost. `ledger_figures FOLDER [SAMPLES]`.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random_stream.h"
#include "ledger/group_writer.h"
#include "ledger/ledger.h"
#include "report/trace.h"

namespace {

using namespace drover;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kFactsPerSample = 4;  // rows: prompt, its message, reply, score
constexpr std::size_t kSamplesPerBatch = 50'000;

struct Sample {
  ledger::Prompt prompt;
  ledger::Generation generation;
  ledger::Score score;
};

Sample make_sample(std::int64_t number) {
  base::RandomStream random(1, "sample", static_cast<std::uint64_t>(number));
  Sample sample;
  sample.prompt.dialog.messages.push_back(
      {.sender = chat::Sender::kUser,
       .content = fmt::format("Question {}: how much is {} times {}, and why?", number, random.below(1000), number)});
  sample.prompt.source = "arithmetic";
  sample.prompt.licence = "CC0-1.0";
  sample.prompt.tags = {"maths"};
  auto& reply = sample.generation;
  reply.stage = "0123456789abcdef0123456789abcdef";
  reply.model = "fedcba9876543210fedcba9876543210";
  reply.tokenizer = "00112233445566778899aabbccddeeff";
  reply.options = R"({"temperature":0.8,"top_p":0.95,"max_tokens":64})";
  std::string words;
  for (int i = 0; i < 64; ++i) {
    reply.ids.push_back(text::TokenId{static_cast<std::int32_t>(random.below(128'000))});
    reply.log_probs.push_back(-3.0F * static_cast<float>(random.uniform()));
    words += "word ";  // five bytes a token
  }
  reply.reply.push_back({.sender = chat::Sender::kAssistant, .content = words + std::to_string(number)});
  sample.score = {.generation = {}, .stage = reply.stage, .scorer = "reward-hash", .value = random.uniform()};
  return sample;
}

ledger::GenerationId add(ledger::Ledger& ledger, Sample& sample) {
  sample.generation.prompt = ledger.add(sample.prompt);
  sample.score.generation = ledger.add(sample.generation);
  ledger.add(sample.score);
  return sample.score.generation;
}

double seconds_since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

void print_rate(const char* what, std::int64_t samples, double seconds) {
  fmt::print("{:<44} {:>9.0f} samples/s  {:>9.0f} inserts/s  ({} samples, {:.1f} s)\n", what,
             static_cast<double>(samples) / seconds, static_cast<double>(samples * kFactsPerSample) / seconds, samples,
             seconds);
}

std::vector<ledger::GenerationId> write_in_batches(const std::filesystem::path& file, std::int64_t samples) {
  ledger::Ledger ledger(file, ledger::Ledger::OpenMode::kCreate);
  std::vector<ledger::GenerationId> ids;
  double seconds = 0;
  double busy = 0;
  while (static_cast<std::int64_t>(ids.size()) < samples) {
    std::vector<Sample> some;
    const auto first = static_cast<std::int64_t>(ids.size());
    for (auto i = first; i < samples && some.size() < kSamplesPerBatch; ++i) some.push_back(make_sample(i));
    const auto begun = Clock::now();
    const auto busy_before = std::clock();
    ledger::Ledger::Batch batch(ledger);
    for (auto& sample : some) ids.push_back(add(ledger, sample));
    batch.commit();
    seconds += seconds_since(begun);
    busy += static_cast<double>(std::clock() - busy_before) / CLOCKS_PER_SEC;
  }
  print_rate(fmt::format("batches of {}", kSamplesPerBatch).c_str(), samples, seconds);
  print_rate("the same by the processor's time", samples, busy);
  return ids;
}

// Into a ledger that holds the samples above already.
void write_in_groups(const std::filesystem::path& file, std::int64_t first, std::int64_t samples) {
  std::vector<Sample> some;
  for (std::int64_t i = 0; i < samples; ++i) some.push_back(make_sample(first + i));
  std::vector<Clock::time_point> submitted(some.size());
  ledger::GroupWriter writer(file);
  double slowest = 0;
  std::size_t told = 0;
  const auto take = [&] {
    const auto done = static_cast<std::size_t>(writer.acknowledged());
    for (; told < done; ++told) slowest = std::max(slowest, seconds_since(submitted[told]));
  };
  const auto begun = Clock::now();
  for (std::size_t i = 0; i < some.size(); ++i) {
    submitted[i] = Clock::now();
    writer.submit([&sample = some[i]](ledger::Ledger& ledger) { add(ledger, sample); });
    take();
  }
  writer.flush();
  take();
  print_rate("groups, each acknowledged when on disk", samples, seconds_since(begun));
  fmt::print("{:<44} {:>9.0f} ms\n", "slowest acknowledgement", 1000 * slowest);
}

void read_traces(const std::filesystem::path& file, const std::vector<ledger::GenerationId>& ids) {
  const ledger::Ledger ledger(file, ledger::Ledger::OpenMode::kReadOnly);
  std::vector<double> times;
  base::RandomStream random(2, "trace");
  for (int i = 0; i < 200; ++i) {
    const auto id = ids[random.below(ids.size())].hex();
    const auto begun = Clock::now();
    DROVER_CHECK(!report::describe_trace(ledger, id).empty(), "A trace is empty");
    times.push_back(1000 * seconds_since(begun));
  }
  std::sort(times.begin(), times.end());
  fmt::print("{:<44} {:>9.2f} ms median, {:.2f} ms slowest of {}\n", "trace of a sample", times[times.size() / 2],
             times.back(), times.size());
  const auto begun = Clock::now();
  const auto of_stage = ledger.generations_of("0123456789abcdef0123456789abcdef");
  fmt::print("{:<44} {:>9.2f} s for {} names\n", "all replies of the stage", seconds_since(begun), of_stage.size());
}

std::uintmax_t bytes_of(const std::filesystem::path& folder) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) bytes += entry.file_size();
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "ledger_figures FOLDER [SAMPLES]\n");
    return 1;
  }
  const std::filesystem::path folder(argv[1]);
  const std::int64_t samples = argc > 2 ? std::stoll(argv[2]) : 1'000'000;
  std::filesystem::create_directories(folder);
  const auto file = folder / "ledger.sqlite";
  std::filesystem::remove(file);
  const auto ids = write_in_batches(file, samples);
  fmt::print("{:<44} {:>9.0f} bytes\n", "a sample on disk",
             static_cast<double>(bytes_of(folder)) / static_cast<double>(samples));
  read_traces(file, ids);
  write_in_groups(file, samples, std::min<std::int64_t>(samples, 200'000));
  return 0;
}
