#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace drover::text {

struct DetectedLanguage {
  std::string code;        ///< ISO 639-1 where there is one: "en", "de", "hi", "zh"
  double probability = 0;  ///< the model's own, 0 to 1
};

/// Says which language a text is in, by a fastText model such as lid.176.ftz (176 languages). Immutable, safe to use from many
/// threads.
class LanguageIdentifier {
 public:
  /// Throws UserError when the file is no such model, and in a build without fastText. The file is trusted: fastText
  /// allocates what it says.
  static std::shared_ptr<const LanguageIdentifier> load(const std::filesystem::path& file);

  /// The model that scripts/setup brought, $DROVER_HOME/models/lid.176.ftz, loaded at the first call. Throws
  /// SurroundingsError when it is not there.
  static std::shared_ptr<const LanguageIdentifier> installed();

  virtual ~LanguageIdentifier() = default;

  /// Nothing when the text holds no letter. Only the first 64 KiB count. The model is sensitive to case: pass a text that
  /// is all in capitals in lower case.
  virtual std::optional<DetectedLanguage> detect(std::string_view text) const = 0;
};

}  // namespace drover::text
