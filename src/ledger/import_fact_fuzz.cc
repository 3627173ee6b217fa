// Lines that claim to be facts never crash the import, and one that it took can be exported again.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

#include "base/error.h"
#include "chat/strict_json.h"
#include "ledger/fact_json.h"

namespace {

drover::ledger::Ledger& new_ledger() {
  static const auto file = std::filesystem::temp_directory_path() / ("drover-import-fuzz-" + std::to_string(getpid()));
  std::filesystem::remove(file);
  static drover::ledger::Ledger ledger(file, drover::ledger::Ledger::OpenMode::kCreate);
  return ledger;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto& ledger = new_ledger();
  const auto row = drover::chat::parse_strict_json({reinterpret_cast<const char*>(data), size});
  if (!std::holds_alternative<drover::chat::Json>(row)) return 0;
  // Nothing is kept, so that the file stays small and each input meets the same ledger.
  drover::ledger::Ledger::Batch batch(ledger);
  try {
    drover::ledger::import_fact(ledger, std::get<drover::chat::Json>(row));
    for (const auto what : drover::ledger::exported_kinds()) {
      drover::ledger::export_facts(ledger, what, [](const drover::chat::Json&) {});
    }
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
