#include "text/language_id.h"

#include <fstream>
#include <mutex>

#include "base/drover_home.h"
#include "base/error.h"
#include "text/unicode.h"

#ifdef DROVER_HAS_FASTTEXT
#include <fasttext.h>

#include <sstream>
#endif

namespace drover::text {
namespace {

#ifdef DROVER_HAS_FASTTEXT

constexpr std::size_t kLongestText = std::size_t{1} << 16;

// One line of words, as the model was trained; nothing when there is no letter.
std::optional<std::string> as_line(std::string_view text) {
  text = text.substr(0, kLongestText);
  text.remove_suffix(unfinished_tail(text));
  std::string line;
  bool has_letter = false;
  for (const char* at = text.data(); at < text.data() + text.size();) {
    const auto [code_point, length] = decode_character(at, text.data() + text.size());
    const auto classes = char_class_of(code_point);
    has_letter |= (classes & char_class::kLetter) != 0;
    if ((classes & (char_class::kSpace | char_class::kOther)) != 0)
      line.push_back(' ');
    else
      line.append(at, length);
    at += length;
  }
  if (!has_letter) return std::nullopt;
  line.push_back('\n');
  return line;
}

class FastTextIdentifier final : public LanguageIdentifier {
 public:
  explicit FastTextIdentifier(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw base::UserError("The language model {} cannot be read.", file.string());
    in.exceptions(std::ios::failbit | std::ios::badbit);
    try {
      constexpr std::int32_t kMagic = 793712314;  // fastText's own
      std::int32_t magic = 0;
      in.read(reinterpret_cast<char*>(&magic), sizeof magic);
      if (magic != kMagic) throw std::invalid_argument("no fastText model");
      in.exceptions(std::ios::goodbit);
      in.close();
      model_.loadModel(file.string());
    } catch (const std::exception& error) {
      throw base::UserError("{} is no language model of fastText: {}.", file.string(), error.what());
    }
  }

  std::optional<DetectedLanguage> detect(std::string_view text) const override {
    const auto line = as_line(text);
    if (!line) return std::nullopt;
    std::istringstream in(*line);
    std::vector<std::pair<fasttext::real, std::string>> labels;
    model_.predictLine(in, labels, 1, 0.0F);
    if (labels.empty()) return std::nullopt;
    constexpr std::string_view kPrefix = "__label__";
    std::string_view code = labels[0].second;
    if (code.starts_with(kPrefix)) code.remove_prefix(kPrefix.size());
    return DetectedLanguage{std::string(code), std::min(1.0, static_cast<double>(labels[0].first))};
  }

 private:
  fasttext::FastText model_;
};

#endif

}  // namespace

std::shared_ptr<const LanguageIdentifier> LanguageIdentifier::load(const std::filesystem::path& file) {
#ifdef DROVER_HAS_FASTTEXT
  return std::make_shared<FastTextIdentifier>(file);
#else
  throw base::UserError("{} needs fastText; this build of drover has none. Install libfasttext-dev and build again.",
                        file.string());
#endif
}

std::shared_ptr<const LanguageIdentifier> LanguageIdentifier::installed() {
  static std::mutex mutex;
  static std::shared_ptr<const LanguageIdentifier> loaded;
  const std::lock_guard lock(mutex);
  if (!loaded) {
    const auto file = base::drover_home() / "models/lid.176.ftz";
    if (!std::filesystem::exists(file)) {
      throw base::SurroundingsError("The language model {} is not there. Run scripts/setup, or put fastText's lid.176.ftz there.",
                                    file.string());
    }
    loaded = load(file);
  }
  return loaded;
}

}  // namespace drover::text
