// src/CMakeLists.txt says how this file is compiled.
#define DROVER_EXPONENTIALS_NAME "portable"
#include "engine/exponentials_body.h"

namespace drover::engine {

const Exponentials* exponentials_portable() { return &kExponentials; }

}  // namespace drover::engine
