#include <fmt/format.h>

#include <filesystem>
#include <string>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/json_output.h"
#include "model/model_path.h"
#include "model/gguf_model.h"
#include "model/model.h"

namespace drover::cli {
namespace {

struct ConvertOptions {
  std::string model;
  std::string out;
  std::string to;
  std::string type = "bf16";
};

weights::ElementType element_type(const std::string& name) {
  if (name == "f32") return weights::ElementType::kF32;
  return name == "bf16" ? weights::ElementType::kBF16 : weights::ElementType::kQ8_0;
}

base::ExitStatus convert(const ConvertOptions& options) {
  const std::filesystem::path out = options.out;
  const bool to_gguf = options.to.empty() ? out.extension() == ".gguf" : options.to == "gguf";
  if (!to_gguf && options.type == "q8_0") {
    throw base::UserError("safetensors folders hold --type f32 or bf16; q8_0 is a type of GGUF files (--to gguf).");
  }
  if (std::filesystem::exists(out)) throw base::UserError("'{}' exists already; give another OUT or remove it first.", out.string());
  const auto parent = out.has_parent_path() ? out.parent_path() : std::filesystem::path(".");
  if (!std::filesystem::is_directory(parent)) throw base::UserError("There is no folder '{}' to write '{}' into.", parent.string(), out.string());

  // GGUF is made from float32: rounding happens once, and norms and biases, which it keeps in float32, are not rounded at all.
  const auto compute = !to_gguf && options.type == "bf16" ? model::ComputeType::kBFloat16 : model::ComputeType::kFloat32;
  const auto model = model::Model::load(model::model_path(options.model), {.compute_type = compute});
  if (to_gguf) {
    model::write_gguf_model(*model, out, element_type(options.type));
  } else {
    model->save(out);
  }
  write_output(fmt::format("{}: {} of {}\n", out.string(), to_gguf ? "GGUF file" : "safetensors folder", options.type));
  return base::ExitStatus::kDone;
}

}  // namespace

void add_convert_command(const Commands& commands) {
  const auto options = std::make_shared<ConvertOptions>();
  CLI::App& command = commands.add("convert", "Writes a model as a safetensors folder or a GGUF file",
                                   "drover convert smollm2-135m-instruct smollm2-bf16 --to safetensors --type bf16", options, convert);
  command.add_option("MODEL", options->model, "model folder, .gguf file or short name")->required();
  command.add_option("OUT", options->out, "what to write; must not exist yet")->required();
  command.add_option("--to", options->to, "safetensors or gguf; without it gguf when OUT ends in .gguf, else safetensors")
      ->check(CLI::IsMember({"safetensors", "gguf"}));
  command.add_option("--type", options->type, "type of the weights: f32, bf16, or q8_0 (GGUF only)")->capture_default_str()->check(CLI::IsMember({"f32", "bf16", "q8_0"}));
}

}  // namespace drover::cli
