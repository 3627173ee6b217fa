#include "openai/choice_reader.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace drover::openai {
namespace {

/// How long an ending of `text` begins the marker.
std::size_t begun_length(std::string_view text, std::string_view marker) {
  for (std::size_t length = std::min(text.size(), marker.size() - 1); length > 0; --length) {
    if (marker.starts_with(text.substr(text.size() - length))) return length;
  }
  return 0;
}

}  // namespace

ChoiceReader::ChoiceReader(const ReadingRules& rules) : rules_(rules) {
  if (rules_.format != nullptr) {
    parser_ = rules_.format->start_reply(*rules_.dialog);
  } else {
    decoder_.emplace(*rules_.tokenizer, text::DecodeOptions{.skip_special = true});
  }
  for (const auto id : rules_.forced) parsed_ += parser_ ? parser_->push(id) : decoder_->push(id);
}

std::string ChoiceReader::push(const engine::SampledToken& token, std::span<const engine::RankedToken> top) {
  DROVER_CHECK(!has_ended(), "A token came after the end of its choice");
  run_.add(token, top);
  const bool ends_message = parser_ && parser_->ends_at(token.id);
  const bool stops = std::find(rules_.stop_ids.begin(), rules_.stop_ids.end(), token.id) != rules_.stop_ids.end();
  if (stops && !ends_message) return {};  // of the caller or the model's configuration: no part of what was said
  return release(parser_ ? parser_->push(token.id) : decoder_->push(token.id));
}

/// Lets text out up to a stop string, or to where one may begin.
std::string ChoiceReader::release(std::string certain) {
  parsed_ += certain;
  if (rules_.stop_strings.empty()) {
    text_ += certain;
    return certain;
  }
  held_ += certain;
  if (std::ssize(run_.tokens) <= rules_.min_tokens) too_early_ = held_.size();
  std::size_t first = std::string::npos;
  for (const auto& stop : rules_.stop_strings) {
    const auto at = held_.find(stop, too_early_ < stop.size() ? 0 : too_early_ - stop.size() + 1);
    if (at >= first) continue;
    first = at;
    stop_string_ = stop;
  }
  std::string out;
  if (first != std::string::npos) {
    out = held_.substr(0, first);
    held_.clear();
    finish_as("stop");
  } else {
    std::size_t keep = 0;
    for (const auto& stop : rules_.stop_strings) keep = std::max(keep, begun_length(held_, stop));
    out = held_.substr(0, held_.size() - keep);
    held_.erase(0, out.size());
    too_early_ -= std::min(too_early_, out.size());
  }
  text_ += out;
  return out;
}

std::string ChoiceReader::end(engine::SampleEnd end) {
  if (has_ended()) return {};
  std::string rest;
  std::vector<chat::ToolCall> calls;
  if (parser_) {
    const auto reply = parser_->finish();
    for (const auto& message : reply.messages) {
      if (message.content.starts_with(parsed_)) rest = message.content.substr(parsed_.size());
      calls = message.calls;
    }
  } else {
    rest = decoder_->finish();
  }
  auto out = release(std::move(rest));
  if (has_ended()) return out;
  out += held_;
  text_ += held_;
  held_.clear();
  calls_ = std::move(calls);
  switch (end) {
    case engine::SampleEnd::kStopId: finish_as(calls_.empty() ? "stop" : "tool_calls"); break;
    case engine::SampleEnd::kLength: finish_as("length"); break;
    case engine::SampleEnd::kListener:
    case engine::SampleEnd::kCancelled: finish_as("abort"); break;
  }
  return out;
}

void ChoiceReader::finish_as(std::string reason) { finish_reason_ = std::move(reason); }

}  // namespace drover::openai
