#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace drover::text {

/// A match of a pattern: bytes begin .. end-1.
struct MatchRange {
  std::size_t begin;
  std::size_t end;
};

/// A compiled search pattern. Immutable, safe to use from many threads.
class Matcher {
 public:
  virtual ~Matcher() = default;

  /// The leftmost match that begins at or after `from`; may be empty (begin == end). The text is whole: look-ahead ends
  /// where it ends.
  virtual std::optional<MatchRange> find(std::string_view text, std::size_t from) const = 0;

  /// Whether `text` must be valid UTF-8.
  virtual bool needs_valid_utf8() const { return false; }
};

/// Compiles a regular expression as Hugging Face tokenizers understands it (Oniguruma's syntax). The patterns of
/// well-known tokenizers and simple character sets become hand-written scanners, which take the Unicode classes of this
/// program; everything else runs in Oniguruma, which has the classes of its own Unicode version. Throws UserError when
/// the pattern is wrong.
std::unique_ptr<const Matcher> compile_pattern(const std::string& pattern);

/// Finds a literal string.
std::unique_ptr<const Matcher> compile_literal(const std::string& literal);

}  // namespace drover::text
