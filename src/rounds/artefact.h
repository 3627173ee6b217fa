#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "chat/dialog.h"

// What stages hand to each other. Each artefact is written as JSON when its stage ends and read back when the stage is
// found done; its hash stands for it in the keys of later stages.

namespace drover::rounds {

/// A model in the home, or behind a server.
struct ModelRef {
  std::string name;    ///< for people: "round 1 sft 2"
  std::string hash;    ///< of weights, configuration and tokenizer (model::Model::hash)
  std::string folder;  ///< relative to the home, or absolute for models from outside; empty behind a server
  std::string files;   ///< hash of the folder's files, so that damage is found without loading

  bool is_remote() const { return folder.empty(); }
  bool operator==(const ModelRef&) const = default;
};

/// Models that belong together: the variants of a stage, best deployed first, and what they were averaged to.
struct ModelSet {
  std::vector<ModelRef> variants;
  ModelRef average;

  std::string hash() const;
  chat::Json to_json() const;
  static ModelSet from_json(const chat::Json& json);
  /// Whether every model's files are there and unchanged.
  bool is_intact(const std::filesystem::path& home) const;
};

/// Facts that a stage wrote into the ledger under its key.
struct FactSet {
  std::string stage;       ///< key
  std::int64_t count = 0;  ///< facts that later stages use
  std::string content;     ///< hash of those facts

  std::string hash() const { return content; }
  chat::Json to_json() const;
  static FactSet from_json(const chat::Json& json);
  bool is_intact(const std::filesystem::path&) const { return true; }  // the ledger never changes a fact
};

/// How models did on the suites.
struct ScoreBoard {
  struct Entry {
    std::string model;  ///< hash
    std::string name;
    std::string suite;
    std::string is_right;  ///< one '0' or '1' a prompt
    double accuracy = 0;
    double low = 0;  ///< 95% interval
    double high = 0;
  };
  std::vector<Entry> entries;

  /// The mean accuracy of a model over the suites, or over those of the list alone; 0 when it answered none of them.
  double mean_accuracy(const std::string& model) const;
  double mean_accuracy(const std::string& model, const std::set<std::string>& suites) const;
  std::string hash() const;
  chat::Json to_json() const;
  static ScoreBoard from_json(const chat::Json& json);
  bool is_intact(const std::filesystem::path&) const { return true; }
};

/// Hash of a folder's files, names and contents, or of one file; empty when there is nothing. A README.md does not count:
/// a model with a card is the same model.
std::string hash_of_files(const std::filesystem::path& path);

}  // namespace drover::rounds
