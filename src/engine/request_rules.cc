#include "engine/request_rules.h"

#include "base/error.h"
#include "engine/next_token.h"

namespace drover::engine {
namespace {

using base::UserError;

std::int64_t length(const std::vector<text::TokenId>& tokens) { return static_cast<std::int64_t>(tokens.size()); }

void refuse_unknown(text::TokenId id, const char* where, std::int64_t vocab_size) {
  const auto number = text::to_int(id);
  if (number < 0 || number >= vocab_size)
    throw UserError("{} holds token {}, but the model knows tokens 0 to {}.", where, number, vocab_size - 1);
}

void refuse_tokens(const std::vector<text::TokenId>& tokens, const PagedModel& model) {
  if (tokens.empty()) throw UserError("The prompt is empty: there is nothing to continue.");
  for (const auto id : tokens) refuse_unknown(id, "The prompt", model.vocab_size());
}

}  // namespace

void refuse_impossible(const SampleRequest& request, const PagedModel& model) {
  refuse_tokens(request.prompt, model);
  request.options.validate();
  if (model.output_width() != model.vocab_size()) {
    throw UserError(
        "The model has a head of {} labels, not one of language: it gives scores, but continues no prompts.",
        model.output_width());
  }
  if (length(request.prompt) >= model.max_positions()) {
    throw UserError(
        "The prompt has {} tokens, but the model has {} positions: none is left for a reply. Shorten the prompt.",
        request.prompt.size(), model.max_positions());
  }
  if (request.num_samples < 1)
    throw UserError("num_samples = {} is not possible: it must be at least 1.", request.num_samples);
  if (request.first_sample < 0)
    throw UserError("first_sample = {} is not possible: samples are numbered from 0.", request.first_sample);
  if (request.num_top < 0)
    throw UserError("num_top = {} is not possible: it must be 0 (none) or a number of tokens.", request.num_top);
  for (const auto id : request.options.stop_ids) refuse_unknown(id, "stop_ids", model.vocab_size());
  for (const auto& bias : request.options.logit_bias) refuse_unknown(bias.id, "logit_bias", model.vocab_size());
  if (forbids_every_token(request.options, model.vocab_size())) {
    throw UserError("logit_bias and min_tokens together forbid all {} tokens: allow some of them.", model.vocab_size());
  }
}

void refuse_impossible(const OutputRequest& request, const PagedModel& model) {
  refuse_tokens(request.tokens, model);
  if (length(request.tokens) > model.max_positions()) {
    throw UserError("The text has {} tokens, but the model has {} positions. Shorten it.", request.tokens.size(),
                    model.max_positions());
  }
  if (request.first_output < 0 || request.first_output >= length(request.tokens)) {
    throw UserError("first_output = {} is not possible: the text has positions 0 to {}.", request.first_output,
                    request.tokens.size() - 1);
  }
}

}  // namespace drover::engine
