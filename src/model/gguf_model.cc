#include "model/gguf_model.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/error.h"
#include "model/config_gguf.h"
#include "model/decoder.h"
#include "model/gguf_names.h"
#include "model/heads.h"
#include "model/rope.h"
#include "model/tensor_of_view.h"
#include "text/gguf_metadata.h"
#include "weights/element_codec.h"
#include "weights/gguf_writer.h"
#include "weights/rope_rows.h"

namespace drover::model {
namespace {

using weights::ElementType;

// llama.cpp keeps vectors in float32: they are small, and its kernels read them so.
ElementType stored_type(ElementType wanted, const at::Tensor& tensor) {
  if (tensor.dim() < 2) return ElementType::kF32;
  const std::int64_t block = weights::block_size(wanted).elements;
  return tensor.size(-1) % block == 0 ? wanted : ElementType::kF32;
}

std::uint32_t file_type(ElementType type) {  // llama.cpp's LLAMA_FTYPE_*
  switch (type) {
    case ElementType::kF32:
      return 0;
    case ElementType::kQ8_0:
      return 7;
    case ElementType::kBF16:
      return 32;
    default:
      throw base::UserError("Models are written to GGUF as F32, BF16 or Q8_0, not as {}.", weights::name_of(type));
  }
}

// The model's own end ids count, whatever its tokenizer's files say: eos first, a second one as end of turn.
void add_end_ids(const DecoderConfig& config, weights::GgufMetadata& metadata) {
  const char* keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"};
  for (std::size_t i = 0; i < std::min(std::size(keys), config.eos.size()); ++i) {
    std::erase_if(metadata, [&](const auto& entry) { return entry.first == keys[i]; });
    metadata.emplace_back(keys[i], static_cast<std::uint32_t>(text::to_int(config.eos[i])));
  }
}

weights::GgufMetadata metadata_of(const Model& model, ElementType type) {
  weights::GgufMetadata metadata = gguf_metadata_of(model.config());
  metadata.emplace_back("general.file_type", file_type(type));
  metadata.emplace_back("general.quantization_version", std::uint32_t{2});
  for (auto& entry : text::gguf_tokenizer_metadata(model.tokenizer_source(), model.config().vocab_size)) {
    metadata.push_back(std::move(entry));
  }
  add_end_ids(model.config(), metadata);
  if (model.chat_template()) metadata.emplace_back("tokenizer.chat_template", *model.chat_template());
  return metadata;
}

// One parameter's bytes as the file holds them.
std::vector<std::byte> encoded(const DecoderConfig& config, const std::string& name, const at::Tensor& tensor, ElementType type) {
  const at::Tensor values = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  const std::span<const float> numbers(values.const_data_ptr<float>(), static_cast<std::size_t>(values.numel()));
  std::vector<std::byte> bytes(*weights::stored_bytes(type, values.sizes().vec()));
  weights::from_float32(type, numbers, bytes);
  const std::int64_t heads = num_reordered_heads(config, name);
  if (heads == 0) return bytes;
  std::vector<std::byte> ordered(bytes.size());
  weights::rope_halves_to_neighbours(bytes, values.size(0), heads, ordered);
  return ordered;
}

}  // namespace

void write_gguf_model(const Model& model, const std::filesystem::path& path, ElementType type) {
  const DecoderConfig& config = model.config();
  if (config.head.kind != HeadKind::kLanguage) {
    throw base::UserError("GGUF holds language models; this model has a {} head. Save it as a Hugging Face folder.", name_of(config.head.kind));
  }
  const weights::GgufMetadata metadata = metadata_of(model, type);
  const NamedTensors& parameters = model.decoder().parameters();
  std::vector<weights::TensorView> views;
  for (const auto& [name, tensor] : parameters) {
    views.push_back({.name = gguf_name_of(name), .type = stored_type(type, tensor), .shape = tensor.sizes().vec(), .bytes = {}});
  }
  std::vector<float> divisors;
  if (config.rope_scaling.kind == RopeScaling::Kind::kLlama3) {
    divisors = llama3_divisors(config);
    views.push_back({.name = "rope_freqs.weight", .type = ElementType::kF32, .shape = {static_cast<std::int64_t>(divisors.size())}, .bytes = {}});
  }
  std::vector<std::byte> current;
  weights::write_gguf(path, metadata, views, [&](std::size_t index) -> std::span<const std::byte> {
    if (index >= parameters.size()) return std::as_bytes(std::span(divisors));
    current = encoded(config, parameters[index].first, parameters[index].second, views[index].type);
    return current;
  });
}

}  // namespace drover::model
