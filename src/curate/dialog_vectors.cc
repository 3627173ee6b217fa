#include "curate/dialog_vectors.h"

#include <algorithm>

#include "base/error.h"
#include "chat/dialog_json.h"
#include "chat/json_text.h"

namespace drover::curate {
namespace {

constexpr std::size_t kTextsOfABatch = 256;  // tokens and vectors of these are in memory at once

/// The tokens of a text in windows of at most `most`, each between the encoder's own special tokens.
class Windows {
 public:
  explicit Windows(const model::Encoder& encoder) : encoder_(encoder) {
    const auto around = encoder.tokenizer().encode("a", {.add_special = true});
    const auto alone = encoder.tokenizer().encode("a", {.add_special = false});
    const auto inside = std::search(around.begin(), around.end(), alone.begin(), alone.end());
    DROVER_CHECK(inside != around.end(), "The special tokens of the encoder do not stand around the text");
    before_.assign(around.begin(), inside);
    after_.assign(inside + static_cast<std::ptrdiff_t>(alone.size()), around.end());
    const auto special = static_cast<std::int64_t>(before_.size() + after_.size());
    if (encoder.max_tokens() <= special)
      throw base::UserError("The encoder takes {} tokens: none are left for text.", encoder.max_tokens());
    width_ = static_cast<std::size_t>(encoder.max_tokens() - special);
  }

  void add(std::string_view text, std::vector<std::vector<text::TokenId>>& windows) const {
    const auto tokens = encoder_.tokenizer().encode(text, {.add_special = false});
    for (std::size_t begin = 0; begin < tokens.size(); begin += width_) {
      const auto end = std::min(tokens.size(), begin + width_);
      auto& window = windows.emplace_back(before_);
      window.insert(window.end(), tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                    tokens.begin() + static_cast<std::ptrdiff_t>(end));
      window.insert(window.end(), after_.begin(), after_.end());
    }
  }

 private:
  const model::Encoder& encoder_;
  std::vector<text::TokenId> before_, after_;
  std::size_t width_ = 0;
};

}  // namespace

std::string text_of_dialog(const chat::Dialog& dialog) {
  std::string text;
  for (const auto& message : dialog.messages) {
    text += std::string(chat::name_of(message.sender)) + ": " + message.content;
    for (const auto& call : message.calls) {
      text += "\n" + call.name + " " +
              (call.kind == chat::ToolCall::Kind::kCode ? call.code : chat::json_text(call.arguments));
    }
    text += '\n';
  }
  return text;
}

RowVectors embed_long_texts(std::span<const std::string> texts, const model::Encoder& encoder,
                            const base::OnProgress& on_progress) {
  const Windows windows_of(encoder);
  RowVectors vectors{.dimension = encoder.dimension(),
                     .values = std::vector<float>(texts.size() * static_cast<std::size_t>(encoder.dimension()), 0.0F)};
  for (std::size_t first = 0; first < texts.size(); first += kTextsOfABatch) {
    std::vector<std::vector<text::TokenId>> windows;
    std::vector<std::int64_t> row_of;
    const auto end = std::min(texts.size(), first + kTextsOfABatch);
    for (std::size_t i = first; i < end; ++i) {
      windows_of.add(texts[i], windows);
      row_of.resize(windows.size(), static_cast<std::int64_t>(i));
    }
    const auto embedded = encoder.embed_tokens(windows);
    for (std::size_t w = 0; w < windows.size(); ++w) {
      float* const row = vectors.row(row_of[w]);
      for (std::size_t k = 0; k < embedded[w].size(); ++k)
        row[k] += static_cast<float>(windows[w].size()) * embedded[w][k];
    }
    if (on_progress) {
      on_progress({.what = "embed",
                   .done = static_cast<std::int64_t>(end),
                   .total = static_cast<std::int64_t>(texts.size()),
                   .unit = "dialogs"});
    }
  }
  vectors.normalise();
  return vectors;
}

RowVectors embed_dialogs(std::span<const chat::Dialog> dialogs, const model::Encoder& encoder,
                         const base::OnProgress& on_progress) {
  std::vector<std::string> texts;
  texts.reserve(dialogs.size());
  for (const auto& dialog : dialogs) texts.push_back(text_of_dialog(dialog));
  return embed_long_texts(texts, encoder, on_progress);
}

}  // namespace drover::curate
