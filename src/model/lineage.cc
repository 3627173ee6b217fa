#include "model/lineage.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "base/content_hash.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json_nesting.h"
#include "model/decoder.h"
#include "model/tensor_of_view.h"

namespace drover::model {
namespace {

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{16} << 20;

}  // namespace

std::string weights_hash(const Model& model) {
  base::FieldHasher hasher;
  for (const auto& [name, tensor] : model.decoder().parameters()) {
    const at::Tensor values = tensor.detach().to(at::kBFloat16).cpu().contiguous();
    hasher.add(name).add(base::content_hash(view_of_tensor(name, values).bytes));
  }
  return hasher.finish().hex();
}

Lineage read_lineage(const std::filesystem::path& folder) {
  const auto file = folder / "config.json";
  const std::string text = base::read_file(file, kMaxConfigBytes);
  base::require_shallow_json(text, file.string());
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("drover") || !json["drover"].is_object()) return {};
  const auto& own = json["drover"];
  return {.start = own.contains("start") && own["start"].is_string() ? own["start"].get<std::string>() : std::string()};
}

std::string with_lineage(std::string config_json, const Lineage& lineage) {
  if (lineage.start.empty()) return config_json;
  auto json = nlohmann::ordered_json::parse(config_json);
  json["drover"] = {{"start", lineage.start}};
  return json.dump(2) + "\n";
}

}  // namespace drover::model
