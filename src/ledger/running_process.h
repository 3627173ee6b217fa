#pragma once

#include <string>
#include <string_view>

namespace drover::ledger {

/// Names this process so that it can be asked for later: host, number, and the time when it started, because numbers
/// are used again.
std::string this_process();

/// Whether a process that `this_process` named still runs. Processes of other hosts count as ended: nobody can tell.
bool is_running(std::string_view process);

}  // namespace drover::ledger
