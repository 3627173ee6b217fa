#include "verify/written_calls.h"

#include <charconv>
#include <optional>

#include "chat/strict_json.h"
#include "text/unicode.h"

namespace drover::verify {
namespace {

using chat::Json;

constexpr int kDeepest = 50;
constexpr std::size_t kMostCalls = 1000;

constexpr bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_number_start(char c) { return c >= '0' && c <= '9'; }
constexpr bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 128; }
constexpr bool continues_name(char c) { return begins_name(c) || is_number_start(c); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Without blank space and one code fence.
std::string_view without_fence(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with("```")) {
    text.remove_prefix(3);
    std::size_t word = 0;  // "python", "json"
    while (word < text.size() && continues_name(text[word])) ++word;
    if (word < text.size() && text[word] == '\n') text.remove_prefix(word);
    if (text.ends_with("```")) text.remove_suffix(3);
  } else if (text.starts_with('`') && text.ends_with('`') && text.size() > 1) {
    text = text.substr(1, text.size() - 2);
  }
  return trimmed(text);
}

/// Why reading stopped; caught in this file.
struct Fault {
  std::string reason;
};

class CallReader {
 public:
  CallReader(std::string_view text, bool as_source) : text_(text), as_source_(as_source) {}

  std::vector<WrittenCall> read() {
    std::vector<WrittenCall> calls;
    skip_blank();
    const bool is_list = take('[');
    while (true) {
      skip_blank();
      if (is_list && take(']')) break;
      calls.push_back(call());
      if (calls.size() > kMostCalls) throw Fault{"too many calls"};
      skip_blank();
      if (take(',')) continue;
      if (is_list) {
        if (!take(']')) throw Fault{"the list of calls does not end"};
      }
      break;
    }
    skip_blank();
    if (at_ != text_.size()) throw Fault{"text follows the calls"};
    return calls;
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void skip_blank() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  std::string dotted_name() {
    const auto begin = at_;
    if (!begins_name(peek())) throw Fault{"no call begins here"};
    while (continues_name(peek()) || (peek() == '.' && begins_name(peek(1)))) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  WrittenCall call() {
    WrittenCall written;
    written.name = dotted_name();
    skip_blank();
    if (!take('(')) throw Fault{"'" + written.name + "' is no call"};
    arguments(written, 0);
    return written;
  }

  // Up to and with the closing bracket. Arguments without a name are read over, as the published reader does.
  void arguments(WrittenCall& written, int depth) {
    while (true) {
      skip_blank();
      if (take(')')) return;
      const auto begin = at_;
      std::string name;
      if (begins_name(peek())) {
        while (continues_name(peek())) ++at_;
        name = text_.substr(begin, at_ - begin);
        skip_blank();
        if (peek() == '=' && peek(1) != '=') {
          ++at_;
          skip_blank();
        } else {
          name.clear();
          at_ = begin;
        }
      }
      auto given = as_source_ ? source_value() : value(depth + 1);
      if (!name.empty()) {
        if (written.arguments.contains(name)) throw Fault{"the argument '" + name + "' is given twice"};
        written.arguments[name] = std::move(given);
      }
      skip_blank();
      if (take(',')) continue;
      if (!take(')')) throw Fault{"the arguments of '" + written.name + "' do not end"};
      return;
    }
  }

  // The text up to the next comma or bracket that is not inside brackets or quotes.
  std::string_view source_text() {
    const auto begin = at_;
    std::string open;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        ++at_;
        while (at_ < text_.size() && text_[at_] != c) at_ += text_[at_] == '\\' ? 2 : 1;
        if (at_ >= text_.size()) throw Fault{"a quote does not end"};
        ++at_;
        continue;
      }
      if (c == '(' || c == '[' || c == '{') {
        open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
      } else if (c == ')' || c == ']' || c == '}') {
        if (open.empty()) break;
        if (open.back() != c) throw Fault{"brackets do not match"};
        open.pop_back();
      } else if (c == ',' && open.empty()) {
        break;
      }
      ++at_;
    }
    if (at_ >= text_.size()) throw Fault{"an argument does not end"};
    return trimmed(text_.substr(begin, at_ - begin));
  }

  Json source_value() {
    auto text = source_text();
    if (text.empty()) throw Fault{"an argument is empty"};
    if (text.size() > 1 && text.front() == text.back() && (text.front() == '"' || text.front() == '\'')) text = text.substr(1, text.size() - 2);
    return std::string(text);
  }

  Json value(int depth) {
    if (depth > kDeepest) throw Fault{"values nest too deeply"};
    skip_blank();
    const auto begin = at_;
    Json read = plain_value(depth);
    skip_blank();
    // An operator or an index: the value is an expression, which stays text.
    const char c = peek();
    if (c != '\0' && std::string_view("+-*/%<>&|^@[.").find(c) != std::string_view::npos) {
      at_ = begin;
      return std::string(source_text());
    }
    return read;
  }

  Json plain_value(int depth) {
    const char c = peek();
    if (c == '"' || c == '\'') return strings();
    if (c == '[') return list(']', depth);
    if (c == '(') return tuple(depth);
    if (c == '{') return dict(depth);
    if (c == '-' || c == '+' || is_number_start(c) || (c == '.' && is_number_start(peek(1)))) return number();
    if (begins_name(c)) return named(depth);
    throw Fault{"a value is missing"};
  }

  Json list(char closing, int depth) {
    Json elements = Json::array();
    ++at_;
    while (true) {
      skip_blank();
      if (take(closing)) return elements;
      elements.push_back(value(depth + 1));
      skip_blank();
      if (take(',')) continue;
      if (!take(closing)) throw Fault{"a list does not end"};
      return elements;
    }
  }

  Json tuple(int depth) {
    const auto begin = at_;
    auto elements = list(')', depth);
    // "(3)" is 3, "(3,)" is a tuple.
    if (elements.size() == 1 && trimmed(text_.substr(begin, at_ - begin - 1)).back() != ',') return elements[0];
    return make_tuple(std::move(elements));
  }

  Json dict(int depth) {
    Json entries = Json::object();
    ++at_;
    while (true) {
      skip_blank();
      if (take('}')) return entries;
      const auto key = value(depth + 1);
      skip_blank();
      if (!take(':')) throw Fault{"a dict holds a key without value"};
      auto entry = value(depth + 1);
      auto name = key.is_string() ? key.get<std::string>() : key.dump(-1, ' ', false, Json::error_handler_t::replace);
      if (name.find('\0') != std::string::npos) throw Fault{"a key holds a NUL"};
      entries[std::move(name)] = std::move(entry);
      skip_blank();
      if (take(',')) continue;
      if (!take('}')) throw Fault{"a dict does not end"};
      return entries;
    }
  }

  Json number() {
    std::string digits;
    const auto begin = at_;
    while (peek() == '-' || peek() == '+') {
      if (peek() == '-') digits = digits == "-" ? "" : "-";
      ++at_;
    }
    bool is_whole = true;
    while (is_number_start(peek()) || peek() == '_' || peek() == '.' || peek() == 'e' || peek() == 'E' ||
           ((peek() == '-' || peek() == '+') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E') && !is_whole)) {
      if (peek() == '.' || peek() == 'e' || peek() == 'E') is_whole = false;
      if (peek() != '_' && !(peek() == '+')) digits.push_back(peek());
      ++at_;
      if (at_ - begin > 400) throw Fault{"a number is too long"};
    }
    if (begins_name(peek())) throw Fault{"'" + std::string(text_.substr(begin, at_ - begin + 1)) + "' is no number"};
    if (is_whole) {
      std::int64_t whole = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
      if (error == std::errc() && end == digits.data() + digits.size()) return whole;
    }
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) throw Fault{"'" + digits + "' is no number"};
    return value;
  }

  Json named(int depth) {
    const auto begin = at_;
    const auto name = dotted_name();
    if (name.size() <= 2 && (peek() == '"' || peek() == '\'')) {  // r"..." and its like
      const bool is_raw = name.find_first_of("rR") != std::string::npos;
      if (name.find_first_not_of("rRuUbBfF") == std::string::npos) return strings(is_raw);
    }
    skip_blank();
    if (peek() == '(') {
      WrittenCall inner{name, Json::object()};
      ++at_;
      arguments(inner, depth);
      if (inner.arguments.empty()) return std::string(text_.substr(begin, at_ - begin));
      Json read = Json::object();
      read[name] = inner.arguments;
      return read;
    }
    if (name == "True") return true;
    if (name == "False") return false;
    if (name == "None") return nullptr;
    // Published readers know names, but no attributes as values.
    if (name.find('.') != std::string::npos) throw Fault{"'" + name + "' is no value"};
    return name;
  }

  // One string literal or several side by side.
  Json strings(bool is_raw = false) {
    std::string joined = string_literal(is_raw);
    while (true) {
      const auto before = at_;
      skip_blank();
      if (peek() != '"' && peek() != '\'') {
        at_ = before;
        return joined;
      }
      joined += string_literal(false);
    }
  }

  std::string string_literal(bool is_raw) {
    const char quote = text_[at_];
    const bool is_long = peek(1) == quote && peek(2) == quote;
    at_ += is_long ? 3 : 1;
    std::string out;
    while (true) {
      if (at_ >= text_.size()) throw Fault{"a text does not end"};
      const char c = text_[at_];
      if (c == quote && (!is_long || (peek(1) == quote && peek(2) == quote))) {
        at_ += is_long ? 3 : 1;
        return out;
      }
      if (c == '\n' && !is_long) throw Fault{"a text does not end on its line"};
      ++at_;
      if (c != '\\' || is_raw) {
        out.push_back(c);
        continue;
      }
      escape(out);
    }
  }

  void escape(std::string& out) {
    if (at_ >= text_.size()) throw Fault{"a text does not end"};
    const char c = text_[at_++];
    switch (c) {
      case 'n': out.push_back('\n'); return;
      case 't': out.push_back('\t'); return;
      case 'r': out.push_back('\r'); return;
      case '\\':
      case '\'':
      case '"': out.push_back(c); return;
      case '\n': return;
      case 'x':
      case 'u':
      case 'U': {
        const std::size_t length = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        std::uint32_t code = 0;
        const auto digits = text_.substr(at_, length);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
        if (error != std::errc() || digits.size() != length || end != digits.data() + length) throw Fault{"an escape is broken"};
        at_ += length;
        text::append_utf8(code, out);
        return;
      }
      default: out.append({'\\', c});
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool as_source_;
};

std::variant<WrittenCall, std::string> call_of(const Json& object) {
  if (!object.is_object()) return "a call is no JSON object";
  const auto name = object.find("name");
  if (name == object.end() || !name->is_string()) return "a call has no \"name\"";
  WrittenCall call{name->get<std::string>(), Json::object()};
  for (const char* key : {"arguments", "parameters"}) {
    const auto found = object.find(key);
    if (found == object.end()) continue;
    if (!found->is_object()) return "the arguments of a call are no JSON object";
    call.arguments = *found;
  }
  return call;
}

}  // namespace

std::variant<std::vector<WrittenCall>, std::string> read_written_calls(std::string_view reply, bool as_source) {
  try {
    return CallReader(without_fence(reply), as_source).read();
  } catch (const Fault& fault) {
    return fault.reason;
  }
}

std::variant<std::vector<WrittenCall>, std::string> read_json_calls(std::string_view reply) {
  reply = without_fence(reply);
  std::vector<WrittenCall> calls;
  const auto append = [&](const Json& object) -> std::optional<std::string> {
    auto call = call_of(object);
    if (const auto* reason = std::get_if<std::string>(&call)) return *reason;
    calls.push_back(std::get<WrittenCall>(std::move(call)));
    return std::nullopt;
  };
  const auto append_text = [&](std::string_view text) -> std::optional<std::string> {
    const auto parsed = chat::parse_strict_json(trimmed(text));
    if (const auto* fault = std::get_if<chat::JsonFault>(&parsed)) return "not JSON: " + fault->reason;
    const auto& value = std::get<Json>(parsed);
    if (!value.is_array()) return append(value);
    for (const auto& object : value) {
      if (auto reason = append(object)) return reason;
    }
    return std::nullopt;
  };
  constexpr std::string_view kOpen = "<tool_call>";
  constexpr std::string_view kClose = "</tool_call>";
  if (!reply.starts_with(kOpen)) {
    if (auto reason = append_text(reply)) return *reason;
    return calls;
  }
  while (!reply.empty()) {
    if (!reply.starts_with(kOpen)) return "text stands between the calls";
    const auto end = reply.find(kClose);
    if (end == std::string_view::npos) return "a call does not end";
    if (auto reason = append_text(reply.substr(kOpen.size(), end - kOpen.size()))) return *reason;
    reply = trimmed(reply.substr(end + kClose.size()));
  }
  return calls;
}

}  // namespace drover::verify
