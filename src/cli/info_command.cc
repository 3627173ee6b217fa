#include <string>

#include "cli/commands.h"
#include "cli/fact_lines.h"
#include "cli/json_output.h"
#include "cli/model_facts.h"
#include "model/model_path.h"

namespace drover::cli {
namespace {

struct InfoOptions {
  std::string model;
  bool json = false;
};

base::ExitStatus info(const InfoOptions& options) {
  const auto facts = model_facts(model::model_path(options.model));
  write_output(options.json ? facts.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n" : fact_lines(facts));
  return base::ExitStatus::kDone;
}

}  // namespace

void add_info_command(const Commands& commands) {
  const auto options = std::make_shared<InfoOptions>();
  CLI::App& command = commands.add("info", "Says what a model is: architecture, sizes, tokenizer, chat format",
                                   "drover info smollm2-135m-instruct --json", options, info);
  command.add_option("MODEL", options->model, "model folder, .gguf file or short name")->required();
  command.add_flag("--json", options->json, "print one JSON object");
}

}  // namespace drover::cli
