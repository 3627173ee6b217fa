#include "rounds/artefact.h"

#include <algorithm>

#include "base/content_hash.h"

namespace drover::rounds {
namespace {

using chat::Json;

Json json_of(const ModelRef& model) {
  return {{"name", model.name}, {"hash", model.hash}, {"folder", model.folder}, {"files", model.files}};
}

ModelRef model_from(const Json& json) {
  return {.name = json.at("name"), .hash = json.at("hash"), .folder = json.at("folder"), .files = json.at("files")};
}

}  // namespace

std::string ModelSet::hash() const {
  base::FieldHasher hasher;
  hasher.add(average.hash);
  for (const auto& model : variants) hasher.add(model.hash);
  return hasher.finish().hex();
}

Json ModelSet::to_json() const {
  Json json = {{"average", json_of(average)}, {"variants", Json::array()}};
  for (const auto& model : variants) json["variants"].push_back(json_of(model));
  return json;
}

ModelSet ModelSet::from_json(const Json& json) {
  ModelSet models;
  models.average = model_from(json.at("average"));
  for (const auto& model : json.at("variants")) models.variants.push_back(model_from(model));
  return models;
}

bool ModelSet::is_intact(const std::filesystem::path& home) const {
  const auto is_whole = [&](const ModelRef& model) {
    if (model.is_remote()) return true;
    const auto folder = home / model.folder;
    // `drover gc` deletes only what nothing goes on from, and says so in its place.
    return hash_of_files(folder) == model.files ||
           (!std::filesystem::exists(folder) && std::filesystem::exists(folder.string() + ".removed"));
  };
  return is_whole(average) && std::all_of(variants.begin(), variants.end(), is_whole);
}

Json FactSet::to_json() const { return {{"stage", stage}, {"count", count}, {"content", content}}; }

FactSet FactSet::from_json(const Json& json) {
  return {.stage = json.at("stage"), .count = json.at("count"), .content = json.at("content")};
}

double ScoreBoard::mean_accuracy(const std::string& model) const {
  std::set<std::string> all;
  for (const auto& entry : entries) all.insert(entry.suite);
  return mean_accuracy(model, all);
}

double ScoreBoard::mean_accuracy(const std::string& model, const std::set<std::string>& suites) const {
  double sum = 0;
  int count = 0;
  for (const auto& entry : entries) {
    if (entry.model != model || !suites.contains(entry.suite)) continue;
    sum += entry.accuracy;
    ++count;
  }
  return count == 0 ? 0 : sum / count;
}

std::string ScoreBoard::hash() const { return base::content_hash(to_json().dump(-1, ' ', false, Json::error_handler_t::replace)).hex(); }

Json ScoreBoard::to_json() const {
  Json json = Json::array();
  for (const auto& entry : entries) {
    json.push_back({{"model", entry.model},
                    {"name", entry.name},
                    {"suite", entry.suite},
                    {"is_right", entry.is_right},
                    {"accuracy", entry.accuracy},
                    {"low", entry.low},
                    {"high", entry.high}});
  }
  return json;
}

ScoreBoard ScoreBoard::from_json(const Json& json) {
  ScoreBoard board;
  for (const auto& entry : json) {
    board.entries.push_back({.model = entry.at("model"),
                             .name = entry.at("name"),
                             .suite = entry.at("suite"),
                             .is_right = entry.at("is_right"),
                             .accuracy = entry.at("accuracy"),
                             .low = entry.at("low"),
                             .high = entry.at("high")});
  }
  return board;
}

std::string hash_of_files(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_regular_file(path, error)) return base::content_hash_of_file(path).hex();
  if (!fs::is_directory(path, error)) return {};
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (entry.is_regular_file() && entry.path().filename() != "README.md") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  base::FieldHasher hasher;
  for (const auto& file : files)
    hasher.add(fs::relative(file, path).generic_string()).add(base::content_hash_of_file(file));
  return hasher.finish().hex();
}

}  // namespace drover::rounds
