#include "model/device.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/error.h"

namespace drover::model {

at::Device device_of(const std::string& name) {
  const bool is_cuda = name == "cuda" || name.starts_with("cuda:");
  const std::string number = name.starts_with("cuda:") ? name.substr(5) : "0";
  const bool is_number = !number.empty() && number.size() <= 3 && std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (name != "cpu" && !(is_cuda && is_number)) throw base::UserError("'{}' is not a device; try cpu, cuda or cuda:1.", name);
  if (name == "cpu") return at::kCPU;
  if (!at::hasCUDA()) throw base::UserError("The device '{}' was asked for, but this LibTorch or this machine has no CUDA; try cpu.", name);
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(std::stoi(number)));
}

}  // namespace drover::model
