#include "model/packed/float_product.h"

#include "base/error.h"
#include "model/packed/kernels.h"
#include "model/threads.h"

namespace drover::model {

bool has_float_product(const at::Tensor& a) { return a.is_cpu() && a.scalar_type() == at::kBFloat16 && a.size(-1) % 2 == 0; }

at::Tensor float_product(const at::Tensor& a, const PackedMatrix& matrix) {
  DROVER_CHECK(has_float_product(a) && a.size(1) == matrix.k && !matrix.is_int8(), "Rows of {} numbers times a matrix of {}", a.size(1), matrix.k);
  const at::Tensor rows = a.contiguous();
  at::Tensor out = at::empty({rows.size(0), matrix.columns}, rows.options().dtype(at::kFloat));
  auto m = matrix.product<BFloat16>();
  m.a = static_cast<const BFloat16*>(rows.const_data_ptr());
  m.a_stride = matrix.k;
  m.rows = rows.size(0);
  m.out = out.mutable_data_ptr<float>();
  m.out_stride = matrix.columns;
  const auto& best = kernels<BFloat16>();
  parallel_for(best.tiles(m), 1, [&](std::int64_t begin, std::int64_t end) { best.multiply(m, begin, end, nullptr); });
  return out;
}

}  // namespace drover::model
