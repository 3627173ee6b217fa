// Feeds arbitrary bytes to the reader of a GGUF file's configuration: it returns a checked configuration or throws UserError.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "model/config_gguf.h"
#include "weights/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto file = drover::weights::GgufFile::parse(std::as_bytes(std::span(data, size)), "input");
    drover::model::config_of_gguf(file, "input").validate();
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
