#include "cli/inspect_page.h"

#include <fmt/format.h>

#include "cli/json_output.h"
#include "report/html_text.h"

namespace drover::cli {
namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --begin: #8e24aa; --header: #78909c; --content: #00695c; --tool_call: #b26a00; --terminator: #c62828; }
@media (prefers-color-scheme: dark) { :root { --begin: #ce93d8; --header: #90a4ae; --content: #80cbc4; --tool_call: #ffcc80; --terminator: #ef9a9a; } }
body { font: 15px/1.6 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1rem; margin: 2rem 0 .3rem; }
.row { font-family: ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid #8884; padding-left: .8rem; }
.response { margin: .5rem 0 .5rem 1rem; }
.refusal { color: var(--terminator); }
.begin { color: var(--begin); } .header { color: var(--header); } .content { color: var(--content); }
.call { color: var(--tool_call); } .terminator { color: var(--terminator); }
span[title]:hover { background: #8883; }
.learned { text-decoration: underline 2px; text-underline-offset: 3px; font-weight: 600; }
)";

std::string_view class_of(chat::TokenRole role) {
  switch (role) {
    case chat::TokenRole::kBegin: return "begin";
    case chat::TokenRole::kHeader: return "header";
    case chat::TokenRole::kContent: return "content";
    case chat::TokenRole::kToolCall: return "call";
    case chat::TokenRole::kTerminator: return "terminator";
  }
  return "";
}

std::string describe(const InspectedToken& token, std::size_t index) {
  std::string text = fmt::format("index {}, position {}, id {}, {}", index, token.position, text::to_int(token.id), chat::name_of(token.role));
  for (const auto& mark : token.marks) text += fmt::format("\n{}: weight {:.4g}, learned at index {}", name_of(mark.objective), mark.weight, mark.position);
  return text;
}

/// The token's text as it reads, with line ends made visible. Bytes that are no UTF-8 by themselves become U+FFFD.
std::string visible(std::string_view spelling) {
  const auto json = json_quoted(spelling);
  std::string text;
  for (std::size_t i = 1; i + 1 < json.size(); ++i) {
    if (json[i] != '\\') {
      text += json[i];
    } else if (const char escaped = json[++i]; escaped == 'n') {
      text += "\u21b5\n";
    } else if (escaped == '"' || escaped == '\\') {
      text += escaped;
    } else {
      text += '\\';
      text += escaped;
    }
  }
  return report::escaped(text);
}

std::string row_section(const InspectedRow& row) {
  std::string out = fmt::format("<h2>Line {}: {} tokens</h2>\n", row.line, row.tokens.size());
  for (const auto& refusal : row.refusals) out += fmt::format("<p class=\"refusal\">refused by {}</p>\n", report::escaped(refusal));
  out += "<div class=\"row\">";
  std::int32_t response = -1;
  for (std::size_t i = 0; i < row.tokens.size(); ++i) {
    const auto& token = row.tokens[i];
    if (token.response != response && row.num_responses > 1) {
      out += fmt::format("{}<div class=\"response\"><b>response {}{}</b>\n", response < 0 ? "" : "</div>", token.response, token.response == 0 ? ", the best" : "");
    }
    response = token.response;
    out += fmt::format("<span class=\"{}{}\" title=\"{}\">{}</span>", class_of(token.role), token.marks.empty() ? "" : " learned",
                       report::escaped(describe(token, i)), visible(token.spelling));
  }
  if (response >= 0 && row.num_responses > 1) out += "</div>";
  return out + "</div>\n";
}

}  // namespace

std::string inspect_page(std::span<const InspectedRow> rows, const std::string& file, const std::string& model, std::string_view format) {
  std::string out = fmt::format("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title><style>{}</style></head><body>\n",
                                report::escaped(file), kStyle);
  out += fmt::format("<h1>{}</h1>\n<p>Tokens of {}, format {}. Colours: <span class=\"begin\">begin</span>, <span class=\"header\">header</span>, "
                     "<span class=\"content\">content</span>, <span class=\"call\">tool call</span>, <span class=\"terminator\">terminator</span>; "
                     "<span class=\"learned\">underlined</span>: learned. Point at a token for its weights.</p>\n",
                     report::escaped(file), report::escaped(model), report::escaped(format));
  for (const auto& row : rows) out += row_section(row);
  return out + "</body></html>\n";
}

}  // namespace drover::cli
