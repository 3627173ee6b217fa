// Any bytes as BERT's vocab.txt, and as text for its tokenizer.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/tokenizer_factories.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const auto tokenizer = drover::text::make_wordpiece_from_vocab_file(bytes, nlohmann::json(), "input");
    (void)tokenizer->decode(tokenizer->encode(bytes, {.parse_special = true, .add_special = true}));
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
