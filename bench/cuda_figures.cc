// The figures of a GPU, with random weights of Llama-3.2-1B's shape in bfloat16: decoding, prefill and a training pass.
//
//   cuda_figures [--batches 1,64,256] [--context N] [--prompts 2048,8192] [--rows 2048] [--repeats N]
//
// Shares are floating-point operations that the work needs (matrix products with every parameter of the trunk, the head where it is
// asked, and the visible half of attention) over time, against the largest dense bfloat16 product measured here, and against the
// maker's figure where the GPU's name is known. Correctness comes first: `scripts/test --cuda` runs model_test before this.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "figures.h"
#include "engine/sampler.h"
#include "model/cuda/kernels_of_device.h"
#include "model/decoder.h"
#include "model/paged_decoder.h"

namespace {

using namespace drover;
using bench::numbers_of;

struct Arguments {
  std::vector<std::int64_t> batches{1, 64, 256};
  std::int64_t context = 512;
  std::vector<std::int64_t> prompts{2048, 8192};
  std::vector<std::int64_t> rows{2048};
  int repeats = 20;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 == argc) throw std::invalid_argument(name + " needs a value");
    const std::string value = argv[i + 1];
    if (name == "--batches") arguments.batches = numbers_of(value);
    else if (name == "--context") arguments.context = numbers_of(value).at(0);
    else if (name == "--prompts") arguments.prompts = numbers_of(value);
    else if (name == "--rows") arguments.rows = numbers_of(value);
    else if (name == "--repeats") arguments.repeats = static_cast<int>(numbers_of(value).at(0));
    else throw std::invalid_argument("unknown option " + name);
  }
  // A sample has pages of its own for 96 new tokens at least.
  if (arguments.repeats > 90) throw std::invalid_argument("--repeats is a number of 1 to 90");
  if (arguments.context % 32 != 0) throw std::invalid_argument("--context is a multiple of 32, the tokens of a page");
  return arguments;
}

/// Seconds until the GPU has done it; the median of some runs after one that is not counted.
double seconds_of(int repeats, const std::function<void()>& work) {
  std::vector<double> times;
  for (int i = 0; i <= repeats; ++i) {
    cudaDeviceSynchronize();
    const auto begin = std::chrono::steady_clock::now();
    work();
    cudaDeviceSynchronize();
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  times.erase(times.begin());
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

/// Dense bfloat16 operations a second that the maker gives, without sparsity; 0 for other GPUs.
double peak_of(std::string_view name) {
  const std::pair<std::string_view, double> known[] = {{"H100 PCIe", 756e12}, {"H100 NVL", 835e12}, {"H100", 989e12}, {"H200", 989e12}, {"A100", 312e12},
                                                       {"L40S", 362e12},      {"L4", 121e12},       {"4090", 165e12}, {"3090", 71e12}};
  for (const auto& [part, peak] : known) {
    if (name.find(part) != std::string_view::npos) return peak;
  }
  return 0.0;
}

double measured_peak(const at::Device& gpu) {
  const at::Tensor a = at::randn({8192, 8192}, at::TensorOptions().dtype(at::kBFloat16).device(gpu)), b = at::randn_like(a);
  return 2.0 * 8192.0 * 8192.0 * 8192.0 / seconds_of(10, [&] { at::matmul(a, b); });
}

model::DecoderConfig llama_3_2_1b() {
  model::DecoderConfig config;
  config.vocab_size = 128256;
  config.hidden_size = 2048;
  config.intermediate_size = 8192;
  config.num_layers = 16;
  config.num_heads = 32;
  config.num_kv_heads = 8;
  config.head_dim = 64;
  config.max_positions = 131072;
  config.rope_theta = 500000.0;
  config.rope_scaling = {.kind = model::RopeScaling::Kind::kLlama3, .factor = 32.0, .low_freq_factor = 1.0, .high_freq_factor = 4.0, .original_max_positions = 8192};
  config.tied_embeddings = true;
  return config;
}

std::shared_ptr<const model::Decoder> random_on(const at::Device& gpu, bool learns) {
  const model::DecoderConfig config = llama_3_2_1b();
  const auto options = at::TensorOptions().dtype(at::kBFloat16).device(gpu);
  model::NamedTensors parameters;
  for (const auto& [name, shape] : model::parameter_shapes(config)) {
    parameters.emplace_back(name, shape.size() == 1 ? at::ones(shape, options) : at::randn(shape, options).mul_(0.02));
    parameters.back().second.set_requires_grad(learns);
  }
  return std::make_shared<const model::Decoder>(config, std::move(parameters));
}

/// Of one forward pass over `tokens` of one sequence, with the head at `head_rows` of them.
double operations(const model::DecoderConfig& config, std::int64_t tokens, std::int64_t head_rows) {
  const auto hidden = static_cast<double>(config.hidden_size), count = static_cast<double>(tokens);
  const auto heads = static_cast<double>(config.num_heads * config.head_dim), kv_heads = static_cast<double>(config.num_kv_heads * config.head_dim);
  const double layer = hidden * (2.0 * heads + 2.0 * kv_heads) + 3.0 * hidden * static_cast<double>(config.intermediate_size);
  const double attention = 2.0 * count * count * heads;  // two products, half of each visible
  return static_cast<double>(config.num_layers) * (2.0 * layer * count + attention) + 2.0 * hidden * static_cast<double>(config.vocab_size) * static_cast<double>(head_rows);
}

std::vector<engine::PageId> first_pages(const engine::PagedModel& model, std::int64_t tokens) {
  std::vector<engine::PageId> pages;
  for (std::int64_t p = 0; p * model.page_tokens() < tokens; ++p) pages.push_back(engine::PageId{static_cast<std::int32_t>(p)});
  return pages;
}

void prefill(engine::PagedModel& model, std::int64_t tokens, std::span<const engine::PageId> pages) {
  const std::vector<text::TokenId> ids(static_cast<std::size_t>(tokens), text::TokenId{7});
  std::vector<float> logits(static_cast<std::size_t>(model.output_width()));
  float* const place = logits.data();
  const engine::SequenceChunk chunk{.tokens = ids, .begin = 0, .pages = pages, .outputs = std::span(&place, 1)};
  model.forward(std::span(&chunk, 1));
}

/// Samples in pages: of one prompt that lies in pages from 0 on, or each of a prompt of its own.
class Samples {
 public:
  Samples(engine::PagedModel& model, std::int64_t batch, std::int64_t context, bool shared) : model_(model), batch_(batch), position_(context) {
    const std::int64_t full = context / model.page_tokens();
    std::int32_t next = shared ? static_cast<std::int32_t>(full) : 0;
    for (std::int64_t b = 0; b < batch; ++b) {
      auto& table = tables_.emplace_back();
      for (std::int64_t p = 0; p < full + 4; ++p) table.push_back(engine::PageId{shared && p < full ? static_cast<std::int32_t>(p) : next++});
    }
    for (std::size_t b = 0; b < (shared ? 1 : tables_.size()); ++b) prefill(model, context, tables_[b]);
    logits_.resize(static_cast<std::size_t>(batch * model.output_width()));
    for (std::int64_t b = 0; b < batch; ++b) rows_.push_back(logits_.data() + b * model.output_width());
    tokens_.assign(static_cast<std::size_t>(batch), text::TokenId{5});
  }

  void step(bool with_head, bool sampled) {
    std::vector<engine::SequenceChunk> chunks;
    for (std::size_t b = 0; b < tables_.size(); ++b) {
      chunks.push_back({.tokens = std::span(tokens_).subspan(b, 1), .begin = position_, .pages = tables_[b]});
      if (with_head) chunks.back().outputs = std::span(rows_).subspan(b, 1);
    }
    model_.forward(chunks);
    if (!sampled) return;
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

class Figures {
 public:
  Figures(Arguments arguments, const at::Device& gpu, std::string_view name) : arguments_(std::move(arguments)), gpu_(gpu), nominal_(peak_of(name)), measured_(measured_peak(gpu)) {
    fmt::print("{}: {:.0f} TFLOP/s in the largest dense bfloat16 product; the maker says {}\n", name, measured_ * 1e-12,
               nominal_ > 0 ? fmt::format("{:.0f}", nominal_ * 1e-12) : std::string("nothing that is known here"));
  }

  void generation() const {
    const c10::NoGradGuard no_gradients;
    const auto decoder = random_on(gpu_, false);
    const auto paged = model::make_paged_decoder(decoder);
    const std::int64_t most = *std::max_element(arguments_.batches.begin(), arguments_.batches.end());
    const std::int64_t longest = *std::max_element(arguments_.prompts.begin(), arguments_.prompts.end());
    const std::int64_t pages_of_sample = arguments_.context / paged->page_tokens() + 4;
    paged->reserve_pages(std::max(most * pages_of_sample, longest / paged->page_tokens() + 1));
    fmt::print("{:>7} {:>7} {:>9} {:>9} {:>12} {:>12} {:>12}\n", "batch", "context", "prompt", "step ms", "tokens/s", "unsampled", "without head");
    for (const bool shared : {true, false}) {
      for (const std::int64_t batch : arguments_.batches) {
        Samples samples(*paged, batch, arguments_.context, shared);
        const auto rate = [&](bool with_head, bool sampled) { return static_cast<double>(batch) / seconds_of(arguments_.repeats, [&] { samples.step(with_head, sampled); }); };
        const double trunk = rate(false, false), forward = rate(true, false), whole = rate(true, true);
        fmt::print("{:>7} {:>7} {:>9} {:>9.2f} {:>12.0f} {:>12.0f} {:>12.0f}\n", batch, arguments_.context, shared ? "shared" : "own", static_cast<double>(batch) / whole * 1e3, whole, forward, trunk);
      }
    }
    fmt::print("{:>7} {:>9} {:>12} {:>9} {:>11} {:>10}\n", "prefill", "ms", "tokens/s", "TFLOP/s", "of measured", "of maker's");
    for (const std::int64_t tokens : arguments_.prompts) {
      const auto pages = first_pages(*paged, tokens);
      print_share(tokens, operations(decoder->config(), tokens, 1), seconds_of(arguments_.repeats, [&] { prefill(*paged, tokens, pages); }));
    }
  }

  void training() const {
    const auto decoder = random_on(gpu_, true);
    fmt::print("{:>7} {:>9} {:>12} {:>9} {:>11} {:>10}\n", "row", "ms", "tokens/s", "TFLOP/s", "of measured", "of maker's");
    for (const std::int64_t tokens : arguments_.rows) {
      model::TokenRow row = model::single_sequence(std::vector<text::TokenId>(static_cast<std::size_t>(tokens), text::TokenId{7}));
      for (std::int64_t t = 0; t + 1 < tokens; ++t) row.learned.push_back({.position = t, .target = text::TokenId{7}});
      const double seconds = seconds_of(std::min(arguments_.repeats, 5), [&] {
        decoder->log_probs(row).mean().neg().backward();
        for (const auto& [name, tensor] : decoder->parameters()) at::Tensor(tensor).mutable_grad().reset();
      });
      print_share(tokens, 3.0 * operations(decoder->config(), tokens, tokens - 1), seconds);
    }
  }

 private:
  void print_share(std::int64_t tokens, double needed, double seconds) const {
    const double rate = needed / seconds;
    fmt::print("{:>7} {:>9.2f} {:>12.0f} {:>9.0f} {:>11.2f} {:>10}\n", tokens, seconds * 1e3, static_cast<double>(tokens) / seconds, rate * 1e-12, rate / measured_,
               nominal_ > 0 ? fmt::format("{:.2f}", rate / nominal_) : "-");
  }

  Arguments arguments_;
  at::Device gpu_;
  double nominal_, measured_;
};

}  // namespace

int main(int argc, char** argv) try {
  const Arguments arguments = parse(argc, argv);
  const at::Device gpu(at::kCUDA, 0);
  cudaDeviceProp properties{};
  if (!at::hasCUDA() || cudaGetDeviceProperties(&properties, 0) != cudaSuccess) {
    fmt::print(stderr, "cuda_figures: There is no GPU here, or LibTorch is built for the CPU (scripts/setup --cuda).\n");
    return 3;
  }
  if (model::kernels_of(gpu) == nullptr) fmt::print("drover's own kernels are not built in; these are LibTorch's.\n");
  const Figures figures(arguments, gpu, properties.name);
  figures.generation();
  figures.training();
} catch (const std::exception& error) {
  fmt::print(stderr, "cuda_figures: {}\nusage: cuda_figures [--batches 1,64,256] [--context 512] [--prompts 2048,8192] [--rows 2048] [--repeats 20]\n", error.what());
  return 1;
}
