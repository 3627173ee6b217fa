#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "model/packed/kernels.h"
#include "model/packed/weight_form.h"

namespace drover::model {

/// A weight matrix [out, in] and its bias, laid out for `Kernels::multiply`: panels of 64 outputs, in each unit after unit of the
/// inputs, in each unit output after output. Padding is 0.
struct PackedMatrix {
  at::Tensor panels;         ///< [panels, units, 64, numbers in a unit]
  at::Tensor scales;         ///< float32 [panels * 64] of int8 panels; else undefined
  at::Tensor bias;           ///< float32 [panels * 64]; undefined when there is none
  std::int64_t k = 0;        ///< inputs, padded
  std::int64_t columns = 0;  ///< outputs, without padding

  template <typename Element>
  const Element* weights() const {
    return static_cast<const Element*>(panels.const_data_ptr());
  }
  bool is_int8() const { return scales.defined(); }
  /// The fields of a product with this matrix that depend on it.
  template <typename Element>
  Multiplication<Element> product() const {
    Multiplication<Element> m{.bias = bias_or_null(), .k = k, .columns = columns};
    if (is_int8()) {
      m.int8_weights = panels.const_data_ptr<std::int8_t>();
      m.scales = scales.const_data_ptr<float>();
    } else {
      m.weights = weights<Element>();
    }
    return m;
  }
  const float* bias_or_null() const { return bias.defined() ? bias.const_data_ptr<float>() : nullptr; }
};

/// `weight` and `bias` (may be undefined) as float32 or bfloat16 on the CPU; the inputs are padded to a multiple of `k_multiple`.
PackedMatrix pack_matrix(const at::Tensor& weight, const at::Tensor& bias, std::int64_t k_multiple = 2, WeightForm form = WeightForm::kAsGiven);

/// Gate and up projection for Epilogue::kSwiGlu: 32 outputs of the gate and the same 32 of up side by side in each panel.
PackedMatrix pack_gate_and_up(const at::Tensor& gate, const at::Tensor& gate_bias, const at::Tensor& up, const at::Tensor& up_bias,
                              WeightForm form = WeightForm::kAsGiven);

}  // namespace drover::model
