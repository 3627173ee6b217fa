#include "cli/version.h"

namespace drover::cli {

std::string_view version() { return "drover " DROVER_VERSION; }

}  // namespace drover::cli
