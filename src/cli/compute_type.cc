#include "cli/compute_type.h"

namespace drover::cli {

void add_dtype_option(CLI::App& command, std::string& value) {
  command.add_option("--dtype", value, "type of weights and activations: f32 or bf16")->capture_default_str()->check(CLI::IsMember({"f32", "bf16"}));
}

model::ComputeType compute_type(const std::string& name) {
  return name == "f32" ? model::ComputeType::kFloat32 : model::ComputeType::kBFloat16;
}

}  // namespace drover::cli
