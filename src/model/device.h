#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace drover::model {

/// The device that "cpu", "cuda" or "cuda:1" names. Throws UserError for other names, and where there is no such device.
at::Device device_of(const std::string& name);

}  // namespace drover::model
