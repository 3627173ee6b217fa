// src/CMakeLists.txt says how this file is compiled.
#define DROVER_DOT_PRODUCTS_NAME "portable"
#define DROVER_DOT_ROWS 2
#include "curate/dot_products_body.h"

namespace drover::curate {

const DotProducts* dot_products_portable() { return &kDotProducts; }

}  // namespace drover::curate
