// Times whole decode steps and prompts of a model against its matrix products alone.
//
//   decode_step MODEL [--threads N] [--batches 1,8,..] [--contexts 128,512,..] [--prompts 512,2048] [--repeats N]
//
// The measure is the sum of the best at::linear times of exactly the products that the step needs (all layers and the head), each
// product timed alone in this process with its real shape, weights of the same type. A step of `batch` samples of one prompt of
// `context` tokens is timed with sampling at temperature 1.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "figures.h"
#include "engine/sampler.h"
#include "model/decoder.h"
#include "model/model.h"
#include "model/packed/packed_decoder.h"
#include "model/threads.h"

namespace {

using namespace drover;
using namespace drover::bench;

/// The best time of all layers' products and the head's for these numbers of rows.
double products_alone(const model::Decoder& decoder, std::int64_t rows, std::int64_t head_rows, int repeats) {
  const auto& config = decoder.config();
  const auto options = at::TensorOptions().dtype(decoder.dtype());
  double sum = 0.0;
  const auto add = [&](const std::vector<at::Tensor>& weights, std::int64_t count) {
    const at::Tensor x = at::randn({count, weights[0].size(1)}, options);
    sum += best_of(repeats, [&] {
      for (const auto& weight : weights) at::linear(x, weight);
    });
  };
  std::vector<at::Tensor> qkv, out, gate_and_up, down;
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    const auto get = [&](const char* part) { return decoder.parameter(fmt::format("model.layers.{}.{}.weight", i, part)); };
    qkv.push_back(at::cat({get("self_attn.q_proj"), get("self_attn.k_proj"), get("self_attn.v_proj")}));
    out.push_back(get("self_attn.o_proj"));
    gate_and_up.push_back(at::cat({get("mlp.gate_proj"), get("mlp.up_proj")}));
    down.push_back(get("mlp.down_proj"));
  }
  for (const auto* weights : {&qkv, &out, &gate_and_up, &down}) add(*weights, rows);
  add({decoder.parameter(config.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight")}, head_rows);
  return sum;
}

struct Arguments {
  std::string model;
  int threads = 2;
  int repeats = 7;
  std::vector<std::int64_t> batches{1, 2, 4, 8, 16, 32, 64, 128};
  std::vector<std::int64_t> contexts{128, 512, 2048};
  std::vector<std::int64_t> prompts{512, 1024, 2048};
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  if (argc < 2) throw std::invalid_argument("a model is missing");
  arguments.model = argv[1];
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--threads") arguments.threads = std::stoi(value);
    else if (name == "--repeats") arguments.repeats = std::stoi(value);
    else if (name == "--batches") arguments.batches = numbers_of(value);
    else if (name == "--contexts") arguments.contexts = numbers_of(value);
    else if (name == "--prompts") arguments.prompts = numbers_of(value);
    else throw std::invalid_argument("unknown option " + name);
  }
  // A sample has pages of its own for 96 new tokens at least.
  if (arguments.repeats < 1 || arguments.repeats > 90) throw std::invalid_argument("--repeats is a number of 1 to 90");
  return arguments;
}

/// Samples of one prompt, in pages.
class Samples {
 public:
  Samples(engine::PagedModel& model, std::int64_t batch, std::int64_t context, std::int64_t free_page) : model_(model), batch_(batch), position_(context) {
    const std::int64_t shared = context / model.page_tokens();
    for (std::int64_t b = 0; b < batch; ++b) {
      auto& table = tables_.emplace_back();
      for (std::int64_t p = 0; p < shared; ++p) table.push_back(engine::PageId{static_cast<std::int32_t>(p)});
      for (std::int64_t p = 0; p < 4; ++p) table.push_back(engine::PageId{static_cast<std::int32_t>(free_page++)});
    }
    logits_.resize(static_cast<std::size_t>(batch * model.output_width()));
    for (std::int64_t b = 0; b < batch; ++b) rows_.push_back(logits_.data() + b * model.output_width());
    tokens_.assign(static_cast<std::size_t>(batch), text::TokenId{5});
  }

  void step() {
    std::vector<engine::SequenceChunk> chunks;
    for (std::size_t b = 0; b < tables_.size(); ++b) {
      chunks.push_back({.tokens = std::span(tokens_).subspan(b, 1), .begin = position_, .pages = tables_[b], .outputs = std::span(rows_).subspan(b, 1)});
    }
    model_.forward(chunks);
    const engine::SamplingOptions options;
    model_.for_each(batch_, [&](std::int64_t b) {
      const std::span<const float> logits(rows_[static_cast<std::size_t>(b)], static_cast<std::size_t>(model_.output_width()));
      tokens_[static_cast<std::size_t>(b)] = engine::sample(logits, options, {}, 0.37 + 0.001 * static_cast<double>(b)).id;
    });
    ++position_;
  }

 private:
  engine::PagedModel& model_;
  std::int64_t batch_, position_;
  std::vector<std::vector<engine::PageId>> tables_;
  std::vector<float> logits_;
  std::vector<float*> rows_;
  std::vector<text::TokenId> tokens_;
};

void prefill(engine::PagedModel& model, std::int64_t tokens, std::int64_t at_once) {
  const std::vector<text::TokenId> ids(static_cast<std::size_t>(tokens), text::TokenId{7});
  std::vector<engine::PageId> pages;
  for (std::int64_t p = 0; p * model.page_tokens() < tokens; ++p) pages.push_back(engine::PageId{static_cast<std::int32_t>(p)});
  std::vector<float> logits(static_cast<std::size_t>(model.output_width()));
  std::vector<float*> rows{logits.data()};
  for (std::int64_t begin = 0; begin < tokens; begin += at_once) {
    const std::int64_t count = std::min(at_once, tokens - begin);
    const engine::SequenceChunk chunk{.tokens = std::span(ids).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)),
                                      .begin = begin,
                                      .pages = pages,
                                      .outputs = begin + count == tokens ? std::span<float* const>(rows) : std::span<float* const>()};
    model.forward(std::span(&chunk, 1));
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const c10::NoGradGuard no_gradients;
  const Arguments arguments = parse(argc, argv);
  model::use_threads(arguments.threads);
  const auto loaded = model::Model::load(arguments.model);
  const auto packed = model::make_packed_decoder(loaded->shared_decoder());
  const std::int64_t longest = *std::max_element(arguments.contexts.begin(), arguments.contexts.end());
  const std::int64_t prompt_pages = std::max<std::int64_t>(longest, 8192) / packed->page_tokens();
  packed->reserve_pages(prompt_pages + 4 * 128);
  fmt::print("{:>6} {:>8} {:>10} {:>10} {:>10} {:>8}\n", "batch", "context", "step ms", "tokens/s", "linear ms", "share");
  for (const std::int64_t batch : arguments.batches) {
    const double alone = products_alone(loaded->decoder(), batch, batch, arguments.repeats);
    for (const std::int64_t context : arguments.contexts) {
      prefill(*packed, context, 512);
      Samples samples(*packed, batch, context, prompt_pages);
      samples.step();
      const double step = median_of(arguments.repeats, [&] { samples.step(); });
      fmt::print("{:>6} {:>8} {:>10.2f} {:>10.1f} {:>10.2f} {:>8.2f}\n", batch, context, step * 1e3, static_cast<double>(batch) / step, alone * 1e3, alone / step);
    }
  }
  fmt::print("{:>6} {:>8} {:>10} {:>10} {:>10} {:>8}\n", "prompt", "", "ms", "tokens/s", "linear ms", "share");
  for (const std::int64_t tokens : arguments.prompts) {
    const double alone = products_alone(loaded->decoder(), tokens, 1, std::max(3, arguments.repeats / 2));
    prefill(*packed, tokens, 512);
    const double time = median_of(arguments.repeats, [&] { prefill(*packed, tokens, 512); });
    fmt::print("{:>6} {:>8} {:>10.2f} {:>10.1f} {:>10.2f} {:>8.2f}\n", tokens, "", time * 1e3, static_cast<double>(tokens) / time, alone * 1e3, alone / time);
  }
} catch (const std::exception& error) {
  fmt::print(stderr, "decode_step: {}\nusage: decode_step MODEL [--threads N] [--batches 1,8] [--contexts 128,512] [--prompts 512] [--repeats N]\n", error.what());
  return 1;
}
