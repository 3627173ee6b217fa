#include "rounds/imported_preferences.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/random_stream.h"
#include "chat/dialog_file.h"
#include "train/ranked_pairs.h"

namespace drover::rounds {
namespace {

// The rows of a round: the next `rows` of one shuffled list, or all of them in the first round.
std::vector<std::size_t> rows_of_round(std::size_t count, const PreferenceSource& source, std::int64_t round,
                                       std::uint64_t seed) {
  std::vector<std::size_t> rows(count);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  if (source.rows == 0) return round == source.from_round ? rows : std::vector<std::size_t>();
  base::RandomStream(seed, "imported preferences " + source.name).shuffle(std::span<std::size_t>(rows));
  const auto begin = std::min(count, static_cast<std::size_t>((round - source.from_round) * source.rows));
  const auto end = std::min(count, begin + static_cast<std::size_t>(source.rows));
  std::vector<std::size_t> chosen(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                                  rows.begin() + static_cast<std::ptrdiff_t>(end));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

/// Writes rows of one source.
class Import {
 public:
  Import(Workspace& work, const std::string& stage, const PreferenceSource& source, chat::RowShape shape)
      : work_(work), stage_(stage), source_(source), shape_(shape) {}

  ledger::ComparisonId add(const chat::PreferenceRow& row, std::int64_t line) {
    const auto prompt = work_.ledger.add(
        ledger::Prompt{.dialog = row.prompt,
                       .source = source_.name,
                       .licence = source_.licence,
                       .tags = {source_.capability.empty() ? source_.name : source_.capability},
                       .difficulty = {},
                       .checker = {},
                       .expected = {}});
    const auto reply = [&](std::size_t place) { return add_reply(prompt, row.responses[place], static_cast<std::int64_t>(place)); };
    ledger::Comparison comparison;
    comparison.prompt = prompt;
    comparison.stage = stage_;
    comparison.annotator = source_.name;
    comparison.reason = fmt::format("line {}", line);
    comparison.unit = row.prompt.messages.size() > 1 ? ledger::ComparisonUnit::kTurn : ledger::ComparisonUnit::kMessage;
    // Only TRL's shape knows edited responses, and there is no three-way row without a preference between the other two.
    const bool is_edited = shape_ == chat::RowShape::kChosenRejected && row.responses.size() == 3 && row.levels[1] != chat::PreferenceLevel::kNone;
    const std::size_t preferred = is_edited ? 1 : 0;
    if (is_edited) comparison.edited = reply(0);
    comparison.preferred = reply(preferred);
    comparison.other = reply(row.responses.size() - 1);
    comparison.level = train::level_between(row.levels, preferred, row.levels.size());
    return work_.ledger.add(comparison);
  }

 private:
  ledger::GenerationId add_reply(ledger::PromptId prompt, const std::vector<chat::Message>& reply, std::int64_t sample) {
    ledger::Generation generation;
    generation.prompt = prompt;
    generation.stage = stage_;
    generation.sample = sample;
    generation.reply = reply;
    generation.kind = ledger::GenerationKind::kImported;
    generation.origin = source_.name;
    return work_.ledger.add(generation);
  }

  Workspace& work_;
  const std::string& stage_;
  const PreferenceSource& source_;
  chat::RowShape shape_;
};

}  // namespace

std::string hash_of_preference_files(const Workspace& work, std::int64_t round) {
  base::FieldHasher hasher;
  for (const auto& source : work.recipe.preferences) {
    if (round >= source.from_round)
      hasher.add(source.name).add(base::content_hash_of_file(work.recipe.resolve(source.file)));
  }
  return hasher.finish().hex();
}

FactSet import_preferences(Workspace& work, const std::string& stage, std::int64_t round, const PromptPool& pool) {
  FactSet facts{.stage = stage, .count = 0, .content = {}};
  base::FieldHasher content;
  const auto decontaminator = pool.decontaminator(work.recipe.curate.leak_window_words);
  for (const auto& source : work.recipe.preferences) {
    if (round < source.from_round) continue;
    const auto path = work.recipe.resolve(source.file);
    const auto file = chat::read_preference_file(path, {.unstated_level = *chat::preference_level_of(source.level)});
    ledger::Ledger::Batch batch(work.ledger);
    work.ledger.add(ledger::Source{.name = source.name,
                                   .licence = source.licence,
                                   .location = source.file,
                                   .hash = base::content_hash_of_file(path).hex()});
    Import import(work, stage, source, file.report.shape);
    std::int64_t num_leaked = 0;
    for (const auto row : rows_of_round(file.rows.size(), source, round, work.recipe.seed)) {
      if (decontaminator.leak_in(file.rows[row].prompt)) {
        ++num_leaked;
        continue;
      }
      content.add(import.add(file.rows[row], file.lines[row]).value());
      ++facts.count;
    }
    work.ledger.add(ledger::Metric{.stage = stage,
                                   .name = "leaked rows",
                                   .subject = "preferences." + source.name,
                                   .step = 0,
                                   .value = static_cast<double>(num_leaked),
                                   .low = {},
                                   .high = {}});
    batch.commit();
  }
  facts.content = content.finish().hex();
  return facts;
}

}  // namespace drover::rounds
