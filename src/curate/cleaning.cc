#include "curate/cleaning.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

#include "base/content_hash.h"
#include "base/error.h"
#include "chat/assistant_turn.h"
#include "chat/dialog_json.h"
#include "curate/reply_marks.h"

namespace drover::curate {
namespace {

constexpr std::size_t kRowsBetweenReports = 4096;

/// Spellings that only belong between messages: a reply that holds one was cut apart in the wrong place.
constexpr std::array<std::string_view, 14> kControlSpellings = {
    "<|im_start|>",      "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
    "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>",    "<|python_tag|>",    "[INST]",          "[/INST]",
    "<<SYS>>",           "<</SYS>>"};
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::optional<std::string_view> control_spelling(std::string_view text) {
  for (const std::string_view first : {"<|", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"}) {
    for (std::size_t at = text.find(first); at != std::string_view::npos; at = text.find(first, at + 1)) {
      for (const auto spelling : kControlSpellings) {
        if (text.substr(at).starts_with(spelling)) return spelling;
      }
    }
  }
  return std::nullopt;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

/// The assistant's own messages of the final turn.
template <typename Dialog, typename Visit>
void for_each_reply_message(Dialog& dialog, const Visit& visit) {
  const auto turn = chat::final_assistant_turn(dialog);
  for (std::size_t i = turn.begin; i < turn.end; ++i) {
    if (dialog.messages[i].sender == chat::Sender::kAssistant) visit(dialog.messages[i]);
  }
}

std::optional<std::string> unknown_tool(const chat::Dialog& dialog, const chat::Message& message) {
  if (dialog.tools.empty()) return std::nullopt;
  for (const auto& call : message.calls) {
    if (call.kind != chat::ToolCall::Kind::kFunction) continue;
    const bool is_known =
        std::any_of(dialog.tools.begin(), dialog.tools.end(), [&](const auto& tool) { return tool.name == call.name; });
    if (!is_known) return call.name;
  }
  return std::nullopt;
}

std::optional<std::string> malformation(const chat::Dialog& dialog, const std::string& fault) {
  if (!fault.empty()) return fault;
  std::optional<std::string> found;
  for_each_reply_message(dialog, [&](const chat::Message& message) {
    if (found) return;
    if (const auto spelling = control_spelling(message.content)) {
      found = fmt::format("it holds the control token {} as text", *spelling);
    } else if (message.content.find(kReplacement) != std::string::npos) {
      found = "it holds U+FFFD, which stands for broken characters";
    } else if (const auto tool = unknown_tool(dialog, message)) {
      found = fmt::format("it calls the tool \"{}\", which the dialog does not offer", *tool);
    }
  });
  return found;
}

std::string describe(const Loop& loop) {
  if (loop.words_of_one == 0) return fmt::format("one byte stands there {} times in a row", loop.repeats);
  return fmt::format("the same {} {} stand there {} times in a row", loop.words_of_one,
                     loop.words_of_one == 1 ? "word" : "words", loop.repeats);
}

struct Limit {
  const char* rule;
  const char* what;
  std::int64_t found, most;
  Treatment treatment;
};

/// Too many marks: drops win over rewriting.
ReplyVerdict too_many(const ReplyMarks& marks, const CleaningOptions& options) {
  ReplyVerdict verdict;
  for (const auto& limit : {Limit{"emojis", "emojis", marks.emojis, options.max_emojis, options.emojis},
                            Limit{"exclamation marks", "exclamation marks", marks.exclamation_marks,
                                  options.max_exclamation_marks, options.exclamation_marks}}) {
    if (limit.treatment == Treatment::kLeave || limit.found <= limit.most) continue;
    auto reason = fmt::format("{} {}, at most {} may stand there", limit.found, limit.what, limit.most);
    if (limit.treatment == Treatment::kDrop)
      return {.rule = limit.rule, .reason = std::move(reason), .is_dropped = true};
    verdict.rule = "rewritten";
    verdict.reason += (verdict.reason.empty() ? "" : "; ") + reason;
  }
  return verdict;
}

void rewrite(chat::Dialog& dialog, const ReplyMarks& marks, const CleaningOptions& options) {
  MarkLimits left;
  if (options.emojis == Treatment::kRewrite && marks.emojis > options.max_emojis) left.emojis = options.max_emojis;
  if (options.exclamation_marks == Treatment::kRewrite && marks.exclamation_marks > options.max_exclamation_marks) {
    left.exclamation_marks = options.max_exclamation_marks;
  }
  for_each_reply_message(dialog,
                         [&](chat::Message& message) { message.content = with_fewer_marks(message.content, left); });
}

ReplyMarks marks_of_reply(const chat::Dialog& dialog) {
  ReplyMarks marks;
  for_each_reply_message(dialog, [&](const chat::Message& message) { marks += marks_of(message.content); });
  return marks;
}

ReplyVerdict dropped(const char* rule, std::string reason) {
  return {.rule = rule, .reason = std::move(reason), .is_dropped = true};
}

ReplyVerdict judge_with(const chat::Dialog& dialog, const std::string& fault, const ReplyMarks& marks,
                        const CleaningOptions& options) {
  const auto turn = chat::final_assistant_turn(dialog);
  bool is_cut = false, says_something = false;
  std::optional<Loop> loop;
  for_each_reply_message(dialog, [&](const chat::Message& message) {
    is_cut = is_cut || message.ending == chat::Ending::kCut;
    says_something = says_something || !message.calls.empty() || !is_blank(message.content);
    if (options.drop_loops && !loop) loop = find_loop(message.content, options.loops);
  });
  if (options.drop_empty && turn.empty()) return dropped("empty", "it does not end with an assistant's message");
  if (options.drop_cut && is_cut) return dropped("cut", "the length limit ended it");
  if (options.drop_empty && !says_something) return dropped("empty", "the reply has no text and no calls");
  if (options.drop_empty) {
    if (auto nothing = chat::nothing_to_learn(dialog); nothing && !is_cut) return dropped("empty", std::move(*nothing));
  }
  if (options.drop_cut && marks.has_open_code_block) return dropped("cut", "a fenced block of code is not closed");
  if (options.drop_malformed) {
    if (auto found = malformation(dialog, fault)) return dropped("malformed", std::move(*found));
  }
  if (loop) return dropped("loop", describe(*loop));
  return {};
}

base::ContentHash hash_of(const chat::Dialog& dialog) {
  base::FieldHasher hasher;
  for (const auto& tool : dialog.tools)
    hasher.add(chat::tool_to_json(tool).dump(-1, ' ', false, chat::Json::error_handler_t::replace));
  for (const auto& message : dialog.messages) {
    hasher.add(static_cast<std::int64_t>(message.sender))
        .add(message.content)
        .add(static_cast<std::int64_t>(message.calls.size()));
    for (const auto& call : message.calls) {
      hasher.add(call.name)
          .add(call.arguments.dump(-1, ' ', false, chat::Json::error_handler_t::replace))
          .add(call.code);
    }
  }
  return hasher.finish();
}

struct HashOfHash {
  std::size_t operator()(const base::ContentHash& hash) const { return hash.low; }
};

/// Balances the openings of the rows that are left.
void balance_kept(std::span<const chat::Dialog> dialogs, const OpeningOptions& options, Cleaning& cleaning) {
  const auto rows = kept_rows(cleaning.decisions);
  std::vector<std::string_view> replies;
  for (const auto row : rows) {
    std::string_view first;
    for_each_reply_message(dialogs[row], [&](const chat::Message& message) {
      if (is_blank(first)) first = message.content;
    });
    replies.push_back(first);
  }
  auto balance = balance_openings(replies, options);
  for (const auto& decision : balance.decisions) {
    if (decision.kept) continue;
    cleaning.decisions[rows[decision.index]] = {
        .index = rows[decision.index], .kept = false, .rule = decision.rule, .reason = decision.reason};
  }
  cleaning.phrases = std::move(balance.phrases);
}

}  // namespace

void CleaningOptions::validate() const {
  if (max_emojis < 0) throw base::UserError("A limit of {} emojis is not possible: give 0 or more.", max_emojis);
  if (max_exclamation_marks < 0)
    throw base::UserError("A limit of {} exclamation marks is not possible: give 0 or more.", max_exclamation_marks);
  if (loops.repeats < 2) throw base::UserError("A loop of {} repeats is not possible: give 2 or more.", loops.repeats);
  openings.validate();
}

ReplyVerdict judge_reply(const chat::Dialog& dialog, const std::string& fault, const CleaningOptions& options) {
  const auto marks = marks_of_reply(dialog);
  auto verdict = judge_with(dialog, fault, marks, options);
  return verdict.rule.empty() ? too_many(marks, options) : verdict;
}

Cleaning clean(std::span<chat::Dialog> dialogs, std::span<const std::string> faults, const CleaningOptions& options,
               const base::OnProgress& on_progress) {
  options.validate();
  DROVER_CHECK(faults.empty() || faults.size() == dialogs.size(), "{} faults for {} dialogs", faults.size(),
               dialogs.size());
  Cleaning cleaning;
  std::unordered_map<base::ContentHash, std::size_t, HashOfHash> seen;
  for (std::size_t i = 0; i < dialogs.size(); ++i) {
    const auto marks = marks_of_reply(dialogs[i]);
    auto verdict = judge_with(dialogs[i], faults.empty() ? std::string() : faults[i], marks, options);
    if (verdict.rule.empty() && options.drop_duplicates) {
      const auto [first, is_new] = seen.emplace(hash_of(dialogs[i]), i);
      if (!is_new) {
        verdict = dropped("duplicate", "the same dialog stands in an earlier row");
        verdict.other = first->second;
      }
    }
    if (verdict.rule.empty()) verdict = too_many(marks, options);
    const bool is_rewritten = !verdict.rule.empty() && !verdict.is_dropped;
    if (is_rewritten) rewrite(dialogs[i], marks, options);
    cleaning.num_rewritten += is_rewritten ? 1 : 0;
    cleaning.decisions.push_back({.index = i,
                                  .kept = !verdict.is_dropped,
                                  .rule = verdict.rule.empty() ? "clean" : std::move(verdict.rule),
                                  .reason = std::move(verdict.reason),
                                  .other = verdict.other});
    if (on_progress && (i + 1) % kRowsBetweenReports == 0) {
      on_progress({.what = "clean",
                   .done = static_cast<std::int64_t>(i + 1),
                   .total = static_cast<std::int64_t>(dialogs.size()),
                   .unit = "rows"});
    }
  }
  balance_kept(dialogs, options.openings, cleaning);
  return cleaning;
}

}  // namespace drover::curate
