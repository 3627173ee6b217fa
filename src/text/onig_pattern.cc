#include "text/onig_pattern.h"

#include "base/error.h"

#ifdef DROVER_HAS_ONIGURUMA
#include <oniguruma.h>

#include <mutex>
#endif

namespace drover::text {

#ifdef DROVER_HAS_ONIGURUMA
namespace {

std::string message_of(int code, OnigErrorInfo* info) {
  OnigUChar buffer[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int length = info ? onig_error_code_to_str(buffer, code, info) : onig_error_code_to_str(buffer, code);
  return std::string(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(length));
}

const OnigUChar* bytes_of(std::string_view text) { return reinterpret_cast<const OnigUChar*>(text.data()); }

class OnigPattern final : public Matcher {
 public:
  explicit OnigPattern(const std::string& pattern) : pattern_(pattern) {
    static std::once_flag initialised;
    std::call_once(initialised, [] {
      OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
      onig_initialize(encodings, 1);
      // Patterns come from files. Theirs nest a few levels and find a piece in a few steps; these bounds stop what is
      // built to hang.
      onig_set_parse_depth_limit(256);
      onig_set_retry_limit_in_search(100'000'000);
    });
    OnigErrorInfo info;
    const int code = onig_new(&regex_, bytes_of(pattern), bytes_of(pattern) + pattern.size(), ONIG_OPTION_NONE,
                              ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
    if (code != ONIG_NORMAL) {
      throw base::UserError("The pattern '{}' is not valid: {}.", pattern, message_of(code, &info));
    }
  }
  OnigPattern(const OnigPattern&) = delete;
  OnigPattern& operator=(const OnigPattern&) = delete;
  ~OnigPattern() override { onig_free(regex_); }

  bool needs_valid_utf8() const override { return true; }

  std::optional<MatchRange> find(std::string_view text, std::size_t from) const override {
    const std::unique_ptr<OnigRegion, void (*)(OnigRegion*)> region(
        onig_region_new(), [](OnigRegion* owned) { onig_region_free(owned, 1); });
    const OnigUChar* const end = bytes_of(text) + text.size();
    const OnigPosition found =
        onig_search(regex_, bytes_of(text), end, bytes_of(text) + from, end, region.get(), ONIG_OPTION_NONE);
    if (found == ONIG_MISMATCH) return std::nullopt;
    if (found < 0) {
      throw base::UserError("The pattern '{}' could not be matched against the text: {}.", pattern_,
                            message_of(static_cast<int>(found), nullptr));
    }
    return MatchRange{static_cast<std::size_t>(region->beg[0]), static_cast<std::size_t>(region->end[0])};
  }

 private:
  using OnigPosition = int;
  std::string pattern_;
  regex_t* regex_ = nullptr;
};

}  // namespace

std::unique_ptr<const Matcher> compile_onig_pattern(const std::string& pattern) {
  return std::make_unique<OnigPattern>(pattern);
}

#else

std::unique_ptr<const Matcher> compile_onig_pattern(const std::string& pattern) {
  throw base::UserError(
      "This tokenizer cuts text by the pattern '{}', which needs Oniguruma; this build of drover has none. Install "
      "libonig-dev "
      "and build again.",
      pattern);
}

#endif

}  // namespace drover::text
