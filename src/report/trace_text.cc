// text_of_trace of trace.h.
#include <fmt/format.h>

#include <string>

#include "report/trace.h"

namespace drover::report {
namespace {

using chat::Json;

std::string text(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string in_brackets(const std::string& words) { return words.empty() ? "" : " (" + words + ")"; }

std::string stage(const Json& json) { return text(json.at("stage"), "name"); }

std::string model(const Json& json) {
  const auto hash = text(json, "hash");
  const auto name = text(json, "name");
  return hash.empty() || hash == name ? name.substr(0, 40) : fmt::format("{} ({})", name, hash.substr(0, 12));
}

// Lines behind the first are indented too, so that a message stays one block.
std::string indented(const std::string& words, const std::string& indent) {
  std::string out;
  for (const char letter : words) {
    out += letter;
    if (letter == '\n') out += indent;
  }
  return out;
}

std::string message_lines(const Json& messages, const std::string& indent) {
  std::string out;
  for (const auto& message : messages) {
    out += fmt::format("{}{}: {}\n", indent, text(message, "role"), indented(text(message, "content"), indent + "  "));
    if (const auto calls = message.find("tool_calls"); calls != message.end()) {
      for (const auto& call : *calls) out += fmt::format("{}  calls {}\n", indent, call.dump());
    }
  }
  return out;
}

std::string prompt_lines(const Json& prompt) {
  if (prompt.contains("is_removed")) return fmt::format("prompt {}  removed\n", text(prompt, "id"));
  std::string out = fmt::format("prompt {}  from {}{}", text(prompt, "id"), text(prompt, "source"),
                                text(prompt, "licence").empty() ? "" : ", " + text(prompt, "licence"));
  if (!prompt.at("tags").empty()) out += "  tags " + prompt.at("tags").dump();
  if (prompt.contains("difficulty")) out += "  difficulty " + text(prompt, "difficulty");
  if (prompt.contains("parent"))
    out += fmt::format("  turn {} after {}", prompt.at("turn").get<std::int64_t>() + 1, text(prompt, "parent"));
  out += "\n" + message_lines(prompt.at("messages"), "  ");
  if (prompt.contains("tools")) out += "  tools " + prompt.at("tools").dump() + "\n";
  if (prompt.contains("checker"))
    out += fmt::format("  expected ({}): {}\n", text(prompt, "checker"), text(prompt, "expected"));
  return out;
}

std::string comparison_line(const Json& comparison, const std::string& reply) {
  const auto level = text(comparison, "level");
  std::string what;
  if (text(comparison, "edited") == reply) {
    what = fmt::format("the edit of {}, better than {}", text(comparison, "preferred"), text(comparison, "other"));
  } else {
    const bool is_preferred = text(comparison, "preferred") == reply;
    what = fmt::format("{} {}",
                       level == "none" ? "no preference against"
                       : is_preferred  ? "preferred over"
                                       : "less liked than",
                       text(comparison, is_preferred ? "other" : "preferred"));
  }
  return fmt::format("{} ({}, {}, by {}) in {}{}", what, level, text(comparison, "unit"),
                     model(comparison.at("annotator")), stage(comparison), in_brackets(text(comparison, "reason")));
}

std::string reply_lines(const Json& reply) {
  const auto id = text(reply, "id");
  if (reply.contains("is_removed")) return fmt::format("reply {}  removed\n", id);
  const auto kind = text(reply, "kind");
  std::string out = fmt::format("reply {}  ", id);
  if (kind == "sampled") {
    out += fmt::format("sample {} of {}", reply.at("sample").get<std::int64_t>(), model(reply.at("model")));
  } else {
    out += kind + (reply.contains("origin") ? " by " + text(reply, "origin") : "") +
           (reply.contains("edited_from") ? " from " + text(reply, "edited_from") : "");
  }
  out += fmt::format(" in {}\n", stage(reply)) + message_lines(reply.at("messages"), "  ");
  out += fmt::format("  ends: {}; {} tokens, log-probability {:.3f}, options {}\n", text(reply, "ending"),
                     reply.at("tokens").get<std::int64_t>(), reply.at("log_probability").get<double>(),
                     text(reply, "options"));
  if (reply.contains("fault")) out += "  malformed: " + text(reply, "fault") + "\n";
  for (const auto& edit : reply.at("edits")) out += "  edited to " + edit.get<std::string>() + "\n";
  for (const auto& score : reply.at("scores")) {
    out += fmt::format("  score {:.4f} by {} in {}{}\n", score.at("value").get<double>(), model(score.at("scorer")),
                       stage(score), in_brackets(text(score, "reason")));
  }
  for (const auto& verdict : reply.at("verdicts")) {
    out += fmt::format("  checked in {}: {}{}\n", stage(verdict),
                       verdict.at("is_right").get<bool>() ? "right" : "wrong", in_brackets(text(verdict, "reason")));
  }
  for (const auto& comparison : reply.at("comparisons")) out += "  " + comparison_line(comparison, id) + "\n";
  for (const auto& decision : reply.at("decisions")) {
    out += fmt::format("  {} in {}: {}{}{}\n", decision.at("is_kept").get<bool>() ? "kept" : "dropped",
                       stage(decision), text(decision, "rule"), in_brackets(text(decision, "reason")),
                       decision.contains("score") ? fmt::format(", {:.4f}", decision.at("score").get<double>()) : "");
  }
  return out;
}

std::string model_lines(const Json& trace) {
  const auto& own = trace.at("model");
  std::string out = fmt::format("model {}  {}\n  made by {} in {}, in {}\n  options {}\n", text(own, "hash"),
                                text(own, "name"), text(own, "made_by"), stage(own), text(own, "folder"),
                                text(own, "options"));
  out += "before it\n";
  for (const auto& row : trace.at("data")) {
    out += fmt::format("  {} {} rows from {}\n", row.at("rows").get<std::int64_t>(), text(row, "kind"),
                       text(row, "source"));
  }
  for (const auto& ancestor : trace.at("ancestors")) {
    out += fmt::format("  {} by {}, weight {:.4g} of {}\n", model(ancestor), text(ancestor, "made_by"),
                       ancestor.at("weight").get<double>(), text(ancestor, "of"));
  }
  if (trace.at("ancestors").empty()) out += "  no parent: a run begins with it\n";
  return out;
}

std::string after_lines(const Json& trace) {
  std::string out = "after it\n";
  if (trace.contains("next_turns")) {
    for (const auto& next : trace.at("next_turns")) out += "  next turn " + next.get<std::string>() + "\n";
  }
  if (trace.contains("rows")) {
    for (const auto& row : trace.at("rows")) {
      out += fmt::format("  row {} ({}) of {} training in {}\n", row.at("ordinal").get<std::int64_t>(),
                         text(row, "id"), text(row, "kind"), stage(row));
    }
    if (trace.at("rows").empty()) out += "  no training row: nothing was learned from it\n";
  }
  const auto* verb = text(trace, "kind") == "model" ? "made of it" : "went into";
  for (const auto& descendant : trace.at("models")) out += fmt::format("  {} {}\n", verb, model(descendant));
  if (text(trace, "kind") == "model" && trace.at("models").empty()) out += "  nothing was made of it\n";
  return out;
}

}  // namespace

std::string text_of_trace(const Json& trace) {
  std::string out;
  if (trace.contains("model")) return model_lines(trace) + after_lines(trace);
  if (trace.contains("row")) {
    const auto& row = trace.at("row");
    out += fmt::format("row {}  number {} of {} training in {}\n", text(row, "id"),
                       row.at("ordinal").get<std::int64_t>(), text(row, "kind"), stage(row));
  }
  if (trace.contains("comparison")) {
    const auto& comparison = trace.at("comparison");
    out += fmt::format("comparison {}  {} {}\n", text(comparison, "id"), text(comparison, "preferred"),
                       comparison_line(comparison, text(comparison, "preferred")));
    if (comparison.contains("edited")) out += "  edited to " + text(comparison, "edited") + "\n";
  }
  if (trace.contains("prompt")) out += prompt_lines(trace.at("prompt"));
  for (const auto& reply : trace.at("replies")) out += reply_lines(reply);
  return out + after_lines(trace);
}

}  // namespace drover::report
