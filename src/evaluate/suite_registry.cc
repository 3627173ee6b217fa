#include "evaluate/suite_registry.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "base/nearest_name.h"
#include "evaluate/suite_prompts.h"
#include "evaluate/suite_sets.h"

namespace drover::evaluate {
namespace {

constexpr std::array<KnownSuite, 10> kSuites = {{
    {"gsm8k", "gsm8k", "maths", "grade-school problems, worked step by step; the last number counts", "openai/grade-school-math, a tenth of the train split", "MIT", 320, true},
    {"ifeval", "ifeval", "instruction_following", "prompts with instructions that a program checks; strict and loose", "google-research instruction_following_eval", "Apache-2.0", 512, true},
    {"bfcl", "bfcl", "tool_use", "function calls, checked as syntax trees", "ShishirPatil/gorilla, berkeley-function-call-leaderboard", "Apache-2.0", 192, true},
    {"mmlu", "mmlu", "knowledge", "exam questions in 57 subjects; the letter counts", "hendrycks/test, validation split", "MIT", 16, true},
    {"arithmetic", "arithmetic", "maths", "sums, differences and products of whole numbers", "mosaicml/llm-foundry, simple_arithmetic", "Apache-2.0", 24, true},
    {"svamp", "svamp", "maths", "one-step word problems; the last number counts", "arkilpatel/SVAMP", "MIT", 200, true},
    {"triviaqa", "triviaqa", "factuality", "trivia; the answer or one of its other names", "mandarjoshi90/triviaqa, by way of mosaicml/llm-foundry", "Apache-2.0", 24, true},
    {"aqua", "aqua", "maths", "multiple choice with five options; the letter counts", "google-deepmind/AQuA", "Apache-2.0", 16, true},
    {"arc", "arc", "knowledge", "science exam questions; the letter counts", "allenai ARC, by way of mosaicml/llm-foundry", "CC BY-SA 4.0", 16, false},
    {"nq_open", "nq_open", "factuality", "real search questions; the answer or another form of it", "google-research-datasets/natural-questions, nq_open", "CC BY-SA 3.0", 24, false},
}};

using Reader = Prompts (*)(const std::filesystem::path&);

Reader reader_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Reader>, 10> kReaders = {{{"gsm8k", gsm8k_prompts},
                                                                            {"ifeval", ifeval_prompts},
                                                                            {"bfcl", bfcl_prompts},
                                                                            {"mmlu", mmlu_prompts},
                                                                            {"arithmetic", arithmetic_prompts},
                                                                            {"svamp", svamp_prompts},
                                                                            {"triviaqa", triviaqa_prompts},
                                                                            {"aqua", aqua_prompts},
                                                                            {"arc", arc_prompts},
                                                                            {"nq_open", nq_open_prompts}}};
  for (const auto& [known, reader] : kReaders) {
    if (known == name) return reader;
  }
  DROVER_CHECK(false, "The suite '{}' has no reader", name);
}

void name_source(Prompts& prompts, const KnownSuite& suite) {
  for (auto& prompt : prompts) {
    prompt.source = suite.source;
    prompt.licence = suite.licence;
  }
}

// Sets repeat a few questions; the first one counts.
Prompts without_repeats(Prompts prompts) {
  std::set<ledger::PromptId> seen;
  std::erase_if(prompts, [&](const auto& prompt) { return !seen.insert(id_of_question(prompt)).second; });
  return prompts;
}

Suite suite_of_files(const std::filesystem::path& path) {
  Suite suite{path.stem().string(), {}};
  if (!std::filesystem::is_directory(path)) {
    suite.prompts = read_suite_prompts(path, path.filename().string(), "");
  } else {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      for (auto& prompt : read_suite_prompts(file, file.filename().string(), ""))
        suite.prompts.push_back(std::move(prompt));
    }
    if (suite.prompts.empty()) throw base::UserError("The folder {} holds no .jsonl files of prompts.", path.string());
    suite.prompts = without_repeats(std::move(suite.prompts));
  }
  return suite;
}

}  // namespace

std::span<const KnownSuite> known_suites() { return kSuites; }

const KnownSuite& known_suite(std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto& suite : kSuites) {
    if (suite.name == name) return suite;
    names.push_back(suite.name);
  }
  throw base::UserError("There is no suite, file or folder '{}'{}. drover evaluate --list shows the suites.", name, base::suggestion(name, names));
}

std::filesystem::path default_data_folder() {
  if (const char* given = std::getenv("DROVER_DATA"); given != nullptr && *given != '\0') return given;
  std::error_code ignored;
  auto folder = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  for (; !folder.empty(); folder = folder.parent_path()) {
    for (const char* place : {"share/drover/suites", "data/suites"}) {
      if (std::filesystem::exists(folder / place / "README.md", ignored)) return folder / place;
    }
    if (folder == folder.root_path()) break;
  }
  throw base::UserError("The suites that ship with drover were not found beside the program. Name a data folder with --data or DROVER_DATA.");
}

Suite load_suite(const std::string& name, const std::filesystem::path& data_folder) {
  const bool is_known = std::any_of(kSuites.begin(), kSuites.end(), [&](const auto& suite) { return suite.name == name; });
  if (!is_known && std::filesystem::exists(name)) return suite_of_files(name);
  const auto& known = known_suite(name);
  const auto folder = data_folder / known.folder;
  if (!std::filesystem::is_directory(folder)) {
    throw base::UserError("The suite {} needs the folder {}, which is not there.{} Name the folder that holds it with --data or DROVER_DATA.", name, folder.string(),
                          known.ships ? "" : fmt::format(" It does not ship with drover (its licence is {}).", known.licence));
  }
  Suite suite{std::string(name), without_repeats(reader_of(name)(folder))};
  if (suite.prompts.empty()) throw base::UserError("{} holds no prompts for the suite {}.", folder.string(), name);
  name_source(suite.prompts, known);
  return suite;
}

std::vector<ledger::Prompt> training_prompts(const std::string& suite, const std::filesystem::path& data_folder) {
  if (suite != "gsm8k") throw base::UserError("The suite '{}' has no training side; gsm8k has.", suite);
  const auto& known = known_suite(suite);
  auto prompts = without_repeats(gsm8k_training_prompts(data_folder / known.folder));
  for (auto& prompt : prompts) {
    prompt.source = "openai/grade-school-math, train split without the suite's tenth";
    prompt.licence = known.licence;
  }
  return prompts;
}

}  // namespace drover::evaluate
