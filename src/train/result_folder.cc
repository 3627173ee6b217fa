#include "train/result_folder.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "model/model_folder.h"

namespace drover::train {
namespace {

namespace fs = std::filesystem;

/// Without links, "." and ".." and a slash at the end; what does not exist yet is taken as it is written.
fs::path place_of(const fs::path& path) {
  std::error_code ignored;
  auto place = fs::weakly_canonical(fs::absolute(path), ignored);
  if (place.empty()) place = fs::absolute(path).lexically_normal();
  return place.has_filename() ? place : place.parent_path();
}

bool lies_in(const fs::path& inner, const fs::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace

ResultFolder::ResultFolder(const fs::path& target, const BesideResult& beside, bool is_adapter) : target_(target), is_adapter_(is_adapter) {
  check();
  const auto place = place_of(target);
  for (const auto& [what, path] : beside.sources) {
    if (!lies_in(place_of(path), place)) continue;
    throw base::UserError("'{}' is where {} stands: the result would replace it. Give another folder.", target.string(), what);
  }
  const auto& checkpoints = beside.checkpoints;
  if (!checkpoints.empty() && (lies_in(place_of(checkpoints), place) || lies_in(place, place_of(checkpoints)))) {
    throw base::UserError("Checkpoints in '{}' and the result in '{}' get into each other's way. Give two folders that lie apart.", checkpoints.string(),
                          target.string());
  }
  for (const auto& [what, path] : beside.logs) {
    if (path.empty() || !lies_in(place_of(path), place)) continue;
    throw base::UserError("{} '{}' would lie in '{}', which the result replaces as a whole. Give it a place outside of that folder.", what, path.string(),
                          target.string());
  }
  std::error_code fault;
  parent_ = place.parent_path();
  fs::create_directories(parent_, fault);
  if (fault) throw base::SurroundingsError("The folder {} cannot be made for the result: {}.", parent_.string(), fault.message());
  lock_.emplace(parent_ / ("." + place.filename().string() + ".lock"), target, FileLock::Afterwards::kGoes);
}

void ResultFolder::check() const {
  model::check_place(target_, is_adapter_ ? "adapter" : "model", is_adapter_ ? "adapter_config.json" : "config.json");
}

fs::path ResultFolder::place() const {
  try {
    check();
    return target_;
  } catch (const base::UserError&) {
    auto beside = place_of(target_);
    beside += fmt::format(".{}", getpid());
    return beside;
  }
}

}  // namespace drover::train
