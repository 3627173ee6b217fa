#pragma once

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "evaluate/suite.h"

namespace drover::evaluate {

/// The prompts of suites, to keep them out of training: exact matches after normalisation (letters in small, white space and punctuation left
/// out), as the paper decontaminates.
class HeldOutPrompts {
 public:
  /// Adds what users say in a suite's prompts: each user message, and for known suites also the question without the words that drover puts
  /// around it.
  void add(const Suite& suite);

  /// Every known suite that the data folder holds; the others are left out.
  static HeldOutPrompts of_known_suites(const std::filesystem::path& data_folder);

  /// Whether a user message of the dialog is one of a suite's.
  bool holds(const chat::Dialog& dialog) const;
  bool holds(std::string_view text) const;

  std::size_t size() const { return texts_.size(); }

 private:
  std::set<std::string, std::less<>> texts_;
};

/// The form that texts are compared in.
std::string decontamination_form(std::string_view text);

}  // namespace drover::evaluate
