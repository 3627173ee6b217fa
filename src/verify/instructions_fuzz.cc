// Instructions from anywhere and a reply: bytes before the first NUL are the instructions' JSON, those behind it the reply, which is also checked by
// one instruction of each kind of rule that walks over text.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "verify/instructions.h"
#include "verify/treebank_words.h"
#include "verify/python_string.h"
#include "verify/sentences.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover::verify;
  static const auto fixed = parse_instructions(
      R"({"instruction_id_list":["length_constraints:number_paragraphs","detectable_format:number_bullet_lists","detectable_format:title",
          "detectable_format:json_format","detectable_format:number_highlighted_sections","detectable_content:number_placeholders",
          "change_case:capital_word_frequency","length_constraints:nth_paragraph_first_word","combination:two_responses"],
          "kwargs":[{"num_paragraphs":2},{"num_bullets":2},{},{},{"num_highlights":1},{"num_placeholders":1},
          {"capital_frequency":1,"capital_relation":"at least"},{"num_paragraphs":2,"nth_paragraph":2,"first_word":"a"},{}]})");
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto nul = input.find('\0');
  const auto reply = nul == std::string_view::npos ? input : input.substr(nul + 1);
  check_instructions(fixed, reply);
  const auto decoded = decode(reply);
  for (const auto sentence : sentences_of(decoded)) {
    if (sentence.data() < decoded.data() || sentence.data() + sentence.size() > decoded.data() + decoded.size()) __builtin_trap();
  }
  treebank_words(decoded);
  if (nul == std::string_view::npos) return 0;
  try {
    const auto given = parse_instructions(input.substr(0, nul));
    for (const auto& instruction : given) {
      if (!instruction.id.starts_with("language") && !instruction.id.starts_with("change_case:english")) is_followed(instruction, reply);
    }
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
