#include "cli/compute_type.h"

namespace drover::cli {

void add_dtype_option(CLI::App& command, std::string& value) {
  command.add_option("--dtype", value, "type of weights and activations: f32 or bf16")->capture_default_str()->check(CLI::IsMember({"f32", "bf16"}));
}

model::ComputeType compute_type(const std::string& name) {
  return name == "f32" ? model::ComputeType::kFloat32 : model::ComputeType::kBFloat16;
}

void add_weights_option(CLI::App& command, std::string& value) {
  command.add_option("--weights", value, "as-given, or int8: half the memory of bf16 and a little loss (drover gap --weights int8 measures it)")
      ->check(CLI::IsMember({"as-given", "int8"}))
      ->capture_default_str();
}

model::WeightForm weight_form(const std::string& name) { return name == "int8" ? model::WeightForm::kInt8 : model::WeightForm::kAsGiven; }

}  // namespace drover::cli
