#include "weights/small_floats.h"

#include <cmath>
#include <limits>

namespace drover::weights {

float f8_e4m3_to_float(std::uint8_t value) {
  const int exponent = (value >> 3) & 15;
  const int mantissa = value & 7;
  float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                  : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  if (exponent == 15 && mantissa == 7) magnitude = std::numeric_limits<float>::quiet_NaN();
  return (value & 0x80) != 0 ? -magnitude : magnitude;
}

}  // namespace drover::weights
