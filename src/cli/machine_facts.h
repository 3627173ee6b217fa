#pragma once

#include <nlohmann/json.hpp>

namespace drover::cli {

/// What this machine offers: processor, cores, memory, disk under $DROVER_HOME, LibTorch, installed models, optional programs.
nlohmann::ordered_json machine_facts();

}  // namespace drover::cli
