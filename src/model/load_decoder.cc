#include "model/load_decoder.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest_name.h"
#include "model/config_gguf.h"
#include "model/config_json.h"
#include "model/decoder.h"
#include "model/device.h"
#include "model/gguf_names.h"
#include "model/tensor_of_view.h"
#include "weights/gguf.h"
#include "weights/rope_rows.h"
#include "weights/safetensors.h"

namespace drover::model {
namespace {

at::ScalarType scalar_type_of(ComputeType type) { return type == ComputeType::kFloat32 ? at::kFloat : at::kBFloat16; }

void check_shape(const weights::TensorView& view, const std::vector<std::int64_t>& shape, std::string_view where) {
  if (view.shape == shape) return;
  throw base::UserError("{}: the tensor '{}' has shape [{}], but the model's configuration asks for [{}].", where, view.name,
                        fmt::join(view.shape, ", "), fmt::join(shape, ", "));
}

// What old files of transformers store beside the weights.
bool is_known_extra(const DecoderConfig& config, std::string_view name) {
  if (name.ends_with(".rotary_emb.inv_freq")) return true;
  return name == "lm_head.weight" && config.tied_embeddings && config.head.kind == HeadKind::kLanguage;
}

NamedTensors read_folder(const std::filesystem::path& folder, const DecoderConfig& config, at::ScalarType type, const at::Device& device) {
  const auto file = weights::ShardedTensors::open(folder);
  check_tensors(file, config, folder.string());
  NamedTensors parameters;
  for (const auto& [name, shape] : parameter_shapes(config)) {
    parameters.emplace_back(name, tensor_of_view(file.at(name), type, file.owner()).to(device));
  }
  return parameters;
}

// GGUF's Llama files hold q and k in another order of rows. The rows are put back while they are still packed: fewer bytes to move.
at::Tensor read_reordered(const weights::TensorView& view, std::int64_t num_heads, at::ScalarType type) {
  std::vector<std::byte> bytes(view.bytes.size());
  weights::rope_neighbours_to_halves(view.bytes, view.shape.front(), num_heads, bytes);
  weights::TensorView ordered = view;
  ordered.bytes = bytes;
  return tensor_of_view(ordered, type, nullptr);
}

NamedTensors read_gguf(const weights::GgufFile& file, const std::string& where, const DecoderConfig& config, at::ScalarType type,
                       const at::Device& device) {
  std::set<std::string, std::less<>> wanted = {"rope_freqs.weight"};
  NamedShapes shapes = parameter_shapes(config);
  for (const auto& [name, shape] : shapes) {
    const std::string gguf_name = gguf_name_of(name);
    const weights::TensorView* view = file.find(gguf_name);
    if (view == nullptr) throw base::UserError("{}: the tensor '{}' is missing.", where, gguf_name);
    check_shape(*view, shape, where);
    wanted.insert(gguf_name);
  }
  for (const weights::TensorView& view : file.tensors()) {
    if (!wanted.contains(view.name)) {
      throw base::UserError("{}: the tensor '{}' is surplus: the metadata describes a model without it.", where, view.name);
    }
  }
  NamedTensors parameters;
  for (const auto& [name, shape] : shapes) {
    const weights::TensorView& view = *file.find(gguf_name_of(name));
    const std::int64_t heads = num_reordered_heads(config, name);
    const at::Tensor tensor = heads > 0 ? read_reordered(view, heads, type) : tensor_of_view(view, type, file.owner());
    parameters.emplace_back(name, tensor.to(device));
  }
  return parameters;
}

void add_generation_eos(const std::filesystem::path& folder, DecoderConfig& config) {
  const std::filesystem::path file = folder / "generation_config.json";
  if (!std::filesystem::exists(file)) return;
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 20;
  for (const text::TokenId id : parse_generation_eos(base::read_file(file, kMaxBytes), file.string())) {
    if (std::find(config.eos.begin(), config.eos.end(), id) == config.eos.end()) config.eos.push_back(id);
  }
  config.validate();
}

}  // namespace

DecoderConfig read_folder_config(const std::filesystem::path& folder) {
  DecoderConfig config = read_config_json(folder / "config.json");
  add_generation_eos(folder, config);
  return config;
}

void check_tensors(const weights::ShardedTensors& tensors, const DecoderConfig& config, std::string_view where) {
  const NamedShapes shapes = parameter_shapes(config);
  std::set<std::string_view> wanted;
  for (const auto& [name, shape] : shapes) wanted.insert(name);
  std::vector<std::string_view> surplus;
  for (const weights::TensorView& view : tensors.tensors()) {
    if (!wanted.contains(view.name) && !is_known_extra(config, view.name)) surplus.push_back(view.name);
  }
  for (const auto& [name, shape] : shapes) {
    const weights::TensorView* view = tensors.find(name);
    if (view == nullptr) throw base::UserError("{}: the tensor '{}' is missing{}.", where, name, base::suggestion(name, surplus));
    check_shape(*view, shape, where);
  }
  if (!surplus.empty()) {
    throw base::UserError("{}: the tensor '{}' is surplus: config.json describes a model without it.", where, surplus.front());
  }
}

std::shared_ptr<const Decoder> load_decoder(const std::filesystem::path& path, const LoadOptions& options) {
  const at::ScalarType type = scalar_type_of(options.compute_type);
  const at::Device device = device_of(options.device);
  if (!std::filesystem::exists(path)) {
    throw base::UserError("There is no model at '{}': a model is a Hugging Face folder or a .gguf file.", path.string());
  }
  if (!std::filesystem::is_directory(path)) {
    if (path.extension() != ".gguf") {
      throw base::UserError("'{}' is neither a folder nor a .gguf file; give the folder that holds config.json.", path.string());
    }
    const auto file = weights::GgufFile::open(path);
    const DecoderConfig config = config_of_gguf(file, path.string());
    return std::make_shared<const Decoder>(config, read_gguf(file, path.string(), config, type, device));
  }
  const DecoderConfig config = read_folder_config(path);
  return std::make_shared<const Decoder>(config, read_folder(path, config, type, device));
}

}  // namespace drover::model
