#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace drover::curate {

/// What a reply's text holds outside code (fenced blocks and `code` in lines).
struct ReplyMarks {
  std::int64_t emojis = 0;  ///< as people see them: a flag, a family or a skin tone counts once
  std::int64_t exclamation_marks =
      0;  ///< that end or colour a sentence: "a != b", "5!", "println!(" and "![image]" have none
  bool has_open_code_block = false;  ///< a fenced block begins and does not end

  ReplyMarks& operator+=(const ReplyMarks& other);
};

ReplyMarks marks_of(std::string_view text);

/// The most marks that a text keeps when it is rewritten; a negative number leaves that kind alone.
struct MarkLimits {
  std::int64_t emojis = -1;
  std::int64_t exclamation_marks = -1;
};

/// The text with its first emojis, up to the limit, and without the others and the blank before each. Of several
/// exclamation marks in a row one stays; those beyond the limit become full stops. `left` says how many are left for
/// texts that follow.
std::string with_fewer_marks(std::string_view text, MarkLimits& left);

}  // namespace drover::curate
