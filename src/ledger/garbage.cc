#include "ledger/garbage.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "chat/dialog.h"
#include "ledger/running_process.h"

namespace drover::ledger {
namespace {

namespace fs = std::filesystem;
using chat::Json;

// A finished stage of the latest run. Artefacts that hold models are {"variants": [{"hash", "folder"}], "average": {}}.
struct FinishedStage {
  std::string key;
  std::string name;  ///< "sft"
  std::int64_t round = 0;
  Json output;
};

std::int64_t round_of(const std::string& name) {
  constexpr std::string_view kPrefix = "round ";
  return name.starts_with(kPrefix) ? std::atoll(name.c_str() + kPrefix.size()) : 0;
}

std::uintmax_t bytes_of(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return fs::file_size(path, error);
  std::uintmax_t bytes = 0;
  for (fs::recursive_directory_iterator file(path, error), end; !error && file != end; file.increment(error)) {
    if (file->is_regular_file(error)) bytes += file->file_size(error);
  }
  return bytes;
}

// Only what lies in the home is ours to delete.
bool is_inside(const std::string& folder) {
  const fs::path path(folder);
  if (folder.empty() || path.is_absolute()) return false;
  const auto normal = path.lexically_normal();
  return !normal.empty() && *normal.begin() != ".." && normal != "." && normal != "ledger.sqlite";
}

std::optional<std::string> folder_of(const Json& model) {
  if (!model.is_object() || !model.contains("folder") || !model.at("folder").is_string()) return std::nullopt;
  return model.at("folder").get<std::string>();
}

void add_folders(const Json& json, std::set<std::string>& folders) {
  if (const auto folder = folder_of(json)) folders.insert(*folder);
  if (!json.is_structured()) return;
  for (const auto& part : json) add_folders(part, folders);
}

class Search {
 public:
  Search(const Ledger& ledger, const fs::path& home, std::int64_t keep_rounds)
      : ledger_(ledger), home_(home), keep_rounds_(keep_rounds) {
    const auto run = ledger.latest_run();
    if (!run) return;
    for (const auto& key : ledger.stages_of_run(run->run)) {
      keys_of_run_.insert(key);
      const auto stage = ledger.find_stage(key);
      const auto end = ledger.find_stage_end(key);
      if (!end) {
        unfinished_.insert(key.substr(0, kKeyDigits));
        continue;
      }
      auto output = Json::parse(end->output, nullptr, false);
      if (output.is_discarded()) continue;
      const auto name = stage ? stage->name : key;
      stages_.push_back({.key = key,
                         .name = name.substr(name.find("/ ") == std::string::npos ? 0 : name.find("/ ") + 2),
                         .round = round_of(name),
                         .output = std::move(output)});
    }
  }

  std::vector<Garbage> run() {
    find_old_variants();
    find_replaced_models();
    find_leftovers(home_ / "models");
    find_checkpoints();
    std::vector<Garbage> garbage;
    for (auto& [path, found] : found_) garbage.push_back(std::move(found));
    return garbage;
  }

 private:
  static constexpr std::size_t kKeyDigits = 8;  // of a stage's key in the names of its folders

  void take(const std::string& folder, const std::string& hash, const std::string& reason) {
    if (!is_inside(folder) || found_.contains(folder)) return;
    const auto path = home_ / folder;
    std::error_code error;
    if (!fs::exists(path, error)) return;
    found_[folder] = {.path = folder, .hash = hash, .reason = reason, .bytes = bytes_of(path)};
  }

  void find_old_variants() {
    std::map<std::int64_t, std::set<std::string>> deployed;  // by round
    for (const auto& stage : stages_) {
      if (stage.name == "choose") add_folders(stage.output, deployed[stage.round]);
    }
    if (deployed.empty()) return;
    const auto last = deployed.rbegin()->first;
    std::set<std::string> needed;
    for (const auto& stage : stages_) {
      if (!stage.output.is_object()) continue;
      if (stage.output.contains("average")) add_folders(stage.output.at("average"), needed);
      // The rounds that are kept, what is deployed now, start models, and rounds that are not chosen from yet.
      const bool is_kept = stage.round == 0 || stage.round > last || last - stage.round < keep_rounds_;
      if (is_kept && stage.output.contains("variants")) add_folders(stage.output.at("variants"), needed);
    }
    for (const auto& folder : deployed.rbegin()->second) needed.insert(folder);
    for (const auto& stage : stages_) {
      if (!stage.output.is_object() || !stage.output.contains("variants") || stage.name == "choose") continue;
      for (const auto& variant : stage.output.at("variants")) {
        const auto folder = folder_of(variant);
        if (!folder || needed.contains(*folder)) continue;
        const bool was_deployed = deployed[stage.round].contains(*folder);
        take(*folder, variant.value("hash", ""),
             was_deployed ? "deployed by a round that later ones have replaced"
                          : "a variant that was averaged and is not deployed");
      }
    }
  }

  void find_replaced_models() {
    std::set<std::string> needed;
    for (const auto& stage : stages_) add_folders(stage.output, needed);
    for (const auto& model : ledger_.all_models()) {
      if (keys_of_run_.contains(model.stage) || needed.contains(model.folder)) continue;
      take(model.folder, model.hash,
           ledger_.find_stage_end(model.stage) ? "of a stage that the latest run has done anew"
                                               : "of a stage that never finished");
    }
  }

  // Folders are called NAME-KEY, with the first digits of the stage's key.
  bool is_of_unfinished_stage(const std::string& name) const {
    return name.size() >= kKeyDigits && unfinished_.contains(name.substr(name.size() - kKeyDigits));
  }

  void find_leftovers(const fs::path& folder) {
    std::error_code error;
    if (stages_.empty() || !fs::is_directory(folder, error)) return;
    std::set<std::string> recorded;
    for (const auto& stage : stages_) add_folders(stage.output, recorded);
    for (const auto& model : ledger_.all_models()) recorded.insert(model.folder);
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      const auto name = entry.path().filename().string();
      const auto path = "models/" + name;
      if (!entry.is_directory(error) || recorded.contains(path) || is_of_unfinished_stage(name)) continue;
      take(path, "", "left by a stage that was killed");
    }
  }

  void find_checkpoints() {
    std::set<std::string> finished;
    for (const auto& stage : stages_) finished.insert(stage.key.substr(0, kKeyDigits));
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(home_ / "checkpoints", error)) {
      const auto name = entry.path().filename().string();
      if (name.size() < kKeyDigits || !finished.contains(name.substr(name.size() - kKeyDigits))) continue;
      take("checkpoints/" + name, "", "a checkpoint of a stage that has finished");
    }
  }

  const Ledger& ledger_;
  const fs::path& home_;
  const std::int64_t keep_rounds_;
  std::set<std::string> keys_of_run_;
  std::set<std::string> unfinished_;
  std::vector<FinishedStage> stages_;
  std::map<std::string, Garbage> found_;
};

}  // namespace

std::vector<Garbage> find_garbage(const Ledger& ledger, const fs::path& home, std::int64_t keep_rounds) {
  return Search(ledger, home, keep_rounds).run();
}

void delete_garbage(Ledger& ledger, const fs::path& home, const std::vector<Garbage>& garbage) {
  const auto run = ledger.latest_run();
  if (run && is_running(run->process)) {
    throw base::UserError("A run works in {} at this moment (process {}); delete when it has ended.", home.string(),
                          run->process.substr(0, run->process.find(' ')));
  }
  for (const auto& found : garbage) {
    const auto path = home / found.path;
    if (!found.hash.empty()) {
      // Before the files go: a run that is resumed after a crash here must not take this for damage.
      ledger.add_model_removal(found.hash, found.path, found.reason);
      base::write_file_atomically(path.string() + ".removed", found.reason + "\n");
    }
    std::error_code error;
    fs::remove_all(path, error);
    if (error)
      throw base::SurroundingsError("{} cannot be deleted: {}.", path.string(), error.message());
  }
}

}  // namespace drover::ledger
