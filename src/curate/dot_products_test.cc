#include "curate/dot_products.h"

#include <gtest/gtest.h>

#include "base/random_stream.h"

namespace drover::curate {
namespace {

TEST(DotProducts, EveryInstructionSetGivesTheSumOfProducts) {
  base::RandomStream random(3, "numbers");
  for (const auto* kernels : {dot_products_avx512(), dot_products_avx2(), dot_products_portable()}) {
    if (kernels == nullptr) continue;
    for (const std::int64_t dimension : {1, 7, 384}) {
      for (const std::int64_t count : {1, 5, 6, 16, 33}) {
        std::vector<float> rows(static_cast<std::size_t>(count * dimension)),
            others(static_cast<std::size_t>(19 * dimension));
        for (auto* numbers : {&rows, &others}) {
          for (auto& number : *numbers) number = static_cast<float>(random.normal());
        }
        RowPanels panels(dimension);
        for (std::int64_t i = 0; i < 19; ++i) panels.add(others.data() + i * dimension);
        ASSERT_EQ(panels.num_panels(), 2);
        for (std::int64_t p = 0; p < 2; ++p) {
          std::vector<float> out(static_cast<std::size_t>(count * 16));
          kernels->with_panel(rows.data(), count, dimension, panels.panel(p), out.data());
          for (std::int64_t r = 0; r < count; ++r) {
            for (std::int64_t lane = 0; lane < 16; ++lane) {
              double expected = 0.0;
              for (std::int64_t k = 0; k < dimension && p * 16 + lane < 19; ++k) {
                expected += static_cast<double>(rows[static_cast<std::size_t>(r * dimension + k)]) *
                            static_cast<double>(others[static_cast<std::size_t>((p * 16 + lane) * dimension + k)]);
              }
              EXPECT_NEAR(out[static_cast<std::size_t>(r * 16 + lane)], expected, 1e-4)
                  << kernels->name << ", lane " << lane << " of panel " << p;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace drover::curate
