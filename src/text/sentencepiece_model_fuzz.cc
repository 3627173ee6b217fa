// Any bytes as a SentencePiece tokenizer.model: loaded and used, or refused with a UserError.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer_factories.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const auto tokenizer = drover::text::make_sentencepiece_bpe_from_model(bytes, {}, "input");
    for (const std::string_view text : {std::string_view(" the  herd\t\xFF\xE2\x96\x81 <s>ab"), bytes.substr(0, 200)}) {
      const auto ids = tokenizer->encode(text, {.parse_special = true, .add_special = true});
      (void)tokenizer->decode(ids);
    }
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
