#include "model/tokenizer_files.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "text/gguf_tokenizer_files.h"
#include "text/load_tokenizer.h"

namespace drover::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCopied[] = {"tokenizer.json",       "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
                                   "added_tokens.json",    "vocab.json",      "merges.txt",            "vocab.txt",
                                   "chat_template.jinja"};

void copy_whole_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (error) throw base::SurroundingsError("'{}' could not be copied to '{}': {}.", from.string(), to.string(), error.message());
}

}  // namespace

void write_tokenizer_files(const fs::path& source, const std::optional<std::string>& chat_template, const fs::path& folder) {
  if (fs::is_directory(source)) {
    for (const char* name : kCopied) {
      if (fs::is_regular_file(source / name)) copy_whole_file(source / name, folder / name);
    }
  } else if (source.extension() == ".gguf") {
    const text::TokenizerFiles files = text::tokenizer_files_of_gguf(source);
    if (!files.tokenizer_json.empty()) base::write_file_atomically(folder / "tokenizer.json", files.tokenizer_json);
    if (!files.tokenizer_model.empty()) base::write_file_atomically(folder / "tokenizer.model", files.tokenizer_model);
    base::write_file_atomically(folder / "tokenizer_config.json", files.tokenizer_config_json);
  } else if (fs::is_regular_file(source)) {
    copy_whole_file(source, folder / source.filename());
  } else {
    throw base::UserError("The model's tokenizer cannot be saved: '{}', where it came from, is gone.", source.string());
  }
  if (chat_template && text::read_chat_template(folder) != chat_template) {
    base::write_file_atomically(folder / "chat_template.jinja", *chat_template);
  }
}

}  // namespace drover::model
