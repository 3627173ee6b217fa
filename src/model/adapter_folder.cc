#include "model/adapter_folder.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json_nesting.h"
#include "base/shown_name.h"
#include "model/adapter.h"
#include "model/adapter_config.h"
#include "model/heads.h"
#include "model/lineage.h"
#include "model/model_folder.h"
#include "model/tensor_of_view.h"
#include "model/tokenizer_files.h"
#include "weights/safetensors.h"
#include "weights/safetensors_writer.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;
using base::UserError;

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kA = ".lora_A.weight", kB = ".lora_B.weight";
constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{16} << 20;

struct StoredAdapter {
  Adapter adapter;
  std::string start;  // empty: not known
};

AdapterConfig read_config(const fs::path& folder) {
  const auto file = folder / kConfigFile;
  if (!fs::exists(file)) throw UserError("'{}' holds no {}: give the folder of an adapter.", folder.string(), kConfigFile);
  return parse_adapter_config(base::read_file(file, kMaxConfigBytes), file.string());
}

std::string metadata_at(const weights::SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? std::string() : found->second;
}

at::Tensor read_tensor(const weights::TensorView& view, const weights::SafetensorsFile& file, const std::string& where) {
  const auto tensor = tensor_of_view(view, at::kFloat, file.owner());
  if (!at::isfinite(tensor).all().item<bool>()) {
    throw UserError("{}: the tensor {} holds values that are no numbers (NaN or infinite).", where, base::shown_name(view.name));
  }
  return tensor;
}

/// The kind of head follows from its tensors; what the metadata add (names of classes, seed) is taken when it fits.
std::optional<Head> head_of(const Adapter& adapter, const std::string& metadata, const std::string& where) {
  Head head;
  bool has_bias = false;
  for (const auto& [name, tensor] : adapter.whole) {
    has_bias |= name == "score.bias";
    if (name != "score.weight") continue;
    if (tensor.dim() != 2) throw UserError("{}: the tensor '{}' is no matrix.", where, name);
    head.num_labels = tensor.size(0);
  }
  if (head.num_labels == 0) return std::nullopt;
  head.kind = has_bias ? HeadKind::kSteps : head.num_labels == 1 ? HeadKind::kReward : HeadKind::kClasses;
  base::require_shallow_json(metadata, where);
  const auto notes = nlohmann::json::parse(metadata, nullptr, /*allow_exceptions=*/false);
  if (!notes.is_object()) return head;
  if (notes.contains("seed") && notes["seed"].is_number_unsigned()) head.seed = notes["seed"].get<std::uint64_t>();
  if (!notes.contains("labels") || !notes["labels"].is_array() || std::ssize(notes["labels"]) != head.num_labels) return head;
  for (const auto& label : notes["labels"]) {
    if (!label.is_string()) throw UserError("{}: the metadata's names of classes are no texts.", where);
    head.labels.push_back(label.get<std::string>());
  }
  return head;
}

StoredAdapter read_adapter(const fs::path& folder) {
  const auto config = read_config(folder);
  const auto path = folder / kWeightsFile;
  const auto where = path.string();
  if (!fs::exists(path)) {
    throw UserError("'{}' holds no {}{}.", folder.string(), kWeightsFile,
                    fs::exists(folder / "adapter_model.bin") ? "; adapter_model.bin is a pickle, which is not read: save the adapter anew with PEFT" : "");
  }
  const auto file = weights::SafetensorsFile::open(path);
  StoredAdapter stored;
  for (const auto& view : file.tensors()) {
    const std::string_view full = view.name;
    if (!full.starts_with(kPrefix)) {
      throw UserError("{}: the tensor {} is none of a LoRA adapter: their names begin with '{}'.", where, base::shown_name(view.name), kPrefix);
    }
    const auto name = full.substr(kPrefix.size());
    if (name.ends_with(kB)) {
      if (file.find(std::string(full.substr(0, full.size() - kB.size())) + std::string(kA)) == nullptr) {
        throw UserError("{}: {} has no lora_A beside it.", where, base::shown_name(view.name));
      }
      continue;
    }
    if (!name.ends_with(kA)) {
      stored.adapter.whole.emplace_back(name, read_tensor(view, file, where));
      continue;
    }
    const auto module = name.substr(0, name.size() - kA.size());
    const auto* other = file.find(std::string(kPrefix) + std::string(module) + std::string(kB));
    if (other == nullptr) throw UserError("{}: {} has no lora_B beside it.", where, base::shown_name(view.name));
    LowRankPair pair{.weight = std::string(module) + ".weight", .a = read_tensor(view, file, where), .b = read_tensor(*other, file, where)};
    if (pair.a.dim() != 2 || pair.b.dim() != 2 || pair.a.size(0) != pair.b.size(1) || pair.a.numel() == 0 || pair.b.numel() == 0) {
      throw UserError("{}: lora_A and lora_B of {} do not fit each other: [{}] and [{}].", where, base::shown_name(std::string(module)), fmt::join(view.shape, ", "),
                      fmt::join(other->shape, ", "));
    }
    if (pair.a.size(0) != config.rank_of(module)) {
      throw UserError("{}: the pair of {} has rank {}, but {} says {}.", where, base::shown_name(std::string(module)), pair.a.size(0), kConfigFile, config.rank_of(module));
    }
    pair.scale = config.scale(module, pair.a.size(0));
    stored.adapter.pairs.push_back(std::move(pair));
  }
  if (stored.adapter.pairs.empty() && stored.adapter.whole.empty()) throw UserError("{}: there are no tensors.", where);
  stored.adapter.head = head_of(stored.adapter, metadata_at(file, "drover_head"), where);
  stored.start = metadata_at(file, "drover_start");
  return stored;
}

std::shared_ptr<const Model> load_base(const fs::path& folder, const fs::path& base, const LoadOptions& options) {
  if (!fs::exists(base)) {
    throw UserError("'{}' is an adapter over the base model {}, which is not here. Merge it with `drover merge {} --base MODEL -o OUT`.", folder.string(),
                    base::shown_name(base.string()), folder.string());
  }
  if (is_adapter_folder(base)) throw UserError("The base '{}' of the adapter '{}' is an adapter itself; merge that one first.", base.string(), folder.string());
  return Model::load(base, options);
}

void check_base(const StoredAdapter& stored, const fs::path& folder, const Model& base, const std::string& hash, const fs::path& base_path) {
  if (!stored.start.empty() && stored.start != hash) {
    throw UserError("The adapter '{}' was trained over other weights than those of '{}' ({} against {}). Give the base that it was trained over.", folder.string(),
                    base_path.string(), base::shown_name(stored.start), hash);
  }
  check_fits(stored.adapter, base.config(), folder.string());
}

ComputeType stored_type(const fs::path& base) {
  if (!fs::is_directory(base)) return ComputeType::kFloat32;
  const auto stored = weights::ShardedTensors::open(base);
  const bool all = std::all_of(stored.tensors().begin(), stored.tensors().end(), [](const auto& view) { return view.type == weights::ElementType::kBF16; });
  return all ? ComputeType::kBFloat16 : ComputeType::kFloat32;
}

std::string task_of(const Adapter& adapter) {
  if (!adapter.head) return "CAUSAL_LM";
  return adapter.head->kind == HeadKind::kSteps ? "TOKEN_CLS" : "SEQ_CLS";
}

AdapterConfig config_to_write(const Adapter& adapter, const LoraOptions& options, const AdapterOrigin& origin) {
  AdapterConfig config{.base_model = origin.base.string(), .task_type = task_of(adapter), .rank = options.rank, .alpha = options.effective_alpha()};
  config.target_modules = options.targets;
  if (config.target_modules.empty()) config.target_modules.assign(lora_target_names().begin(), lora_target_names().end());
  if (!adapter.whole.empty()) config.modules_to_save = {"score"};
  return config;
}

}  // namespace

void save_adapter(const Adapter& adapter, const LoraOptions& options, const AdapterOrigin& origin, const fs::path& folder) {
  std::vector<at::Tensor> values;
  std::vector<weights::TensorView> views;
  for (const auto& [name, tensor] : tensors_of(adapter)) {
    values.push_back(tensor.detach().to(at::kCPU, at::kFloat).contiguous());
    views.push_back(view_of_tensor(std::string(kPrefix) + name, values.back()));
  }
  auto metadata = weights::kPyTorchMetadata;
  metadata["drover_start"] = origin.start;
  metadata["drover_seed"] = std::to_string(origin.seed);
  if (adapter.head) {
    metadata["drover_head"] = nlohmann::json{{"kind", name_of(adapter.head->kind)}, {"seed", adapter.head->seed}, {"labels", adapter.head->labels}}.dump(
        -1, ' ', true, nlohmann::json::error_handler_t::replace);
  }
  const auto config = config_to_write(adapter, options, origin);
  write_folder(folder, "adapter", kConfigFile, [&](const fs::path& made) {
    base::write_file_atomically(made / kConfigFile, to_adapter_json(config));
    weights::write_safetensors(made / kWeightsFile, views, metadata);
    write_tokenizer_files(origin.tokenizer_source, origin.chat_template, made);
  });
}

bool is_adapter_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored) && fs::exists(path / kConfigFile, ignored) && !fs::exists(path / "config.json", ignored);
}

std::string adapter_base(const fs::path& folder) {
  auto base = read_config(folder).base_model;
  if (base.empty()) throw UserError("'{}' does not say which base model its adapter belongs to; give it: drover merge {} --base MODEL -o OUT.", folder.string(), folder.string());
  return base;
}

std::shared_ptr<const Model> load_with_adapter(const fs::path& folder, const fs::path& base_path, const LoadOptions& options) {
  const auto stored = read_adapter(folder);
  const auto base = load_base(folder, base_path, options);
  check_base(stored, folder, *base, stored.start.empty() ? std::string() : weights_hash(*base), base_path);
  return base->with_decoder(merged(base->decoder(), stored.adapter));
}

MergeReport merge_adapter(const fs::path& folder, const fs::path& base_path, const fs::path& target, std::optional<ComputeType> type) {
  const auto stored = read_adapter(folder);
  if (!fs::exists(base_path)) load_base(folder, base_path, {});  // says what is missing
  const auto own_type = type.value_or(stored_type(base_path));
  const auto base = load_base(folder, base_path, {.compute_type = own_type});
  const auto hash = weights_hash(*base);
  check_base(stored, folder, *base, hash, base_path);
  const auto config = merged_config(base->config(), stored.adapter);
  const auto shapes = parameter_shapes(config);
  std::vector<weights::TensorView> views;
  for (const auto& [name, shape] : shapes) {
    views.push_back({.name = name, .type = element_type_of(base->decoder().dtype()), .shape = shape, .bytes = {}});
  }
  write_model_folder(target,
                     {.config = config, .type = own_type, .lineage = {.start = hash}, .tokenizer_source = base->tokenizer_source(),
                      .chat_template = base->chat_template()},
                     [&](const fs::path& into) {
                       at::Tensor current;
                       weights::write_sharded(into, views, 5'000'000'000, weights::kPyTorchMetadata, [&](std::size_t index) {
                         current = merged_parameter(base->decoder(), stored.adapter, shapes[index].first).detach().cpu().contiguous();
                         return view_of_tensor(shapes[index].first, current).bytes;
                       });
                     });
  return {.pairs = std::ssize(stored.adapter.pairs), .whole = std::ssize(stored.adapter.whole), .type = own_type, .is_start_known = !stored.start.empty()};
}

}  // namespace drover::model
