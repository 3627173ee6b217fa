#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <string>

#include "weights/tensor.h"

namespace drover::model {

/// A stored tensor as float32 or bfloat16 on the CPU. Where the stored type is that one and the bytes are aligned, the tensor lies
/// over the file's mapping, which `owner` keeps alive, and must not be written to; else it is decoded, on all threads. Throws
/// UserError when the stored type holds no real numbers.
at::Tensor tensor_of_view(const weights::TensorView& view, at::ScalarType type, const std::shared_ptr<const void>& owner);

/// A tensor as a writer of files takes it: its bytes are borrowed, so it must be contiguous, on the CPU, and float32 or bfloat16
/// (checked).
weights::TensorView view_of_tensor(const std::string& name, const at::Tensor& tensor);

/// The element type that stores a tensor of this type.
weights::ElementType element_type_of(at::ScalarType type);

}  // namespace drover::model
