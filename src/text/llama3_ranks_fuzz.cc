// Any bytes as Llama 3's tokenizer.model: loaded and used, or refused with a UserError.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer_factories.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover::text;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const auto tokenizer = make_llama3_bpe(bytes, "input");
    (void)tokenizer->decode(tokenizer->encode(bytes.substr(0, 500), {.add_special = true}), {});
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
