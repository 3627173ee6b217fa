#include "rounds/recipe_files.h"

#include "base/error.h"
#include "chat/dialog_file.h"
#include "judge/labelled_sets.h"
#include "verify/checker.h"

namespace drover::rounds {
namespace {

std::int64_t bytes_of(const std::vector<chat::Message>& messages) {
  std::int64_t bytes = 0;
  for (const auto& message : messages) bytes += static_cast<std::int64_t>(message.content.size());
  return bytes;
}

std::filesystem::path existing(const Recipe& recipe, const std::string& table, const std::string& key, const std::string& name) {
  const auto path = recipe.resolve(name);
  if (!std::filesystem::exists(path))
    throw base::UserError("{}: \"{}\" of [{}] is {}, which is not there.", recipe.file.string(), key, table, path.string());
  return path;
}

FileContent dialogs_in(const std::filesystem::path& path) {
  FileContent content;
  chat::for_each_dialog(path, {}, [&](std::int64_t, const chat::Dialog& dialog) {
    ++content.rows;
    content.tokens += rough_tokens(bytes_of(dialog.messages));
  });
  return content;
}

FileContent preferences_in(const std::filesystem::path& path) {
  FileContent content;
  for (const auto& row : chat::read_preference_file(path).rows) {
    ++content.rows;
    content.tokens += rough_tokens(bytes_of(row.prompt.messages));
    for (const auto& response : row.responses) content.tokens += rough_tokens(bytes_of(response));
  }
  return content;
}

FileContent all_judged_pairs(const Recipe& recipe) {
  FileContent content;
  for (const auto& set : recipe.judge.calibrate_on) {
    for (const auto& pair : judged_pairs(recipe, set)) {
      ++content.rows;
      content.tokens += rough_tokens(bytes_of(pair.replies.prompt.messages) + bytes_of(pair.replies.first) + bytes_of(pair.replies.second));
    }
  }
  return content;
}

}  // namespace

double rough_tokens(std::int64_t bytes) { return static_cast<double>(bytes) / 4; }

std::vector<judge::LabelledPair> judged_pairs(const Recipe& recipe, const std::string& set) {
  auto pairs = judge::is_labelled_set_name(set) ? judge::read_labelled_set(set)
                                                : judge::read_labelled_pairs(existing(recipe, "judge", "calibrate_on", set));
  return recipe.judge.pairs > 0 ? judge::spread_sample(pairs, recipe.judge.pairs) : pairs;
}

RecipeFiles read_recipe_files(const Recipe& recipe) {
  RecipeFiles files;
  for (const auto& start : recipe.start) {
    const auto table = "start." + start.name;
    if (!start.tokenizer.empty()) existing(recipe, table, "tokenizer", start.tokenizer);
    if (!start.text.empty()) files.start[start.name] = dialogs_in(existing(recipe, table, "text", start.text));
  }
  for (const auto& source : recipe.synthetic) {
    if (!source.file.empty()) files.synthetic[source.name] = dialogs_in(existing(recipe, "synthetic." + source.name, "file", source.file));
  }
  for (const auto& source : recipe.preferences)
    files.preferences[source.name] = preferences_in(existing(recipe, "preferences." + source.name, "file", source.file));
  if (!recipe.judge.model.empty()) files.judged_pairs = all_judged_pairs(recipe);
  return files;
}

}  // namespace drover::rounds
