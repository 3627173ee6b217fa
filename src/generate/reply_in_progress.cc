#include "generate/reply_in_progress.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/unicode.h"

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
  if (request.num_responses < 1 || request.num_responses > kMaxResponses) {
    throw UserError("num_responses = {} is not possible: ask for 1 to {} replies.", request.num_responses, kMaxResponses);
  }
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
      tokenizer_(&tokenizer) {
  if (format != nullptr) {
    parser_ = format->start_reply(prepared.request->dialog);
  } else {
    decoder_.emplace(tokenizer, text::DecodeOptions{.skip_special = true});
  }
}

void ReplyInProgress::take(const engine::SampledToken& token, const GenerationCallbacks& callbacks) {
  DROVER_CHECK(!finished_, "A finished reply was given another token");
  response_.ids.push_back(token.id);
  response_.log_probs.push_back(token.log_prob);
  response_.sampled_log_probs.push_back(token.sampled_log_prob);
  announce(token, read(token.id), callbacks);
}

void ReplyInProgress::cut(Finish finish) {
  if (!finished_) end_as(finish);
}

/// Takes the token into the reply's text and looks whether it ends the reply. Returns what became certain for the reader.
std::string ReplyInProgress::read(text::TokenId id) {
  const bool ends_message = parser_ && parser_->ends_at(id);
  const bool stops = ends_message || contains(prepared_->stop_ids, id);
  std::string certain;
  // A stop id that the format does not know is no part of what was said.
  if (ends_message || !stops) certain = parser_ ? parser_->push(id) : decoder_->push(id);
  streamed_ += certain.size();
  if (stops) {
    end_as(Finish::kTerminator);
  } else if (comes_to_hold_stop_string(id)) {
    end_as(Finish::kStopString);
  } else if (static_cast<std::int64_t>(response_.ids.size()) >= prepared_->max_tokens) {
    end_as(Finish::kLength);
  }
  if (finished_) certain += parser_ ? unread_tail() : decoder_->finish();
  return certain;
}

void ReplyInProgress::announce(const engine::SampledToken& token, std::string text, const GenerationCallbacks& callbacks) {
  if (!callbacks.on_token) return;
  const bool go_on = callbacks.on_token(
      {.request = prepared_->index, .response = number_, .id = token.id, .log_prob = token.log_prob, .text = text});
  if (!go_on && !finished_) end_as(Finish::kCancelled);
}

bool ReplyInProgress::comes_to_hold_stop_string(text::TokenId id) {
  const auto& stops = prepared_->request->options.stop_strings;
  if (stops.empty() || tokenizer_->is_special(id)) return false;
  const auto old_size = plain_text_.size();
  plain_text_ += tokenizer_->bytes_of(id);
  if (std::ssize(response_.ids) <= prepared_->request->options.min_tokens) return false;
  const auto is_new = [&](const std::string& stop) {
    const auto from = old_size - std::min(old_size, stop.size() - 1);
    return plain_text_.find(stop, from) != std::string::npos;
  };
  return std::any_of(stops.begin(), stops.end(), is_new);
}

void ReplyInProgress::end_as(Finish finish) {
  finished_ = true;
  response_.finish = finish;
  if (parser_) {
    response_.reply = parser_->finish();
  } else {
    std::span<const text::TokenId> said = response_.ids;
    if (response_.is_complete()) said = said.first(said.size() - 1);
    chat::Message message;
    message.sender = chat::Sender::kAssistant;
    message.content = tokenizer_->decode(said, {.skip_special = true});
    message.ending = chat::Ending::kCut;
    response_.reply.messages.push_back(std::move(message));
  }
  // The parser calls a reply cut when its terminator is one that only the model's config or the caller knows.
  for (auto& message : response_.reply.messages) {
    if (!response_.is_complete() || message.ending != chat::Ending::kCut) continue;
    message.ending = message.calls.empty() ? chat::Ending::kTurn : chat::Ending::kMessage;
  }
}

/// What the parser held back and the finished reply counts as content after all: a blank before a call that did not come, half a tag.
std::string ReplyInProgress::unread_tail() const {
  const auto& messages = response_.reply.messages;
  if (messages.empty() || messages.front().content.size() <= streamed_) return {};
  return text::replace_invalid_utf8(std::string_view(messages.front().content).substr(streamed_));
}

Response ReplyInProgress::take_response() {
  DROVER_CHECK(finished_, "A reply was taken before it ended");
  response_.text = tokenizer_->decode(response_.ids, {.skip_special = true});
  return std::move(response_);
}

}  // namespace drover::generate
