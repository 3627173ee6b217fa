// A row of any shape: it is read, or refused with UserError; what was read is written and read back equal.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "chat/assistant_turn.h"
#include "chat/dialog_file.h"
#include "chat/dialog_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  try {
    const chat::Dialog dialog = chat::parse_dialog_row(line);
    chat::nothing_to_learn(dialog);
    if (!(chat::parse_dialog_row(chat::dialog_to_json(dialog).dump()) == dialog)) __builtin_trap();
  } catch (const base::UserError&) {
  }
  try {
    const chat::PreferenceRow row = chat::parse_preference_row(line);
    if (!(chat::parse_preference_row(chat::preference_row_to_json(row).dump()) == row)) __builtin_trap();
  } catch (const base::UserError&) {
  }
  return 0;
}
