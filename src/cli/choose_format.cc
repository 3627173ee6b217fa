#include "cli/choose_format.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "text/load_tokenizer.h"

namespace drover::cli {

std::shared_ptr<const chat::ChatFormat> choose_format(const std::string& name, const std::optional<std::string>& chat_template,
                                                      std::shared_ptr<const text::Tokenizer> tokenizer) {
  if (!name.empty()) return chat::make_chat_format(name, std::move(tokenizer));
  const auto names = chat::chat_format_names();
  if (!chat_template) {
    throw base::UserError("The model brings no chat template, so its format is not known; give --format with one of {}.", fmt::join(names, ", "));
  }
  const auto known = chat::format_of_template(*chat_template);
  if (!known) {
    throw base::UserError("The model's chat template is none that drover knows; give --format with one of {}.", fmt::join(names, ", "));
  }
  return chat::make_chat_format(*known, std::move(tokenizer));
}

std::shared_ptr<const chat::ChatFormat> choose_format(const std::string& name, const std::filesystem::path& model) {
  return choose_format(name, text::read_chat_template(model), text::load_tokenizer(model));
}

}  // namespace drover::cli
