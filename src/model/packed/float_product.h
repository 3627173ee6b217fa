#pragma once

#include <ATen/ATen.h>

#include "model/packed/packed_matrix.h"

namespace drover::model {

/// Whether `float_product` takes this: bfloat16 on the CPU, an even number of columns.
bool has_float_product(const at::Tensor& a);

/// `a` [rows, k] bfloat16 times a packed matrix: [rows, columns] float32, not rounded to bfloat16 as at::linear's result is. For logits,
/// whose rounding would cost a twentieth of a nat. Computes without gradients.
at::Tensor float_product(const at::Tensor& a, const PackedMatrix& matrix);

}  // namespace drover::model
