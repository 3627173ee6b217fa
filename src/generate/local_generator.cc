#include "generate/local_generator.h"

#include <ATen/ATen.h>

#include <deque>
#include <optional>
#include <utility>

#include "base/error.h"
#include "generate/reply_in_progress.h"
#include "model/decoder.h"
#include "model/kv_cache.h"

namespace drover::generate {
namespace {

using model::KvCache;

/// Logits in the computer's own memory.
class HostLogits {
 public:
  explicit HostLogits(const at::Tensor& logits) : logits_(logits.to(at::kCPU, at::kFloat).contiguous()) {}
  std::span<const float> row(std::int64_t index) const {
    const auto width = static_cast<std::size_t>(logits_.size(-1));
    return {logits_.const_data_ptr<float>() + static_cast<std::size_t>(index) * width, width};
  }

 private:
  at::Tensor logits_;  // [rows, vocab_size] or [vocab_size]
};

/// A prompt that was computed once, for the replies to it that have not begun.
struct ComputedPrompt {
  HostLogits logits;
  KvCache cache;
};

/// A reply and its keys and values.
struct Sequence {
  ReplyInProgress reply;
  KvCache cache;
};

/// One call of `generate`: replies begin in order of their requests as soon as there is a place, and are decoded together.
class Run {
 public:
  Run(const model::Model& model, const chat::ChatFormat* format, const LocalGeneratorOptions& options,
      std::span<const GenerationRequest> requests, const GenerationCallbacks& callbacks)
      : model_(model), format_(format), options_(options), callbacks_(callbacks) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      prepared_.push_back(prepare(requests[i], i, model, format));
      results_.push_back({.prompt_ids = prepared_[i].prompt, .responses = {}});
      results_[i].responses.resize(static_cast<std::size_t>(requests[i].num_responses));
      total_ += requests[i].num_responses;
    }
  }

  std::vector<GenerationResult> finish() {
    while (begin_replies() || !active_.empty()) decode_one_token();
    return std::move(results_);
  }

 private:
  /// Fills the free places; false when nothing is left to begin and nothing was begun.
  bool begin_replies() {
    bool begun = false;
    while (next_request_ < prepared_.size() && static_cast<std::int64_t>(active_.size()) < options_.max_sequences) {
      const auto& prepared = prepared_[next_request_];
      if (!prompt_) {
        KvCache cache;
        HostLogits logits(model_.decoder().step(prepared.prompt, cache));
        prompt_ = ComputedPrompt{std::move(logits), std::move(cache)};
      }
      const bool is_last = next_response_ + 1 == prepared.request->num_responses;
      Sequence sequence{ReplyInProgress(prepared, next_response_, model_.tokenizer(), format_),
                        is_last ? std::move(prompt_->cache) : prompt_->cache.copy()};
      sequence.reply.take_next(prompt_->logits.row(0), callbacks_);
      if (is_last) prompt_.reset();
      keep(std::move(sequence));
      ++next_response_;
      if (is_last) {
        ++next_request_;
        next_response_ = 0;
      }
      begun = true;
    }
    return begun;
  }

  void decode_one_token() {
    if (active_.empty()) return;
    std::vector<text::TokenId> tokens;
    std::vector<KvCache*> caches;
    for (auto& sequence : active_) {
      tokens.push_back(sequence.reply.newest());
      caches.push_back(&sequence.cache);
    }
    const HostLogits logits(model_.decoder().step(tokens, caches));
    auto sequences = std::exchange(active_, {});
    std::int64_t row = 0;
    for (auto& sequence : sequences) {
      sequence.reply.take_next(logits.row(row++), callbacks_);
      keep(std::move(sequence));
    }
  }

  /// Puts the sequence back among the active ones, or its reply into the results.
  void keep(Sequence sequence) {
    if (!sequence.reply.is_finished()) {
      active_.push_back(std::move(sequence));
      return;
    }
    const auto request = sequence.reply.request_index();
    const auto number = sequence.reply.response_index();
    auto& response = results_[request].responses[static_cast<std::size_t>(number)];
    response = sequence.reply.take_response();
    ++finished_;
    if (callbacks_.on_response) callbacks_.on_response(request, number, response);
    if (callbacks_.on_progress) callbacks_.on_progress({.what = "sampling", .done = finished_, .total = total_, .unit = "replies"});
  }

  const model::Model& model_;
  const chat::ChatFormat* format_;
  const LocalGeneratorOptions& options_;
  const GenerationCallbacks& callbacks_;
  std::vector<PreparedRequest> prepared_;
  std::vector<GenerationResult> results_;
  std::deque<Sequence> active_;
  std::optional<ComputedPrompt> prompt_;  // of next_request_, once its first reply has begun
  std::size_t next_request_ = 0;
  std::int64_t next_response_ = 0;
  std::int64_t finished_ = 0;
  std::int64_t total_ = 0;
};

class LocalGenerator final : public Generator {
 public:
  LocalGenerator(std::shared_ptr<const model::Model> model, std::shared_ptr<const chat::ChatFormat> format,
                 const LocalGeneratorOptions& options)
      : model_(std::move(model)), format_(std::move(format)), options_(options) {}

  std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, const GenerationCallbacks& callbacks) override {
    return Run(*model_, format_.get(), options_, requests, callbacks).finish();
  }

  std::string model_name() const override { return model_->hash(); }

 private:
  std::shared_ptr<const model::Model> model_;
  std::shared_ptr<const chat::ChatFormat> format_;
  LocalGeneratorOptions options_;
};

}  // namespace

void LocalGeneratorOptions::validate() const {
  if (max_sequences < 1) throw base::UserError("max_sequences = {} is not possible: at least 1 reply is decoded at a time.", max_sequences);
}

std::unique_ptr<Generator> make_local_generator(std::shared_ptr<const model::Model> model, std::shared_ptr<const chat::ChatFormat> format,
                                                const LocalGeneratorOptions& options) {
  options.validate();
  if (model->config().head.kind != model::HeadKind::kLanguage) {
    throw base::UserError("This model cannot write: it has no language head, but one that scores.");
  }
  return std::make_unique<LocalGenerator>(std::move(model), std::move(format), options);
}

}  // namespace drover::generate
