#include "rounds/synthesis.h"

#include <algorithm>
#include <iomanip>
#include <numeric>
#include <sstream>
#include <vector>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/file.h"
#include "base/random_stream.h"
#include "chat/assistant_turn.h"
#include "chat/dialog_file.h"
#include "evaluate/recorded_replies.h"
#include "rounds/outside_command.h"

namespace drover::rounds {
namespace {

std::vector<SyntheticSource> sources_of(const Recipe& recipe, std::int64_t round) {
  std::vector<SyntheticSource> sources;
  for (const auto& source : recipe.synthetic) {
    if (round >= source.from_round) sources.push_back(source);
  }
  return sources;
}

// Throws UserError with file and line unless each dialog ends with an answer.
chat::DialogFile read_answered_dialogs(const std::filesystem::path& path) {
  auto file = chat::read_dialog_file(path);
  for (std::size_t row = 0; row < file.dialogs.size(); ++row) {
    if (!chat::final_assistant_turn(file.dialogs[row]).empty()) continue;
    throw base::UserError("{}, line {}: the dialog has no answer of the assistant at its end, so nothing could be "
                          "learned from it.",
                          path.string(), file.lines[row]);
  }
  return file;
}

// Why a file's dialogs cannot be learned from; empty when they can.
std::string fault_in(const std::filesystem::path& path) {
  try {
    read_answered_dialogs(path);
    return {};
  } catch (const base::UserError& error) {
    return error.what();
  }
}

// What the command of a source has written for this stage. Kept, so that a resumed stage reads the same dialogs.
std::filesystem::path written_by_command(Workspace& work, const std::string& stage, const SyntheticSource& source,
                                         std::int64_t round, std::span<const ledger::PromptId> prompts) {
  const auto folder = work.home / "synthetic";
  std::filesystem::create_directories(folder);
  const auto output = folder / fmt::format("{}-{}.jsonl", source.name, stage.substr(0, 8));
  if (std::filesystem::exists(output) && fault_in(output).empty()) return output;
  const auto input = folder / fmt::format("{}-{}-prompts.jsonl", source.name, stage.substr(0, 8));
  std::vector<chat::Dialog> dialogs;
  for (const auto id : prompts) dialogs.push_back(work.ledger.find(id)->dialog);
  chat::write_dialog_file(input, dialogs);
  const std::filesystem::path unchecked = output.string() + ".unchecked";
  run_outside_command({.command = source.command,
                       .folder = work.recipe.file.parent_path(),
                       .input = input,
                       .output = unchecked,
                       .environment = {{"DROVER_ROUND", std::to_string(round)},
                                       {"DROVER_SEED", std::to_string(work.seed(stage))}}});
  // What cannot be used stays where a person can look at it and the next run does not.
  if (const auto fault = fault_in(unchecked); !fault.empty()) {
    throw base::UserError("The command of [synthetic.{}] wrote what cannot be used: {} The next run asks it again.", source.name, fault);
  }
  std::filesystem::rename(unchecked, output);
  return output;
}

// Hash of the files that a command names by words of their own, such as the script that it runs.
std::string hash_of_named_files(const Recipe& recipe, const std::string& command) {
  base::FieldHasher hasher;
  std::istringstream words(command);
  for (std::string word; words >> std::quoted(word, '\'');) {
    const auto path = recipe.resolve(word);
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error)) hasher.add(word).add(base::content_hash_of_file(path));
  }
  return hasher.finish().hex();
}

// `rows` of `count`, by the seed, in their order.
std::vector<std::size_t> chosen_rows(std::size_t count, std::int64_t rows, std::uint64_t seed) {
  std::vector<std::size_t> chosen(count);
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  if (rows == 0 || static_cast<std::size_t>(rows) >= count) return chosen;
  base::RandomStream(seed, "synthetic rows").shuffle(std::span<std::size_t>(chosen));
  chosen.resize(static_cast<std::size_t>(rows));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace

std::string hash_of_synthetic_files(const Workspace& work, std::int64_t round) {
  base::FieldHasher hasher;
  for (const auto& source : sources_of(work.recipe, round)) {
    hasher.add(source.name);
    if (!source.file.empty()) hasher.add(base::content_hash_of_file(work.recipe.resolve(source.file)));
    if (!source.command.empty()) hasher.add(hash_of_named_files(work.recipe, source.command));
  }
  return hasher.finish().hex();
}

FactSet add_synthetic_dialogs(Workspace& work, const std::string& stage, std::int64_t round,
                              std::span<const ledger::PromptId> prompts) {
  FactSet facts{.stage = stage, .count = 0, .content = {}};
  base::FieldHasher content;
  for (const auto& source : sources_of(work.recipe, round)) {
    const auto path = source.command.empty() ? work.recipe.resolve(source.file)
                                             : written_by_command(work, stage, source, round, prompts);
    const auto file = read_answered_dialogs(path);
    ledger::Ledger::Batch batch(work.ledger);
    work.ledger.add(ledger::Source{.name = source.name, .licence = source.licence,
                                   .location = source.command.empty() ? source.file : "command " + source.command,
                                   .hash = base::content_hash_of_file(path).hex()});
    for (const auto row : chosen_rows(file.dialogs.size(), source.rows, work.seed(stage, round))) {
      auto dialog = file.dialogs[row];
      const auto turn = chat::final_assistant_turn(dialog);
      const auto begin = dialog.messages.begin() + static_cast<std::ptrdiff_t>(turn.begin);
      ledger::Generation generation;
      generation.reply.assign(begin, dialog.messages.end());
      dialog.messages.erase(begin, dialog.messages.end());
      generation.prompt = work.ledger.add(
          ledger::Prompt{.dialog = std::move(dialog),
                         .source = source.name,
                         .licence = source.licence,
                         .tags = {source.capability.empty() ? source.name : source.capability},
                         .difficulty = {},
                         .checker = {},
                         .expected = {}});
      generation.stage = stage;
      generation.sample = static_cast<std::int64_t>(row);
      generation.kind = ledger::GenerationKind::kSynthetic;
      generation.origin = source.name;
      const auto id = work.ledger.add(generation);
      work.ledger.add(ledger::Decision{.generation = id,
                                       .stage = stage,
                                       .rule = "synthetic",
                                       .is_kept = true,
                                       .reason = fmt::format("from {}, line {}", source.name, file.lines[row])});
      content.add(id.value()).add(evaluate::text_of(generation.reply));
      ++facts.count;
    }
    batch.commit();
  }
  facts.content = content.finish().hex();
  return facts;
}

}  // namespace drover::rounds
