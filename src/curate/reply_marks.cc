#include "curate/reply_marks.h"

#include <array>
#include <cstring>
#include <vector>

#include "text/unicode.h"

namespace drover::curate {
namespace {

struct CodePoints {
  char32_t first, last;
};
constexpr CodePoints kShownAsEmoji[] = {
#include "curate/emoji_ranges.inc"
};

constexpr char32_t kJoiner = 0x200D;
constexpr char32_t kEmojiStyle = 0xFE0F;  // asks for the character before it to be shown as an emoji
constexpr char32_t kKeycap = 0x20E3;
constexpr char32_t kBeyond = 0x20000;  // no emoji lies there

bool is_shown_as_emoji(char32_t c) {
  static const auto table = [] {
    std::vector<bool> bits(kBeyond);
    for (const auto& range : kShownAsEmoji) {
      for (char32_t one = range.first; one <= range.last; ++one) bits[one] = true;
    }
    return bits;
  }();
  return c < kBeyond && table[c];
}
bool is_flag_letter(char32_t c) { return c >= 0x1F1E6 && c <= 0x1F1FF; }
bool is_skin_tone(char32_t c) { return c >= 0x1F3FB && c <= 0x1F3FF; }
bool is_tag(char32_t c) { return c >= 0xE0020 && c <= 0xE007F; }

/// Walks over what matters in a text. Bytes of which a block of text holds none are passed over many at a time.
template <typename Visitor>
class MarkScan {
 public:
  MarkScan(std::string_view text, Visitor& visitor) : text_(text), visitor_(visitor) {}

  /// Returns whether a code block is left open.
  bool run() {
    constexpr std::size_t kBlock = 64;
    while (at_ < text_.size()) {
      const std::size_t rest = text_.size() - at_;
      if (rest >= kBlock && is_plain(text_.data() + at_)) {
        at_ += kBlock;
        continue;
      }
      const std::size_t end = at_ + std::min(rest, kBlock);
      while (at_ < end) step();
    }
    return in_block_;
  }

 private:
  static bool is_plain(const char* block) {
    unsigned char found = 0;
    for (int i = 0; i < 64; ++i) {
      const auto byte = static_cast<unsigned char>(block[i]);
      found = static_cast<unsigned char>(found | static_cast<unsigned char>(byte == '!') |
                                         static_cast<unsigned char>(byte == '`') |
                                         static_cast<unsigned char>(byte >= 0xE2));
    }
    return found == 0;
  }

  unsigned char byte(std::size_t at) const { return at < text_.size() ? static_cast<unsigned char>(text_[at]) : 0; }

  void step() {
    const unsigned char c = byte(at_);
    if (c == '`') {
      backticks();
    } else if (c == '!') {
      if (!in_code() && ends_a_sentence(at_)) visitor_.exclamation_mark(at_, at_ + 1);
      ++at_;
    } else if (c < 0xE2) {
      if (c == '\n') in_line_code_ = false;
      ++at_;
    } else {
      wide_character(c);
    }
  }

  bool in_code() const { return in_block_ || in_line_code_; }

  void backticks() {
    std::size_t end = at_;
    while (byte(end) == '`') ++end;
    if (end - at_ >= 3 && begins_its_line()) {
      in_block_ = !in_block_;
      in_line_code_ = false;
    } else if (!in_block_ && end - at_ < 3) {
      in_line_code_ = !in_line_code_;
    }
    at_ = end;
  }

  bool begins_its_line() const {
    std::size_t i = at_;
    while (i > 0 && (text_[i - 1] == ' ' || text_[i - 1] == '\t')) --i;
    return i == 0 || text_[i - 1] == '\n';
  }

  bool ends_a_sentence(std::size_t at) const {
    const unsigned char before = at == 0 ? 0 : byte(at - 1);
    if (before == 0 || before == '\n' || (before >= '0' && before <= '9')) return false;
    const unsigned char after = byte(at + 1);
    return after == 0 || after >= 0x80 || std::strchr(" \t\r\n!?.,;:\"')]}*_~<", after) != nullptr;
  }

  void wide_character(unsigned char first) {
    const char* const end = text_.data() + text_.size();
    if (first == 0xE2 && byte(at_ + 1) == 0x80) {  // typographic quotes and dashes
      at_ += byte(at_ + 2) >= 0x80 ? 3 : 1;
      return;
    }
    const auto [c, length] = text::decode_character(text_.data() + at_, end);
    if (c == 0xFF01) {  // the wide exclamation mark
      if (!in_code()) visitor_.exclamation_mark(at_, at_ + length);
      at_ += length;
    } else if (c == kEmojiStyle && at_ > 0) {
      const auto before = text::decode_last_character(text_.data(), text_.data() + at_);
      emoji(at_ - before.length, at_ + length);
    } else if (is_shown_as_emoji(c) || is_flag_letter(c)) {
      const bool is_flag = is_flag_letter(c);
      std::size_t after = at_ + length;
      if (is_flag && after < text_.size()) {
        const auto second = text::decode_character(text_.data() + after, end);
        if (is_flag_letter(second.code_point)) after += second.length;
      }
      emoji(at_, after);
    } else {
      at_ += length;
    }
  }

  /// Takes what belongs to an emoji that begins at `begin` and goes on at `after`.
  void emoji(std::size_t begin, std::size_t after) {
    const char* const end = text_.data() + text_.size();
    while (after < text_.size()) {
      const auto next = text::decode_character(text_.data() + after, end);
      if (next.code_point == kJoiner && after + next.length < text_.size()) {
        const auto joined = text::decode_character(text_.data() + after + next.length, end);
        if (joined.code_point < 0x80) break;
        after += next.length + joined.length;
      } else if (next.code_point == kEmojiStyle || next.code_point == kKeycap || is_skin_tone(next.code_point) ||
                 is_tag(next.code_point)) {
        after += next.length;
      } else {
        break;
      }
    }
    if (!in_code()) visitor_.emoji(begin, after);
    at_ = after;
  }

  std::string_view text_;
  Visitor& visitor_;
  std::size_t at_ = 0;
  bool in_block_ = false;
  bool in_line_code_ = false;
};

struct Counter {
  ReplyMarks marks;
  void emoji(std::size_t, std::size_t) { ++marks.emojis; }
  void exclamation_mark(std::size_t, std::size_t) { ++marks.exclamation_marks; }
};

struct Rewriter {
  std::string_view text;
  MarkLimits& left;
  std::string out = {};
  std::size_t copied = 0;                   // bytes of `text` that are dealt with
  std::size_t last_mark = ~std::size_t{0};  // where the newest exclamation mark ended

  void copy_to(std::size_t end) {
    if (end > copied) out.append(text.substr(copied, end - copied));
    copied = std::max(copied, end);
  }
  void emoji(std::size_t begin, std::size_t end) {
    if (left.emojis < 0) return;
    if (left.emojis > 0) {
      --left.emojis;
      return copy_to(end);
    }
    copy_to(begin);
    if (!out.empty() && out.back() == ' ') out.pop_back();
    copied = end;
  }
  void exclamation_mark(std::size_t begin, std::size_t end) {
    if (left.exclamation_marks < 0) return;
    copy_to(begin);
    const bool goes_on = last_mark == begin;
    last_mark = end;
    if (!goes_on && left.exclamation_marks > 0) {
      --left.exclamation_marks;
      return copy_to(end);
    }
    const bool is_ended = goes_on || (!out.empty() && (out.back() == '?' || out.back() == '.'));
    if (!is_ended) out += end - begin == 1 ? "." : "\xE3\x80\x82";
    copied = end;
  }
};

}  // namespace

ReplyMarks& ReplyMarks::operator+=(const ReplyMarks& other) {
  emojis += other.emojis;
  exclamation_marks += other.exclamation_marks;
  has_open_code_block = has_open_code_block || other.has_open_code_block;
  return *this;
}

ReplyMarks marks_of(std::string_view text) {
  Counter counter;
  counter.marks.has_open_code_block = MarkScan(text, counter).run();
  return counter.marks;
}

std::string with_fewer_marks(std::string_view text, MarkLimits& left) {
  Rewriter rewriter{.text = text, .left = left};
  MarkScan(text, rewriter).run();
  rewriter.copy_to(text.size());
  return std::move(rewriter.out);
}

}  // namespace drover::curate
