#pragma once

// What tests of `drover train` share: a small random model, data for it, and the command in a folder of the test's own.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cli/drover_process_test.h"
#include "model/model.h"
#include "model/model_path.h"
#include "model/random_decoder.h"
#include "text/load_tokenizer.h"

namespace drover::cli {

using nlohmann::json;

inline std::vector<json> objects_of(const std::string& text) {
  std::vector<json> objects;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) objects.push_back(json::parse(line));
  return objects;
}

inline std::string dialog(const std::string& question, const std::string& answer, const json& more = json::object()) {
  json row = {{"messages", {{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", answer}}}}};
  row.update(more);
  return row.dump() + "\n";
}

inline std::string preference(const std::string& question, const std::string& chosen, const std::string& rejected, const std::string& level = "better") {
  return json{{"prompt", question}, {"chosen", chosen}, {"rejected", rejected}, {"level", level}}.dump() + "\n";
}

/// A folder with the model "start", and files of dialogs and preferences.
class Train : public testing::Test {
 protected:
  void SetUp() override {
    DROVER_NEEDS_SMALL_MODEL();
    const auto source = model::model_path("smollm2-135m-instruct");
    const auto tokenizer = text::load_tokenizer(source);
    model::Model(model::random_decoder(model::tiny_config(tokenizer->vocab_size()), 5), tokenizer, text::read_chat_template(source), source)
        .save(folder_.path() / "start");
    folder_.write("dialogs.jsonl", dialog("Name a colour.", "blue") + dialog("Name a river.", "The Nile.") + dialog("Name a number.", "Four."));
    folder_.write("pairs.jsonl", preference("Name a colour.", "blue", "I would rather not.") + preference("Name a river.", "The Nile.", "No.") +
                                     preference("Name a number.", "Four.", "Five.", "slightly_better"));
  }

  ProcessResult train(const std::string& arguments) const {
    return run_script("export XDG_CACHE_HOME=$PWD/cache; drover train " + arguments + " --threads 1", folder_);
  }

  TemporaryFolder folder_;
};

}  // namespace drover::cli
