#pragma once

namespace drover::model {

/// What a packed matrix stores its weights as.
enum class WeightForm {
  kAsGiven,  ///< float32 or bfloat16
  kInt8,     ///< whole numbers of -127 to 127 and a scale for each output: half the memory of bfloat16, a little loss
};

}  // namespace drover::model
