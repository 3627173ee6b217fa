#include "model/packed/packed_matrix.h"

#include "base/error.h"

namespace drover::model {
namespace {

using at::Tensor;

std::int64_t padded(std::int64_t size, std::int64_t multiple) { return (size + multiple - 1) / multiple * multiple; }

Tensor padded_rows(const Tensor& matrix, std::int64_t rows) {
  return rows == matrix.size(0) ? matrix : at::constant_pad_nd(matrix, {0, 0, 0, rows - matrix.size(0)});
}

constexpr std::int64_t kHalfPanel = kPanelColumns / 2;

// Rows of the two in turns of 32.
Tensor interleaved(const Tensor& gate, const Tensor& up) {
  const std::int64_t rows = padded(gate.size(0), kHalfPanel);
  const auto halves = [rows](const Tensor& matrix) {
    return padded_rows(matrix, rows).reshape({rows / kHalfPanel, 1, kHalfPanel, matrix.size(1)});
  };
  return at::cat({halves(gate), halves(up)}, 1).reshape({2 * rows, gate.size(1)});
}

}  // namespace

PackedMatrix pack_matrix(const Tensor& weight, const Tensor& bias, std::int64_t k_multiple, WeightForm form) {
  DROVER_CHECK(weight.dim() == 2 && weight.is_cpu(), "A matrix of {} dimensions", weight.dim());
  const std::int64_t unit = weight.scalar_type() == at::kBFloat16 ? 2 : 1;
  PackedMatrix packed;
  packed.columns = weight.size(0);
  packed.k = padded(weight.size(1), k_multiple);
  const std::int64_t panels = padded(packed.columns, kPanelColumns) / kPanelColumns;
  Tensor whole = padded_rows(weight, panels * kPanelColumns);
  if (packed.k != weight.size(1)) whole = at::constant_pad_nd(whole, {0, packed.k - weight.size(1)});
  if (form == WeightForm::kInt8) {
    const Tensor wide = whole.to(at::kFloat);
    packed.scales = (wide.abs().amax(1) / 127.0).clamp_min(1e-30).contiguous();
    whole = (wide / packed.scales.unsqueeze(1)).round().to(at::kChar);
  }
  packed.panels = whole.reshape({panels, kPanelColumns, packed.k / unit, unit}).permute({0, 2, 1, 3}).contiguous();
  if (bias.defined()) packed.bias = at::constant_pad_nd(bias.to(at::kFloat), {0, panels * kPanelColumns - packed.columns}).contiguous();
  return packed;
}

PackedMatrix pack_gate_and_up(const Tensor& gate, const Tensor& gate_bias, const Tensor& up, const Tensor& up_bias,
                              WeightForm form) {
  Tensor bias;
  if (gate_bias.defined()) bias = interleaved(gate_bias.unsqueeze(1), up_bias.unsqueeze(1)).squeeze(1);
  return pack_matrix(interleaved(gate, up), bias, 2, form);
}

}  // namespace drover::model
