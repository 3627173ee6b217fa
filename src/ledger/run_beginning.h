#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace drover::ledger {

/// What the table `run_stages` calls one beginning of a run, by the `seq` of its row in `runs`: each time a run begins, the
/// stages that it finds done are recorded again.
std::string key_of_beginning(std::string_view run, std::int64_t seq);

}  // namespace drover::ledger
