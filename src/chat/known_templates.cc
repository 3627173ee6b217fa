#include <array>
#include <string>
#include <string_view>

#include "base/content_hash.h"
#include "chat/chat_format.h"

namespace drover::chat {
namespace {

struct KnownTemplate {
  std::string_view hash;  ///< XXH3-128 of the normalised text
  std::string_view format;
};

// Printed by scripts/golden/chat_templates.py. Llama 3.1 and 3.3 ship one and the same template, so a 3.3 model must be told apart by
// name; its pythonic calls are understood under llama-3.1 too.
constexpr auto kKnownTemplates = std::to_array<KnownTemplate>({
    {"6bd27ad46fbafaece29813f9374d93e9", "llama-3.1"},  // Llama-3.1-8B-Instruct and Llama-3.3-70B-Instruct
    {"7ac79427203d6116ee0619e3b7f4015c", "llama-3.2"},  // Llama-3.2-3B-Instruct
    {"efa52f1be17451cbe940b26da3d2a637", "chatml-qwen2.5"},  // Qwen2.5-7B-Instruct
    {"3f3af95b0d25ee85fea2453ab63baa53", "chatml-qwen3"},  // Qwen3-0.6B
    {"849d6a9585e06370bf24057283d99e37", "mistral"},  // Mistral-Nemo-Instruct-2407
    {"35dad05f47a6dd5906f5d29d63a59437", "llama-2"},  // Llama-2-7b-chat-hf (from memory)
    {"d6d9c64af90b83f04eb16961cf1a8f56", "chatml-smollm2"},  // SmolLM2-135M-Instruct
    {"e79efd59933163c680a249ebcbf915a8", "chatml"},  // OpenHermes-2.5-Mistral-7B
    {"70bf874ad98f31f4b7f52373b11c60d7", "mistral"},  // Mistral-7B-Instruct-v0.1
    {"f395fc5daa794129a5d004210ebce758", "mistral"},  // Mixtral-8x7B-Instruct-v0.1
    {"9742b62dde79126564ffe80b2cb8b63b", "llama3"},  // Meta-Llama-3-8B-Instruct
    {"8a40ba48f9748ecd7e62eb5158b99182", "mistral"},  // mistralai/Mistral-7B-Instruct-v0.2
    {"4e6c7fa20bcb9b739d4e818cc904bd70", "llama3"},  // Llama-3
});

/// Runs of white space, the two characters \n included, become one blank; none stay at the ends. Copies of a template differ in
/// them: some files hold the newline itself inside a literal, some its escape.
std::string normalised(std::string_view text) {
  std::string out;
  bool blank = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '\\' && i + 1 < text.size() && text[i + 1] == 'n';
    if (is_escape || std::string_view(" \t\n\r\f\v").find(text[i]) != std::string_view::npos) {
      if (is_escape) ++i;
      blank = true;
      continue;
    }
    if (blank && !out.empty()) out += ' ';
    blank = false;
    out += text[i];
  }
  return out;
}

}  // namespace

std::optional<std::string> format_of_template(std::string_view chat_template) {
  const std::string hash = base::content_hash(std::string_view(normalised(chat_template))).hex();
  for (const KnownTemplate& known : kKnownTemplates) {
    if (known.hash == hash) return std::string(known.format);
  }
  return std::nullopt;
}

}  // namespace drover::chat
