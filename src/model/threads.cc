#include "model/threads.h"

#include <ATen/Parallel.h>

namespace drover::model {

void use_threads(int count) {
  if (count > 0) at::set_num_threads(count);
}

}  // namespace drover::model
