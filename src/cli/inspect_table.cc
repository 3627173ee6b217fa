#include "cli/inspect_table.h"

#include <fmt/format.h>

#include "cli/json_output.h"

namespace drover::cli {
namespace {

std::string_view colour_of(chat::TokenRole role) {
  switch (role) {
    case chat::TokenRole::kBegin: return "\x1b[35m";       // magenta
    case chat::TokenRole::kHeader: return "\x1b[90m";      // grey
    case chat::TokenRole::kContent: return "\x1b[36m";     // cyan
    case chat::TokenRole::kToolCall: return "\x1b[33m";    // yellow
    case chat::TokenRole::kTerminator: return "\x1b[31m";  // red
  }
  return "";
}

/// "1@30": weight 1, learned at token 30; nothing when this kind of training passes the token over.
std::string describe_marks(const InspectedToken& token, Objective objective) {
  std::string text;
  for (const auto& mark : token.marks) {
    if (mark.objective == objective) text += fmt::format("{}{:.4g}@{}", text.empty() ? "" : " ", mark.weight, mark.position);
  }
  return text;
}

}  // namespace

std::string inspect_table(const InspectedRow& row, const std::string& title, bool colour) {
  std::string out = title + "\n";
  for (const auto& refusal : row.refusals) out += "  refused by " + refusal + "\n";
  std::string header = fmt::format("{:>6} {:>6} {:>7}  {:<10}", "index", "pos", "id", "role");
  for (const auto objective : row.objectives) header += fmt::format(" {:>10}", name_of(objective));
  out += header + "  token\n";
  std::int32_t response = -1;
  for (std::size_t i = 0; i < row.tokens.size(); ++i) {
    const auto& token = row.tokens[i];
    if (token.response != response && row.num_responses > 1) out += fmt::format("  -- response {}{}\n", token.response, token.response == 0 ? ", the best" : "");
    response = token.response;
    out += fmt::format("{:>6} {:>6} {:>7}  {:<10}", i, token.position, text::to_int(token.id), chat::name_of(token.role));
    for (const auto objective : row.objectives) out += fmt::format(" {:>10}", describe_marks(token, objective));
    const auto spelling = json_quoted(token.spelling);
    out += colour ? fmt::format("  {}{}{}\x1b[0m\n", colour_of(token.role), token.marks.empty() ? "" : "\x1b[1m", spelling) : "  " + spelling + "\n";
  }
  return out;
}

}  // namespace drover::cli
