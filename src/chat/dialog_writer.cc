#include "chat/dialog_writer.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/unicode.h"

namespace drover::chat {
namespace {

/// str.isspace() of Python: White_Space and the four separators of ASCII.
bool is_blank(char32_t character) {
  return (character >= 0x1c && character <= 0x1f) || (text::char_class_of(character) & text::char_class::kSpace) != 0;
}

}  // namespace

DialogWriter::DialogWriter(const text::Tokenizer& tokenizer, std::span<const Marker> markers) : tokenizer_(tokenizer), markers_(markers) {}

void DialogWriter::begin_message(std::int32_t message) {
  if (message != message_) boundary();
  message_ = message;
}

void DialogWriter::control(text::TokenId id, TokenRole role) {
  boundary();
  rendered_.ids.push_back(id);
  rendered_.roles.push_back(role);
  rendered_.messages.push_back(message_);
}

void DialogWriter::text(std::string_view text, TokenRole role) {
  if (role != pending_role_) boundary();
  pending_role_ = role;
  pending_ += text;
}

void DialogWriter::marker(const Marker& marker, TokenRole role) {
  if (marker.id()) {
    control(*marker.id(), role);
  } else {
    text(marker.spelling(), role);
  }
}

void DialogWriter::boundary() {
  if (pending_.empty()) return;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    // Cut behind its first byte, a spelling is not found.
    const std::size_t marker = next_marker(rest);
    const std::size_t length = marker == std::string_view::npos ? rest.size() : marker + 1;
    tokenizer_.encode_into(rest.substr(0, length), {}, rendered_.ids);
    rest.remove_prefix(length);
  }
  rendered_.roles.resize(rendered_.ids.size(), pending_role_);
  rendered_.messages.resize(rendered_.ids.size(), message_);
  pending_.clear();
}

std::size_t DialogWriter::next_marker(std::string_view text) const {
  for (std::size_t at = 0; at < text.size() && !markers_.empty(); ++at) {
    const auto begins = [rest = text.substr(at)](const Marker& marker) { return marker.id() && rest.starts_with(marker.spelling()); };
    if (std::any_of(markers_.begin(), markers_.end(), begins)) return at;
  }
  return std::string_view::npos;
}

RenderedDialog DialogWriter::finish() {
  boundary();
  return std::move(rendered_);
}

text::TokenId require_control(const text::Tokenizer& tokenizer, std::string_view spelling, std::string_view format) {
  if (const auto id = tokenizer.special(spelling)) return *id;
  throw base::UserError("The format '{}' needs the control token {}, which this tokenizer does not have. Choose another --format.",
                        format, spelling);
}

bool adds_blank(const text::Tokenizer& tokenizer) {
  std::vector<text::TokenId> ids;
  tokenizer.encode_into("a", {}, ids);
  return !ids.empty() && tokenizer.bytes_of(ids.front()).starts_with(' ');
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty()) {
    const auto first = text::decode_character(text.data(), text.data() + text.size());
    if (!is_blank(first.code_point)) break;
    text.remove_prefix(first.length);
  }
  while (!text.empty()) {
    const auto last = text::decode_last_character(text.data(), text.data() + text.size());
    if (!is_blank(last.code_point)) break;
    text.remove_suffix(last.length);
  }
  return text;
}

}  // namespace drover::chat
