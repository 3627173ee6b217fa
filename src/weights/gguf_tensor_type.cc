#include "weights/gguf_tensor_type.h"

#include <array>
#include <utility>

namespace drover::weights {
namespace {

constexpr std::array<std::pair<std::uint32_t, ElementType>, 18> kNumbers = {{
    {0, ElementType::kF32},   {1, ElementType::kF16},   {2, ElementType::kQ4_0},  {3, ElementType::kQ4_1},
    {6, ElementType::kQ5_0},  {7, ElementType::kQ5_1},  {8, ElementType::kQ8_0},  {10, ElementType::kQ2_K},
    {11, ElementType::kQ3_K}, {12, ElementType::kQ4_K}, {13, ElementType::kQ5_K}, {14, ElementType::kQ6_K},
    {24, ElementType::kI8},   {25, ElementType::kI16},  {26, ElementType::kI32},  {27, ElementType::kI64},
    {28, ElementType::kF64},  {30, ElementType::kBF16},
}};

}  // namespace

std::optional<ElementType> element_type_of_gguf(std::uint32_t number) {
  for (const auto& [known, type] : kNumbers) {
    if (known == number) return type;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> gguf_number_of(ElementType type) {
  for (const auto& [number, known] : kNumbers) {
    if (known == type) return number;
  }
  return std::nullopt;
}

std::string readable_gguf_types() {
  std::string names;
  for (const auto& [number, type] : kNumbers) {
    if (!names.empty()) names += ", ";
    names += name_of(type);
  }
  return names;
}

}  // namespace drover::weights
