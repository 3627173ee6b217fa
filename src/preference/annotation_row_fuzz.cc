// Rows that people have filled in never crash the reader.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "chat/strict_json.h"
#include "preference/annotation_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto row = drover::chat::parse_strict_json({reinterpret_cast<const char*>(data), size});
  if (!std::holds_alternative<drover::chat::Json>(row)) return 0;
  try {
    drover::preference::answer_row_from_json(std::get<drover::chat::Json>(row));
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
