// Any bytes as a GGUF file: read and every value decoded, or refused with a UserError.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "weights/gguf.h"

namespace {

namespace weights = drover::weights;

template <typename Read>
void read_or_refuse(const Read& read) {
  try {
    read();
  } catch (const drover::base::UserError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_or_refuse([&] {
    const auto file = weights::GgufFile::parse(std::as_bytes(std::span(data, size)), "input");
    for (const auto key : file.keys()) {
      read_or_refuse([&] { file.find_string(key); });
      read_or_refuse([&] { file.find_integer(key); });
      read_or_refuse([&] { file.find_number(key); });
      read_or_refuse([&] { file.find_bool(key); });
      read_or_refuse([&] { file.find_array_of_strings(key); });
      read_or_refuse([&] { file.find_array_of_integers(key); });
      read_or_refuse([&] { file.find_array_of_numbers(key); });
      read_or_refuse([&] { file.find_array_of_bools(key); });
      file.value(key);
    }
    for (const auto& tensor : file.tensors()) {
      std::vector<float> values(static_cast<std::size_t>(tensor.num_elements()));
      weights::to_float32(tensor.type, tensor.bytes, values);
      DROVER_CHECK(file.find(tensor.name) == &tensor, "A tensor is not found under its own name");
    }
  });
  return 0;
}
