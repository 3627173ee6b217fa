// Any JSON as a tokenizer.json of BPE over characters and of WordPiece: loaded and used, or refused with a UserError.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/tokenizer_factories.h"

namespace {

template <typename Make>
void load_and_use(const Make& make, std::string_view text) {
  try {
    const auto tokenizer = make();
    for (const bool parse_special : {false, true}) {
      const auto ids = tokenizer->encode(text, {.parse_special = parse_special, .add_special = true});
      (void)tokenizer->decode(ids);
    }
  } catch (const drover::base::UserError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover::text;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto file = nlohmann::json::parse(bytes, nullptr, false);
  if (!file.is_object()) return 0;
  const DeclaredTokens declared{.bos = "<s>", .eos = "</s>", .unknown = {}, .padding = {}};
  for (const std::string_view text :
       {std::string_view(" The  h\xC3\xA9rd\t\xFF\xE2\x96\x81 <s>ab"), bytes.substr(0, 200)}) {
    load_and_use([&] { return make_sentencepiece_bpe(file, declared, "input"); }, text);
    load_and_use([&] { return make_wordpiece(file, declared, "input"); }, text);
  }
  return 0;
}
