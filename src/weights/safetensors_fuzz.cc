// Any bytes as a safetensors file: read, or refused with a UserError.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "weights/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace weights = drover::weights;
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const auto file = weights::SafetensorsFile::parse(bytes, "input");
    std::size_t covered = 0;
    for (const auto& tensor : file.tensors()) {
      covered += tensor.bytes.size();
      std::vector<float> values(static_cast<std::size_t>(tensor.num_elements()));
      weights::to_float32(tensor.type, tensor.bytes, values);
      DROVER_CHECK(file.find(tensor.name) == &tensor, "A tensor is not found under its own name");
    }
    DROVER_CHECK(covered + 8 <= size, "Tensors cover more than the file");
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
