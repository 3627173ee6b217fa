#include "ledger/run_beginning.h"

#include <fmt/format.h>

namespace drover::ledger {

std::string key_of_beginning(std::string_view run, std::int64_t seq) { return fmt::format("{}/{}", run, seq); }

}  // namespace drover::ledger
