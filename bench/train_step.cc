// Times whole training steps of a model, optimizer included, against its matrix products alone.
//
//   train_step MODEL [--threads N] [--rows 512,1024,..] [--documents 128,256,..] [--learned SHARE] [--repeats N]
//
// A step is one packed row of --rows tokens, made of documents of --documents tokens each (a prompt and a reply), of which the last
// part, --learned, is learned. The measure is the sum of the best at::linear and at::mm times of exactly the products that the step
// needs (forward, gradients of inputs and of weights, all layers and the head over the learned positions), each product timed alone in
// this process with its real shape in bfloat16.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "figures.h"
#include "model/decoder.h"
#include "model/model.h"
#include "model/threads.h"
#include "model/trained/trained_decoder.h"

namespace {

using namespace drover;
using namespace drover::bench;

/// The best times of y = x W^T, dx = dy W and dW = dy^T x together.
double three_products(std::int64_t rows, std::int64_t out, std::int64_t in, int repeats) {
  const auto options = at::TensorOptions().dtype(at::kBFloat16);
  const at::Tensor x = at::randn({rows, in}, options), w = at::randn({out, in}, options), dy = at::randn({rows, out}, options);
  return best_of(repeats, [&] { at::linear(x, w); }) + best_of(repeats, [&] { at::mm(dy, w); }) + best_of(repeats, [&] { at::mm(dy.t(), x); });
}

double products_alone(const model::DecoderConfig& c, std::int64_t tokens, std::int64_t learned, int repeats) {
  const std::int64_t queries = c.num_heads * c.head_dim, qkv = queries + 2 * c.num_kv_heads * c.head_dim;
  const double layer = three_products(tokens, qkv, c.hidden_size, repeats) + three_products(tokens, c.hidden_size, queries, repeats) +
                       three_products(tokens, 2 * c.intermediate_size, c.hidden_size, repeats) +
                       three_products(tokens, c.hidden_size, c.intermediate_size, repeats);
  return layer * static_cast<double>(c.num_layers) + three_products(learned, c.vocab_size, c.hidden_size, repeats);
}

model::TokenRow row_of(std::int64_t tokens, std::int64_t document, double learned_share) {
  model::TokenRow row;
  for (std::int64_t begin = 0; begin < tokens; begin += document) {
    const std::int64_t length = std::min(document, tokens - begin);
    const auto learned = std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(length) * learned_share));
    std::vector<text::TokenId> ids;
    for (std::int64_t t = 0; t < length; ++t) ids.push_back(text::TokenId{static_cast<std::int32_t>(1000 + (begin + t) * 7919 % 20000)});
    const auto prompt = row.add_segment(-1, std::span(ids).first(static_cast<std::size_t>(length - learned)));
    const auto reply = row.add_segment(prompt, std::span(ids).last(static_cast<std::size_t>(learned)));
    for (std::int64_t t = begin + length - learned; t < begin + length; ++t) {
      const std::int64_t before = t == begin + length - learned ? row.position_before(reply) : t - 1;
      if (before >= 0) row.learned.push_back({.position = before, .target = row.tokens[static_cast<std::size_t>(t)]});
    }
  }
  return row;
}

}  // namespace

int main(int argc, char** argv) try {
  const c10::NoGradGuard no_gradients;
  if (argc < 2) throw std::invalid_argument("a model is missing");
  int threads = 2, repeats = 5;
  double learned_share = 0.5;
  std::vector<std::int64_t> rows{512, 1024, 2048, 4096, 8192}, documents{256};
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--threads") threads = std::stoi(value);
    else if (name == "--repeats") repeats = std::max(1, std::stoi(value));
    else if (name == "--rows") rows = numbers_of(value);
    else if (name == "--documents") documents = numbers_of(value);
    else if (name == "--learned") learned_share = std::stod(value);
    else throw std::invalid_argument("unknown option " + name);
  }
  model::use_threads(threads);
  const auto loaded = model::Model::load(argv[1]);
  const auto learner = model::TrainedDecoder::make(loaded->decoder(), {});
  fmt::print("{:>6} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>6}\n", "row", "document", "learned", "forward", "backward", "optimizer",
             "step ms", "tokens/s", "linear ms", "share");
  for (const std::int64_t tokens : rows) {
    for (const std::int64_t document : documents) {
      const auto row = row_of(tokens, document, learned_share);
      std::vector<double> forward, backward, optimizer, step;
      for (int i = 0; i <= repeats; ++i) {
        double f = 0, b = 0, o = 0;
        at::Tensor outputs;
        o += seconds_of([&] { learner->clear_gradients(); });
        f += seconds_of([&] { outputs = learner->forward(row); });
        const at::Tensor gradients = at::full_like(outputs, -1.0 / static_cast<double>(outputs.numel()));
        b += seconds_of([&] { learner->backward(gradients); });
        o += seconds_of([&] { learner->update({.beta1 = 0.9F, .beta2 = 0.999F, .epsilon = 1e-8F, .rate = 1e-9F,
                                                 .gradient_scale = static_cast<float>(1.0 / std::max(1.0, learner->gradient_norm()))}); });
        if (i == 0) continue;  // memory is touched for the first time
        forward.push_back(f), backward.push_back(b), optimizer.push_back(o), step.push_back(f + b + o);
      }
      const auto learned = static_cast<std::int64_t>(row.learned.size());
      const double alone = products_alone(loaded->config(), tokens, learned, repeats);
      const double time = median(step);
      fmt::print("{:>6} {:>9} {:>8} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f} {:>9.1f} {:>6.2f}\n", tokens, document, learned,
                 median(forward) * 1e3, median(backward) * 1e3, median(optimizer) * 1e3, time * 1e3, static_cast<double>(tokens) / time,
                 alone * 1e3, alone / time);
    }
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  fmt::print("peak memory: {} MiB\n", usage.ru_maxrss / 1024);
} catch (const std::exception& error) {
  fmt::print(stderr, "train_step: {}\nusage: train_step MODEL [--threads N] [--rows 512,1024] [--documents 256] [--learned 0.5] [--repeats N]\n", error.what());
  return 1;
}
