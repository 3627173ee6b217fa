#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/json_output.h"
#include "model/adapter_folder.h"
#include "model/model_path.h"

namespace drover::cli {
namespace {

namespace fs = std::filesystem;

struct MergeOptions {
  std::string adapter, out, base, dtype;
  bool json = false;
};

base::ExitStatus merge(const MergeOptions& options) {
  const fs::path adapter = options.adapter;
  if (!fs::is_directory(adapter)) throw base::UserError("There is no folder '{}': give the folder of a PEFT adapter.", options.adapter);
  const auto named = options.base.empty() ? model::adapter_base(adapter) : options.base;
  std::error_code ignored;
  const fs::path base = options.base.empty() && !fs::exists(named, ignored) ? fs::path(named) : model::model_path(named);
  for (const auto& source : {base, adapter}) {
    if (fs::equivalent(source, options.out, ignored)) throw base::UserError("--out '{}' is what is merged; give another folder.", options.out);
  }
  const auto type = options.dtype.empty() ? std::nullopt : std::optional(compute_type(options.dtype));
  const auto report = model::merge_adapter(adapter, base, options.out, type);
  const auto* type_name = report.type == model::ComputeType::kFloat32 ? "f32" : "bf16";
  if (options.json) {
    write_output(nlohmann::ordered_json{{"out", options.out},
                                        {"base", base.string()},
                                        {"pairs", report.pairs},
                                        {"whole", report.whole},
                                        {"dtype", type_name},
                                        {"start_known", report.is_start_known}}
                     .dump() +
                 "\n");
  } else {
    write_output(fmt::format("{}: {} weights of {} changed, {} replaced, {}\n", options.out, report.pairs, base.string(), report.whole, type_name));
  }
  return base::ExitStatus::kDone;
}

}  // namespace

void add_merge_command(const Commands& commands) {
  const auto options = std::make_shared<MergeOptions>();
  CLI::App& command = commands.add("merge", "Merges a LoRA adapter in PEFT's format into its base model",
                                   "drover merge adapter -o merged --base smollm2-135m-instruct", options, merge);
  command.add_option("ADAPTER", options->adapter, "folder with adapter_config.json and adapter_model.safetensors")->required();
  command.add_option("-o,--out", options->out, "folder for the merged model")->required();
  command.add_option("--base", options->base, "base model: folder, .gguf file or short name; not given: the one that the adapter names");
  command.add_option("--dtype", options->dtype, "type of the result, f32 or bf16; not given: bf16 where the base is stored so, else f32")
      ->check(CLI::IsMember({"f32", "bf16"}));
  command.add_flag("--json", options->json, "print one JSON object: {\"out\", \"base\", \"pairs\", \"whole\", \"dtype\", \"start_known\"}");
}

}  // namespace drover::cli
