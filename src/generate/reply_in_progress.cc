#include "generate/reply_in_progress.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace drover::generate {
namespace {

using base::UserError;

bool contains(std::span<const text::TokenId> ids, text::TokenId id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

std::vector<text::TokenId> prompt_of(const GenerationRequest& request, const chat::ChatFormat* format) {
  if (!request.prompt_ids.empty()) return request.prompt_ids;
  if (request.dialog.messages.empty()) throw UserError("A request to sample from has neither messages nor prompt tokens.");
  if (format == nullptr) throw UserError("The model has no known chat format, so it cannot answer a dialog. Name one, or give tokens.");
  return format->render(request.dialog, {.generation_prompt = true}).ids;
}

void check_ids(std::span<const text::TokenId> ids, std::string_view what, std::int64_t vocab_size) {
  for (const auto id : ids) {
    if (text::to_int(id) < 0 || text::to_int(id) >= vocab_size) {
      throw UserError("{} holds token {}, but the model's vocabulary has {}.", what, text::to_int(id), vocab_size);
    }
  }
}

}  // namespace

PreparedRequest prepare(const GenerationRequest& request, std::size_t index, const model::Model& model, const chat::ChatFormat* format) {
  request.options.validate();
  if (request.num_responses < 1) throw UserError("num_responses = {} is not possible: ask for 1 reply or more.", request.num_responses);
  if (request.first_sample < 0) throw UserError("first_sample = {} is not possible: samples count from 0.", request.first_sample);
  const auto& config = model.config();

  PreparedRequest prepared{.index = index, .request = &request, .prompt = prompt_of(request, format), .stop_ids = config.eos};
  const auto add_stops = [&prepared](const std::vector<text::TokenId>& ids) {
    prepared.stop_ids.insert(prepared.stop_ids.end(), ids.begin(), ids.end());
  };
  if (format != nullptr) add_stops(format->stop_ids());
  add_stops(request.options.stop_ids);
  check_ids(prepared.prompt, "The prompt", config.vocab_size);
  check_ids(prepared.stop_ids, "The list of stop tokens", config.vocab_size);

  const auto room = config.max_positions - static_cast<std::int64_t>(prepared.prompt.size());
  if (room < 1) {
    throw UserError("The prompt has {} tokens; the model's {} positions leave no room for a reply.", prepared.prompt.size(), config.max_positions);
  }
  prepared.max_tokens = std::min(request.options.max_tokens, room);
  return prepared;
}

ReplyInProgress::ReplyInProgress(const PreparedRequest& prepared, std::int64_t response, const text::Tokenizer& tokenizer,
                                 const chat::ChatFormat* format)
    : prepared_(&prepared),
      number_(response),
      tokenizer_(&tokenizer),
      chance_(prepared.request->options.seed, prepared.prompt, prepared.request->first_sample + response),
      seen_(prepared.prompt) {
  if (format != nullptr) {
    parser_ = format->start_reply(prepared.request->dialog);
  } else {
    decoder_.emplace(tokenizer, text::DecodeOptions{.skip_special = true});
  }
}

void ReplyInProgress::take_next(std::span<const float> logits, const GenerationCallbacks& callbacks) {
  DROVER_CHECK(!finished_, "A finished reply was asked for another token");
  const auto& options = prepared_->request->options;
  const auto position = static_cast<std::int64_t>(response_.ids.size());
  engine::SamplingContext context{.seen = seen_, .prompt_tokens = prepared_->prompt.size()};
  if (position < options.min_tokens) context.banned = prepared_->stop_ids;
  const auto token = engine::sample(logits, options, context, chance_.at(position));
  response_.ids.push_back(token.id);
  response_.log_probs.push_back(token.log_prob);
  response_.sampled_log_probs.push_back(token.sampled_log_prob);
  seen_.push_back(token.id);
  look_for_the_end(token.id);
  push_text(token, callbacks);
}

void ReplyInProgress::push_text(const engine::SampledToken& token, const GenerationCallbacks& callbacks) {
  std::string text = parser_ ? parser_->push(token.id) : decoder_->push(token.id);
  if (finished_ && decoder_) text += decoder_->finish();
  if (!callbacks.on_token) return;
  const bool go_on = callbacks.on_token(
      {.request = prepared_->index, .response = number_, .id = token.id, .log_prob = token.log_prob, .text = text});
  if (!go_on && !finished_) {
    finished_ = true;
    response_.finish = Finish::kCancelled;
  }
}

void ReplyInProgress::look_for_the_end(text::TokenId id) {
  const auto end_as = [this](Finish finish) {
    finished_ = true;
    response_.finish = finish;
  };
  if (contains(prepared_->stop_ids, id)) {
    end_as(Finish::kTerminator);
  } else if (holds_stop_string()) {
    end_as(Finish::kStopString);
  } else if (static_cast<std::int64_t>(response_.ids.size()) >= prepared_->max_tokens) {
    end_as(Finish::kLength);
  }
}

bool ReplyInProgress::holds_stop_string() const {
  const auto& stops = prepared_->request->options.stop_strings;
  if (stops.empty()) return false;
  const auto text = tokenizer_->decode(response_.ids, {.skip_special = true});
  return std::any_of(stops.begin(), stops.end(), [&text](const auto& stop) { return text.find(stop) != std::string::npos; });
}

Response ReplyInProgress::take_response() {
  DROVER_CHECK(finished_, "A reply was taken before it ended");
  response_.text = tokenizer_->decode(response_.ids, {.skip_special = true});
  if (parser_) {
    response_.reply = parser_->finish();
  } else {
    chat::Message message{.sender = chat::Sender::kAssistant, .recipient = {}, .content = response_.text, .calls = {},
                          .ending = response_.is_complete() ? chat::Ending::kTurn : chat::Ending::kCut, .call_id = {}, .tool_name = {}};
    response_.reply = {.messages = {std::move(message)}, .fault = std::nullopt};
  }
  return std::move(response_);
}

}  // namespace drover::generate
