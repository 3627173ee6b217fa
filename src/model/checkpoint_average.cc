#include "model/checkpoint_average.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/config_json.h"
#include "model/decoder.h"
#include "model/device.h"
#include "model/heads.h"
#include "model/load_decoder.h"
#include "model/model_folder.h"
#include "model/tensor_of_view.h"
#include "model/threads.h"
#include "text/load_tokenizer.h"
#include "weights/safetensors_writer.h"
#include "weights/small_floats.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;
using weights::ElementType;
using weights::TensorView;

constexpr std::string_view kOneStart = "Only checkpoints that were trained from one start model can be averaged";

void check_is_folder(const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(folder / "adapter_config.json", ignored) && !fs::exists(folder / "config.json", ignored)) {
    throw base::UserError("'{}' is an adapter and no whole model: merge it first, with `drover merge {} -o FOLDER`.", folder.string(), folder.string());
  }
  if (fs::is_directory(folder)) return;
  if (!fs::exists(folder)) throw base::UserError("There is no model folder at '{}'.", folder.string());
  throw base::UserError("'{}' is no model folder: averaging reads safetensors. `drover convert` makes a folder of a GGUF file.", folder.string());
}

/// The first key of config.json that differs.
void check_same_config(const fs::path& first_folder, const DecoderConfig& first, const fs::path& folder, const DecoderConfig& config) {
  if (first.head.kind != config.head.kind) {
    throw base::UserError("'{}' cannot be averaged with '{}': it has a {} head, the other a {} head.", folder.string(), first_folder.string(),
                          name_of(config.head.kind), name_of(first.head.kind));
  }
  if (first == config) return;
  const auto expected = nlohmann::ordered_json::parse(to_config_json(first, ComputeType::kFloat32));
  const auto given = nlohmann::ordered_json::parse(to_config_json(config, ComputeType::kFloat32));
  for (const auto& [key, value] : expected.items()) {
    const auto other = given.value(key, nlohmann::ordered_json());
    if (other == value) continue;
    throw base::UserError("'{}' cannot be averaged with '{}': '{}' is {} in one and {} in the other (config.json). {}.", folder.string(),
                          first_folder.string(), key, other.dump(), value.dump(), kOneStart);
  }
  throw base::UserError("'{}' cannot be averaged with '{}': their configurations differ (config.json).", folder.string(), first_folder.string());
}

/// The first token that differs.
void check_same_tokenizer(const fs::path& first_folder, const text::Tokenizer& first, const fs::path& folder, const text::Tokenizer& tokenizer) {
  if (first.hash() == tokenizer.hash()) return;
  const std::string pair = fmt::format("'{}' cannot be averaged with '{}': their tokenizers differ", folder.string(), first_folder.string());
  if (first.vocab_size() != tokenizer.vocab_size()) {
    throw base::UserError("{}, one has {} tokens and the other {}.", pair, tokenizer.vocab_size(), first.vocab_size());
  }
  for (std::int32_t id = 0; id < first.vocab_size(); ++id) {
    const auto one = tokenizer.bytes_of(text::TokenId{id});
    const auto other = first.bytes_of(text::TokenId{id});
    if (one != other) {
      throw base::UserError("{}: token {} is {} in one and {} in the other.", pair, id, nlohmann::json(std::string(one)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                            nlohmann::json(std::string(other)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
  }
  throw base::UserError("{} in their rules or control tokens.", pair);
}

void check_same_start(const fs::path& first_folder, const Lineage& first, const fs::path& folder, const Lineage& lineage) {
  if (first.start.empty() || lineage.start.empty() || first == lineage) return;
  throw base::UserError("'{}' cannot be averaged with '{}': one was trained from the weights {}, the other from {}. {}.", folder.string(),
                        first_folder.string(), lineage.start, first.start, kOneStart);
}

/// float32 with its last bit set where `value` lies between two of them: rounding it again, to fewer bits, gives what rounding
/// `value` itself would give.
float rounded_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  if (static_cast<double>(nearest) == value) return nearest;
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  if (std::abs(static_cast<double>(nearest)) > std::abs(value)) --bits;
  return std::bit_cast<float>(bits | 1U);
}

void store(std::span<const double> values, ElementType type, std::byte* out) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (type == ElementType::kBF16) {
      const std::uint16_t bits = weights::float_to_bfloat16(rounded_to_odd(values[i]));
      std::memcpy(out + i * sizeof bits, &bits, sizeof bits);
    } else {
      const auto number = static_cast<float>(values[i]);
      std::memcpy(out + i * sizeof number, &number, sizeof number);
    }
  }
}

std::int64_t bytes_of(ElementType type) { return weights::block_size(type).bytes; }

bool are_finite(std::span<const std::byte> bytes, ElementType type) {
  constexpr std::size_t kValues = 4096;
  std::vector<float> values(kValues);
  const auto size = static_cast<std::size_t>(bytes_of(type));
  for (std::size_t begin = 0; begin < bytes.size(); begin += kValues * size) {
    const auto piece = bytes.subspan(begin, std::min(kValues * size, bytes.size() - begin));
    const auto decoded = std::span(values).first(piece.size() / size);
    weights::to_float32(type, piece, decoded);
    if (!std::all_of(decoded.begin(), decoded.end(), [](float value) { return std::isfinite(value); })) return false;
  }
  return true;
}

}  // namespace

std::vector<double> effective_weights(std::span<const double> weights) {
  double sum = 0;
  for (const double weight : weights) {
    if (!std::isfinite(weight) || weight < 0) throw base::UserError("The averaging weight {} is not possible: weights are numbers from 0 on.", weight);
    sum += weight;
  }
  if (!(sum > 0) || !std::isfinite(sum)) throw base::UserError("The averaging weights sum to {}: give at least one weight above 0.", sum);
  std::vector<double> shares;
  for (const double weight : weights) shares.push_back(weight / sum);
  return shares;
}

Checkpoints Checkpoints::open(std::span<const fs::path> folders) {
  if (folders.empty()) throw base::UserError("There are no models to average.");
  Checkpoints set;
  std::shared_ptr<const text::Tokenizer> first_tokenizer;
  for (const fs::path& folder : folders) {
    check_is_folder(folder);
    const DecoderConfig config = read_folder_config(folder);
    Member member{.folder = folder, .lineage = read_lineage(folder), .tensors = {}};
    auto tokenizer = text::load_tokenizer(folder);
    if (set.members_.empty()) {
      set.config_ = config;
      first_tokenizer = tokenizer;
    } else {
      check_same_config(folders.front(), set.config_, folder, config);
      check_same_tokenizer(folders.front(), *first_tokenizer, folder, *tokenizer);
      for (const Member& earlier : set.members_) check_same_start(earlier.folder, earlier.lineage, folder, member.lineage);
    }
    member.tensors = weights::ShardedTensors::open(folder);
    check_tensors(member.tensors, config, folder.string());
    for (const auto& [name, shape] : parameter_shapes(config)) {
      const ElementType type = member.tensors.at(name).type;
      if (type != ElementType::kF32 && type != ElementType::kBF16 && type != ElementType::kF16) {
        throw base::UserError("{}: the tensor '{}' holds {}; averaging reads F32, BF16 and F16.", folder.string(), name, weights::name_of(type));
      }
    }
    set.members_.push_back(std::move(member));
  }
  return set;
}

Lineage Checkpoints::lineage() const { return of_unknown_lineage().empty() ? members_.front().lineage : Lineage{}; }

std::vector<fs::path> Checkpoints::of_unknown_lineage() const {
  std::vector<fs::path> folders;
  for (const Member& member : members_) {
    if (member.lineage.start.empty()) folders.push_back(member.folder);
  }
  return folders;
}

std::vector<Checkpoints::Part> Checkpoints::parts(std::span<const double> weights) const {
  if (weights.size() != members_.size()) {
    throw base::UserError("{} models were given with {} weights; give one weight a model.", members_.size(), weights.size());
  }
  effective_weights(weights);  // for its checks
  std::vector<Part> parts;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (weights[i] > 0) parts.push_back({&members_[i], weights[i]});
  }
  return parts;
}

ElementType Checkpoints::type_of(const std::string& name) const {
  const bool all_bfloat16 = std::all_of(members_.begin(), members_.end(), [&](const Member& member) { return member.tensors.at(name).type == ElementType::kBF16; });
  return all_bfloat16 ? ElementType::kBF16 : ElementType::kF32;
}

std::vector<std::byte> Checkpoints::mean_of(const std::string& name, ElementType type, std::span<const Part> parts) const {
  std::vector<const TensorView*> views;
  double total = 0;
  for (const Part& part : parts) {
    views.push_back(&part.member->tensors.at(name));
    total += part.weight;
  }
  const std::int64_t count = views.front()->num_elements();
  std::vector<std::byte> out(static_cast<std::size_t>(count * bytes_of(type)));
  constexpr std::int64_t kPiece = 1 << 14;
  parallel_for((count + kPiece - 1) / kPiece, 1, [&](std::int64_t first, std::int64_t last) {
    std::vector<float> values(kPiece);
    std::vector<double> sums(kPiece);
    for (std::int64_t piece = first; piece < last; ++piece) {
      const std::int64_t begin = piece * kPiece;
      const auto size = static_cast<std::size_t>(std::min(kPiece, count - begin));
      for (std::size_t m = 0; m < views.size(); ++m) {
        const std::int64_t stored = bytes_of(views[m]->type);
        weights::to_float32(views[m]->type, views[m]->bytes.subspan(static_cast<std::size_t>(begin * stored), size * static_cast<std::size_t>(stored)),
                            std::span(values).first(size));
        // The first one is not added to 0: that would lose the sign of a negative zero.
        for (std::size_t i = 0; i < size; ++i) sums[i] = (m == 0 ? -0.0 : sums[i]) + parts[m].weight * static_cast<double>(values[i]);
      }
      for (std::size_t i = 0; i < size; ++i) sums[i] /= total;
      store(std::span(sums).first(size), type, out.data() + begin * bytes_of(type));
    }
  });
  return out;
}

std::shared_ptr<const Model> Checkpoints::mean(std::span<const double> weights, const LoadOptions& options) const {
  const auto chosen = parts(weights);
  const at::ScalarType wanted = options.compute_type == ComputeType::kFloat32 ? at::kFloat : at::kBFloat16;
  const at::Device device = device_of(options.device);
  NamedTensors parameters;
  for (const auto& [name, shape] : parameter_shapes(config_)) {
    const ElementType type = type_of(name);
    const auto bytes = mean_of(name, type, chosen);
    const TensorView view{.name = name, .type = type, .shape = shape, .bytes = bytes};
    parameters.emplace_back(name, tensor_of_view(view, wanted, nullptr).to(device));
  }
  const fs::path& source = members_.front().folder;
  return std::make_shared<const Model>(std::make_shared<const Decoder>(config_, std::move(parameters)), text::load_tokenizer(source),
                                       text::read_chat_template(source), source);
}

void Checkpoints::write_mean(std::span<const double> weights, const fs::path& target, const base::OnProgress& on_progress) const {
  const auto chosen = parts(weights);
  std::vector<TensorView> views;
  bool all_bfloat16 = true;
  for (const auto& [name, shape] : parameter_shapes(config_)) {
    views.push_back({.name = name, .type = type_of(name), .shape = shape, .bytes = {}});
    all_bfloat16 = all_bfloat16 && views.back().type == ElementType::kBF16;
  }
  std::vector<std::byte> current;
  std::int64_t done = 0;
  const auto mean_of_view = [&](std::size_t index) -> std::span<const std::byte> {
    current.clear();
    current.shrink_to_fit();
    current = mean_of(views[index].name, views[index].type, chosen);
    if (on_progress) on_progress({.what = "averaging", .done = ++done, .total = static_cast<std::int64_t>(views.size()), .unit = "tensors"});
    if (are_finite(current, views[index].type)) return current;
    for (const Part& part : chosen) {
      const TensorView& view = part.member->tensors.at(views[index].name);
      if (are_finite(view.bytes, view.type)) continue;
      throw base::UserError("{}: the tensor '{}' holds values that are no finite numbers; leave this model out.", part.member->folder.string(), view.name);
    }
    DROVER_CHECK(false, "The mean of finite tensors '{}' is not finite", views[index].name);
  };
  const fs::path& source = members_.front().folder;
  write_model_folder(target,
                     {.config = config_, .type = all_bfloat16 ? ComputeType::kBFloat16 : ComputeType::kFloat32, .lineage = lineage(),
                      .tokenizer_source = source, .chat_template = text::read_chat_template(source)},
                     [&](const fs::path& folder) { weights::write_sharded(folder, views, 5'000'000'000, weights::kPyTorchMetadata, mean_of_view); });
}

}  // namespace drover::model
