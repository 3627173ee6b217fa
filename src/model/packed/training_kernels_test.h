#pragma once

#include <ATen/ATen.h>

#include <type_traits>
#include <vector>

#include "model/packed/training_kernels.h"
#include "model/trained/element.h"

namespace drover::model {

template <typename Element>
constexpr at::ScalarType kTypeOf = std::is_same_v<Element, float> ? at::kFloat : at::kBFloat16;

/// The kernels of every instruction set that this processor has.
template <typename Element>
std::vector<const TrainingKernels<Element>*> all_training_kernels() {
  std::vector<const TrainingKernels<Element>*> found;
  for (const auto* kernels : {training_kernels_avx512<Element>(), training_kernels_avx2<Element>(), training_kernels_portable<Element>()}) {
    if (kernels != nullptr) found.push_back(kernels);
  }
  return found;
}

template <typename Element>
const Element* elements(const at::Tensor& tensor) {
  return static_cast<const Element*>(tensor.const_data_ptr());
}
template <typename Element>
Element* mutable_elements(const at::Tensor& tensor) {
  return static_cast<Element*>(tensor.mutable_data_ptr());
}
inline const float* floats(const at::Tensor& tensor) { return tensor.const_data_ptr<float>(); }
inline float* mutable_floats(const at::Tensor& tensor) { return tensor.mutable_data_ptr<float>(); }

/// Rows [64 n, width] as panels [n][width / unit][64][unit].
template <typename Element>
at::Tensor as_panels(const at::Tensor& rows) {
  constexpr std::int64_t unit = kUnit<Element>;
  return rows.view({rows.size(0) / 64, 64, rows.size(1) / unit, unit}).permute({0, 2, 1, 3}).contiguous();
}

/// Rows [rows, width] as pairs along the rows, [units][width][unit]; an odd last row is paired with zeros.
template <typename Element>
at::Tensor as_pairs(const at::Tensor& rows) {
  constexpr std::int64_t unit = kUnit<Element>;
  const at::Tensor whole = at::constant_pad_nd(rows, {0, 0, 0, rows.size(0) % unit});
  return whole.view({whole.size(0) / unit, unit, whole.size(1)}).permute({0, 2, 1}).contiguous();
}

/// The largest difference, relative to the largest expected value.
inline double apart(const at::Tensor& value, const at::Tensor& expected) {
  const double size = expected.to(at::kDouble).abs().max().item<double>();
  return (value.to(at::kDouble) - expected.to(at::kDouble)).abs().max().item<double>() / (size > 1e-3 ? size : 1e-3);
}

}  // namespace drover::model
