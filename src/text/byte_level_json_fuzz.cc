// Any JSON as a tokenizer.json of byte-level BPE: loaded and used, or refused with a UserError; the same by the fast way of large files.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/bpe_lists.h"
#include "text/tokenizer_factories.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover::text;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto split = SplitTokenizerJson::parse(std::string(bytes));
  const auto lists = split ? split->lists() : std::nullopt;
  const auto file = nlohmann::json::parse(bytes, nullptr, false);
  if (!file.is_object()) {
    if (lists) std::abort();
    return 0;
  }
  const DeclaredTokens declared{.bos = "<s>", .eos = "</s>", .unknown = {}, .padding = {}};
  try {
    const auto tokenizer = make_byte_level_bpe(file, declared, "input");
    for (const std::string_view text :
         {std::string_view("I'm 12  h\xC3\xA9re\r\n\xFF <s>ab\xE4\xB8\xAD"), bytes.substr(0, 200)}) {
      const auto ids = tokenizer->encode(text, {.parse_special = true, .add_special = true});
      (void)tokenizer->decode(ids, {.skip_special = true});
      (void)tokenizer->encode(text);
    }
    if (lists && make_byte_level_bpe(split->rest(), *lists, declared, "input")->hash() != tokenizer->hash()) std::abort();
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
