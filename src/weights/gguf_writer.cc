#include "weights/gguf_writer.h"

#include <bit>
#include <set>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "weights/container_stream.h"
#include "weights/gguf_tensor_type.h"

namespace drover::weights {
namespace {

constexpr std::uint32_t kVersion = 3;
constexpr std::uint32_t kDefaultAlignment = 32;
constexpr std::size_t kMaxDimensions = 4;
constexpr std::size_t kMaxTensorNameBytes = 63;  // llama.cpp keeps names in 64 bytes, the last of them zero

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

template <typename T>
constexpr GgufType type_for() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return GgufType::kU8;
  if constexpr (std::is_same_v<T, std::int8_t>) return GgufType::kI8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return GgufType::kU16;
  if constexpr (std::is_same_v<T, std::int16_t>) return GgufType::kI16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return GgufType::kU32;
  if constexpr (std::is_same_v<T, std::int32_t>) return GgufType::kI32;
  if constexpr (std::is_same_v<T, float>) return GgufType::kF32;
  if constexpr (std::is_same_v<T, bool>) return GgufType::kBool;
  if constexpr (std::is_same_v<T, std::string>) return GgufType::kString;
  if constexpr (std::is_same_v<T, std::uint64_t>) return GgufType::kU64;
  if constexpr (std::is_same_v<T, std::int64_t>) return GgufType::kI64;
  if constexpr (std::is_same_v<T, double>) return GgufType::kF64;
}

void write_string(ContainerStream& stream, std::string_view text) {
  stream.write_number(static_cast<std::uint64_t>(text.size()));
  stream.write(text);
}

template <typename T>
void write_scalar(ContainerStream& stream, const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    write_string(stream, value);
  } else if constexpr (std::is_same_v<T, bool>) {
    stream.write_number(static_cast<std::uint8_t>(value ? 1 : 0));
  } else {
    stream.write_number(value);
  }
}

void write_value(ContainerStream& stream, const GgufValue& value) {
  std::visit(
      [&]<typename T>(const T& held) {
        if constexpr (IsVector<T>::value) {
          using Element = typename T::value_type;
          stream.write_number(GgufType::kArray);
          stream.write_number(type_for<Element>());
          stream.write_number(static_cast<std::uint64_t>(held.size()));
          for (std::size_t i = 0; i < held.size(); ++i) write_scalar<Element>(stream, held[i]);
        } else {
          stream.write_number(type_for<T>());
          write_scalar(stream, held);
        }
      },
      value);
}

std::uint32_t alignment_of(const GgufMetadata& metadata) {
  for (const auto& [key, value] : metadata) {
    if (key != "general.alignment") continue;
    const auto* alignment = std::get_if<std::uint32_t>(&value);
    DROVER_CHECK(alignment != nullptr && std::has_single_bit(*alignment), "general.alignment must be a u32 and a power of two");
    return *alignment;
  }
  return kDefaultAlignment;
}

void check_names(const GgufMetadata& metadata, std::span<const TensorView> tensors) {
  std::set<std::string_view> keys;
  for (const auto& [key, value] : metadata) {
    DROVER_CHECK(!key.empty() && keys.insert(key).second, "Metadata key '{}' is empty or given twice", key);
  }
  std::set<std::string_view> names;
  for (const TensorView& tensor : tensors) {
    DROVER_CHECK(names.insert(tensor.name).second, "Tensor {} is given twice", tensor.name);
    DROVER_CHECK(tensor.name.size() <= kMaxTensorNameBytes, "The tensor name {} is too long for GGUF", tensor.name);
    DROVER_CHECK(!tensor.shape.empty() && tensor.shape.size() <= kMaxDimensions, "Tensor {} has {} dimensions; GGUF holds 1 to 4",
                 tensor.name, tensor.shape.size());
    DROVER_CHECK(gguf_number_of(tensor.type).has_value(), "Tensor {} is {}, which GGUF cannot hold", tensor.name,
                 name_of(tensor.type));
    DROVER_CHECK(stored_bytes(tensor.type, tensor.shape).has_value(), "Tensor {} has an impossible shape for {}", tensor.name,
                 name_of(tensor.type));
  }
}

}  // namespace

void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata, std::span<const TensorView> tensors,
                const TensorBytes& bytes) {
  check_names(metadata, tensors);
  const std::uint64_t alignment = alignment_of(metadata);
  ContainerStream stream(path);
  stream.write("GGUF");
  stream.write_number(kVersion);
  stream.write_number(static_cast<std::uint64_t>(tensors.size()));
  stream.write_number(static_cast<std::uint64_t>(metadata.size()));
  for (const auto& [key, value] : metadata) {
    write_string(stream, key);
    write_value(stream, value);
  }
  std::uint64_t offset = 0;
  for (const TensorView& tensor : tensors) {
    write_string(stream, tensor.name);
    stream.write_number(static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) stream.write_number(*size);
    stream.write_number(*gguf_number_of(tensor.type));
    stream.write_number(offset);
    offset += *stored_bytes(tensor.type, tensor.shape);
    offset = (offset + alignment - 1) / alignment * alignment;
  }
  stream.pad_to_multiple_of(alignment);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto data = bytes ? bytes(i) : tensors[i].bytes;
    const std::uint64_t expected = *stored_bytes(tensors[i].type, tensors[i].shape);
    DROVER_CHECK_EQ(data.size(), expected, "Tensor {} has a wrong number of bytes", tensors[i].name);
    stream.write(data);
    stream.pad_to_multiple_of(alignment);
  }
  stream.commit();
}

}  // namespace drover::weights
