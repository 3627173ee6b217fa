#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/tensor.h"

namespace drover::weights {

/// The longest header that the format allows.
inline constexpr std::uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;

struct SafetensorsHeader {
  struct Tensor {
    std::string name;
    ElementType type = ElementType::kF32;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0;  ///< bytes, from the end of the header
    std::uint64_t end = 0;
  };
  std::vector<Tensor> tensors;  ///< in the order of their bytes
  std::map<std::string, std::string> metadata;
};

/// Parses a header's JSON and checks all that it says by itself: known types, sizes that agree with shapes, tensors that follow each
/// other without holes and overlaps from byte 0 to `data_bytes`. `where` names the file in messages. Throws UserError.
SafetensorsHeader parse_safetensors_header(std::string_view json, std::uint64_t data_bytes, std::string_view where);

/// The element type of a safetensors dtype ("BF16"), or nothing when drover does not know it.
std::optional<ElementType> element_type_of_safetensors(std::string_view dtype);

/// The rank of a type in the reference writer's order (higher ranks are stored first), or nothing for GGUF's block formats.
std::optional<int> safetensors_rank(ElementType type);

}  // namespace drover::weights
