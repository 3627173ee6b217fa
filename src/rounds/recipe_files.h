#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "judge/labelled_pairs.h"
#include "rounds/recipe.h"

namespace drover::rounds {

/// How much a file holds. A token is taken as four bytes of text.
struct FileContent {
  std::int64_t rows = 0;
  double tokens = 0;  ///< of all rows together
  double tokens_per_row() const { return rows == 0 ? 0 : tokens / static_cast<double>(rows); }
};

/// The tokens of some bytes of text, roughly.
double rough_tokens(std::int64_t bytes);

/// The recipe's files beside prompts and suites (PromptPool reads those), by the names of their tables.
struct RecipeFiles {
  std::map<std::string, FileContent> start;        ///< texts of start models
  std::map<std::string, FileContent> synthetic;    ///< not of commands
  std::map<std::string, FileContent> preferences;
  FileContent judged_pairs;                        ///< what the judge is measured on
};

/// Reads them all, so that a missing or broken one is known before hours of work and not after. Throws UserError with the
/// recipe's table, or with file and line.
RecipeFiles read_recipe_files(const Recipe& recipe);

/// The pairs of a set of `calibrate_on` in [judge] that the judge is measured on, as many as the recipe says.
std::vector<judge::LabelledPair> judged_pairs(const Recipe& recipe, const std::string& set);

}  // namespace drover::rounds
