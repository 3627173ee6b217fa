#include "model/tensor_of_view.h"

#include <algorithm>

#include "base/error.h"
#include "model/threads.h"
#include "weights/element_codec.h"

namespace drover::model {
namespace {

bool holds_real_numbers(weights::ElementType type) {
  using enum weights::ElementType;
  switch (type) {
    case kBool:
    case kU8:
    case kI8:
    case kI16:
    case kU16:
    case kI32:
    case kU32:
    case kI64:
    case kU64:
    case kF8E4M3:
    case kF8E5M2:
      return false;  // packed weights of some quantisation scheme, whose scales lie elsewhere
    default:
      return true;
  }
}

// A whole number of blocks of every format.
constexpr std::int64_t kElementsAPiece = 256 * 256;

void decode(const weights::TensorView& view, std::int64_t begin, std::int64_t end, at::Tensor& out) {
  const weights::BlockSize block = weights::block_size(view.type);
  const auto first = static_cast<std::size_t>(begin / block.elements * block.bytes);
  const auto bytes = static_cast<std::size_t>((end - begin) / block.elements * block.bytes);
  const auto count = static_cast<std::size_t>(end - begin);
  if (out.scalar_type() == at::kFloat) {
    weights::to_float32(view.type, view.bytes.subspan(first, bytes), {out.mutable_data_ptr<float>() + begin, count});
  } else {
    auto* words = reinterpret_cast<std::uint16_t*>(out.mutable_data_ptr<at::BFloat16>());
    weights::to_bfloat16(view.type, view.bytes.subspan(first, bytes), {words + begin, count});
  }
}

}  // namespace

weights::ElementType element_type_of(at::ScalarType type) {
  DROVER_CHECK(type == at::kFloat || type == at::kBFloat16, "Parameters are float32 or bfloat16");
  return type == at::kFloat ? weights::ElementType::kF32 : weights::ElementType::kBF16;
}

at::Tensor tensor_of_view(const weights::TensorView& view, at::ScalarType type, const std::shared_ptr<const void>& owner) {
  if (!holds_real_numbers(view.type)) {
    throw base::UserError("The tensor '{}' is stored as {}, which cannot be read as weights; take the model's bfloat16 version, or its "
                          "GGUF file.", view.name, weights::name_of(view.type));
  }
  if (view.type == element_type_of(type) && view.is_aligned() && owner != nullptr) {
    // LibTorch has no constant tensors; nothing writes to parameters of a loaded model.
    void* data = const_cast<std::byte*>(view.bytes.data());
    return at::from_blob(data, view.shape, [owner](void*) {}, at::TensorOptions(type));
  }
  at::Tensor out = at::empty(view.shape, type);
  const std::int64_t elements = out.numel();
  parallel_for((elements + kElementsAPiece - 1) / kElementsAPiece, 1, [&](std::int64_t begin, std::int64_t end) {
    decode(view, begin * kElementsAPiece, std::min(end * kElementsAPiece, elements), out);
  });
  return out;
}

weights::TensorView view_of_tensor(const std::string& name, const at::Tensor& tensor) {
  DROVER_CHECK(tensor.is_contiguous() && tensor.device().is_cpu(), "Tensor {} is not a plain array", name);
  return {.name = name,
          .type = element_type_of(tensor.scalar_type()),
          .shape = tensor.sizes().vec(),
          .bytes = {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}};
}

}  // namespace drover::model
