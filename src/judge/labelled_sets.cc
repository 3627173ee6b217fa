#include "judge/labelled_sets.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/error.h"
#include "base/nearest_name.h"
#include "base/shipped_data.h"

namespace drover::judge {
namespace {

constexpr std::array<std::string_view, 2> kNames = {"pandalm", "llmbar"};

std::vector<std::filesystem::path> jsonl_files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::span<const std::string_view> labelled_set_names() { return kNames; }

bool is_labelled_set_name(std::string_view name) { return std::find(kNames.begin(), kNames.end(), name) != kNames.end(); }

std::vector<LabelledPair> read_labelled_set(std::string_view name, const std::filesystem::path& folder) {
  if (!is_labelled_set_name(name)) {
    throw base::UserError("There is no set of judged pairs called \"{}\"{}; there are {}.", name, base::suggestion(name, kNames),
                          fmt::join(kNames, ", "));
  }
  if (folder.empty()) {
    const auto shipped = base::shipped_data("judge/" + std::string(name) + ".jsonl");
    if (!shipped) throw base::UserError("The pairs of {} that ship with drover are not beside the program; name a file of judged pairs.", name);
    return read_labelled_pairs(*shipped);
  }
  const auto files = jsonl_files_in(folder / name);
  if (files.empty()) {
    throw base::UserError("{} holds no .jsonl files of judged pairs; without a folder of sets the pairs that ship with drover are taken.",
                          (folder / name).string());
  }
  std::vector<LabelledPair> pairs;
  for (const auto& file : files) {
    auto some = read_labelled_pairs(file);
    pairs.insert(pairs.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  }
  return pairs;
}

}  // namespace drover::judge
