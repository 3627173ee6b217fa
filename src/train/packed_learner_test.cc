#include <gtest/gtest.h>

#include <vector>

#include "model/decoder.h"
#include "model/random_decoder.h"
#include "model/token_tree.h"
#include "train/learner.h"
#include "train/process_memory.h"

namespace drover::train {
namespace {

TEST(PackedLearner, GivesGradientsAndMomentsBackBeforeItCopiesTheWeights) {
  for (const bool is_tied : {true, false}) {
    auto config = model::tiny_config(512, 512);
    config.tied_embeddings = is_tied;
    const auto start = model::random_decoder(config, 1);
    const auto learner = make_packed_learner(*start, {.compute_type = model::ComputeType::kBFloat16}, {});
    // Every token once, so that all rows of an embedding have gradients.
    model::TokenRow row;
    for (std::int32_t begin = 0; begin < 512; begin += 64) {
      std::vector<text::TokenId> tokens;
      for (std::int32_t i = 0; i < 64; ++i) tokens.push_back(text::TokenId{begin + i});
      row.add_segment(-1, tokens);
      row.learned.push_back({.position = row.num_tokens() - 2, .target = tokens.back()});
    }
    learner->clear_gradients();
    learner->backward(at::ones_like(learner->forward(row)));
    learner->update(1e-4, 1.0);
    const auto before = process_memory().now;
    const auto finished = learner->finished();
    // 4 bytes of gradients and 8 of moments go, and 2 of weights come; half of that would do, and is more than passes hold.
    EXPECT_LT(process_memory().now, before - 5 * start->num_parameters()) << is_tied;
    EXPECT_LT((finished->log_probs(row) - learner->outputs(row)).abs().max().item<double>(), 0.1) << "what computes is still there";
  }
}

}  // namespace
}  // namespace drover::train
