#include "train/learned_rows.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "chat/assistant_turn.h"
#include "chat/reply_tokens.h"
#include "model/log_probs.h"
#include "train/ranked_pairs.h"

namespace drover::train {
namespace {

using base::UserError;
using chat::TokenRole;
using model::TokenRow;

/// The entry that learns token `index` of a segment from the token before it.
model::LearnedPosition learn_token(const TokenRow& row, std::int32_t segment, std::size_t index, std::int32_t response) {
  const auto& place = row.segments[static_cast<std::size_t>(segment)];
  const std::int64_t token = place.begin + static_cast<std::int64_t>(index);
  const std::int64_t before = index == 0 ? row.position_before(segment) : token - 1;
  return {.position = before, .target = row.tokens[static_cast<std::size_t>(token)], .weight = 1.0F, .response = response};
}

/// Each response with the prompt that all share, best first.
std::vector<chat::PromptAndReply> render_responses(const chat::ChatFormat& format, const chat::PreferenceRow& preference) {
  if (preference.responses.size() < 2) throw UserError("a preference needs two responses, there is {}", preference.responses.size());
  for (const auto level : preference.levels) {
    if (level == chat::PreferenceLevel::kNone) throw UserError("two responses are marked as equally good: nothing is preferred");
  }
  std::vector<chat::PromptAndReply> rendered;
  for (std::size_t i = 0; i < preference.responses.size(); ++i) {
    const auto& response = preference.responses[i];
    if (response.empty() || response.front().sender != chat::Sender::kAssistant) {
      throw UserError("response {} does not begin with an assistant's message", i + 1);
    }
    chat::Dialog alone;
    alone.messages = response;
    if (chat::nothing_to_learn(alone)) throw UserError("response {} is empty", i + 1);
    const auto dialog = preference.with_response(i);
    auto split = chat::split_at_reply(format, dialog, preference.prompt.messages.size());
    for (std::size_t earlier = 0; earlier < rendered.size(); ++earlier) {
      if (rendered[earlier].reply.ids == split.reply.ids) {
        throw UserError("responses {} and {} are the same tokens: there is nothing to prefer", earlier + 1, i + 1);
      }
    }
    rendered.push_back(std::move(split));
  }
  return rendered;
}

/// Two responses of the ranking, with their own level.
chat::PreferenceRow pair_of(const chat::PreferenceRow& preference, std::size_t better, std::size_t worse) {
  chat::PreferenceRow pair;
  pair.prompt = preference.prompt;
  pair.responses = {preference.responses[better], preference.responses[worse]};
  pair.levels = {level_between(preference.levels, better, worse)};
  return pair;
}

/// Checks that each turn stands in the row as it stood when it was the newest one: some formats write earlier messages in another way
/// once more follow, and what is learned would not be what was sampled.
void check_turns(const chat::ChatFormat& format, const chat::Dialog& dialog, std::span<const chat::MessageRange> turns) {
  const auto whole = format.render(dialog).ids;
  for (const auto& turn : turns) {
    chat::Dialog until = dialog;
    until.messages.resize(turn.end);
    auto [prompt, reply, said] = chat::split_at_reply(format, until, turn.begin);
    prompt.insert(prompt.end(), reply.ids.begin(), reply.ids.end());
    if (prompt.size() > whole.size() || !std::equal(prompt.begin(), prompt.end(), whole.begin())) {
      throw UserError("the format '{}' writes what stands before message {} in another way once more messages follow: learn the final turn only",
                      format.name(), turn.end);
    }
  }
}

}  // namespace

void RowOptions::validate() const {
  if (max_tokens < 2) throw UserError("max_tokens = {} is not possible: a row has at least 2 tokens.", max_tokens);
}

void RowOptions::check_length(const TokenRow& row) const {
  validate();
  if (row.num_tokens() <= max_tokens) return;
  if (is_context) throw UserError("the row has {} tokens, more than the model's context of {}", row.num_tokens(), max_tokens);
  throw UserError("the row has {} tokens, more than max_tokens = {}", row.num_tokens(), max_tokens);
}

TokenRow sft_row(const chat::ChatFormat& format, const chat::Dialog& dialog, Learn learn, const RowOptions& options) {
  auto learned_turns = chat::assistant_turns(dialog);
  if (learn == Learn::kFinal) {
    if (const auto reason = chat::nothing_to_learn(dialog)) throw UserError("there is nothing to learn: {}", *reason);
    learned_turns = {chat::final_assistant_turn(dialog)};
  }
  if (learned_turns.empty()) throw UserError("there is nothing to learn: the dialog has no assistant's message");

  if (learned_turns.size() > 1) check_turns(format, dialog, learned_turns);

  const auto split = chat::split_at_reply(format, dialog, learned_turns.front().begin);
  TokenRow row;
  const auto root = row.add_segment(-1, split.prompt);
  const auto reply = row.add_segment(root, split.reply.ids);
  for (std::size_t i = 0; i < split.reply.ids.size(); ++i) {
    if (split.said[i] != 0) row.learned.push_back(learn_token(row, reply, i, 0));
  }
  if (row.learned.empty()) throw UserError("there is nothing to learn: the assistant's messages are empty");
  options.check_length(row);
  return row;
}

TokenRow reward_row(const chat::ChatFormat& format, const chat::PreferenceRow& preference, const RowOptions& options) {
  const auto rendered = render_responses(format, preference);
  TokenRow row;
  const auto root = row.add_segment(-1, rendered.front().prompt);
  for (std::size_t i = 0; i < rendered.size(); ++i) {
    row.add_segment(root, rendered[i].reply.ids);
    row.learned.push_back({.position = row.num_tokens() - 1, .target = row.tokens.back(), .weight = 1.0F,
                           .response = static_cast<std::int32_t>(i)});
  }
  options.check_length(row);
  return row;
}

DpoRow dpo_row(const chat::ChatFormat& format, const chat::PreferenceRow& preference, const DpoRowOptions& options) {
  if (preference.responses.size() < 2) throw UserError("a preference needs two responses, there is {}", preference.responses.size());
  const auto rendered = render_responses(format, pair_of(preference, 0, preference.responses.size() - 1));
  DpoRow made;
  const auto root = made.row.add_segment(-1, rendered.front().prompt);
  for (const std::int32_t number : {0, 1}) {
    const auto& [prompt, reply, said] = number == 0 ? rendered.front() : rendered.back();
    const auto segment = made.row.add_segment(root, reply.ids);
    bool is_compared = false;
    for (std::size_t i = 0; i < reply.ids.size(); ++i) {
      if (said[i] == 0) continue;
      const bool in_preference = reply.roles[i] != TokenRole::kTerminator || !options.mask_format_tokens;
      const bool in_likelihood = number == 0;
      if (!in_preference && !in_likelihood) continue;
      made.row.learned.push_back(learn_token(made.row, segment, i, number));
      made.preference.push_back(in_preference ? 1 : 0);
      made.likelihood.push_back(in_likelihood ? 1 : 0);
      is_compared |= in_preference;
    }
    if (!is_compared) throw UserError("the {} response has no token that counts", number == 0 ? "best" : "worst");
  }
  options.rows.check_length(made.row);
  return made;
}

std::vector<DpoRow> dpo_rows(const chat::ChatFormat& format, const chat::PreferenceRow& preference, const DpoRowOptions& options) {
  std::vector<DpoRow> rows;
  for (const auto& pair : clear_pairs(preference.levels, options.lowest_level)) {
    rows.push_back(dpo_row(format, pair_of(preference, static_cast<std::size_t>(pair.better), static_cast<std::size_t>(pair.worse)), options));
  }
  return rows;
}

std::vector<TokenRow> document_rows(std::span<const text::TokenId> document, const RowOptions& options) {
  options.validate();
  const auto size = static_cast<std::size_t>(options.max_tokens);
  std::vector<TokenRow> rows;
  if (document.size() < 2) return rows;
  for (std::size_t begin = 0; begin < document.size(); begin += size) {
    const bool is_left_over = begin + 1 == document.size();
    const auto from = is_left_over ? begin - size / 2 : begin;
    auto& row = rows.emplace_back(model::score_all(document.subspan(from, std::min(size, document.size() - from))));
    if (is_left_over) row.learned.erase(row.learned.begin(), row.learned.end() - 1);
  }
  return rows;
}

}  // namespace drover::train
