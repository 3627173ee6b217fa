#include "chat/python_literal.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <unordered_set>

#include "base/shown_name.h"
#include "chat/json_text.h"
#include "chat/strict_json.h"

namespace drover::chat {
namespace {

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }

void append_utf8(std::uint32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

/// Recursive descent over the text; `Failure` carries the fault out of the recursion and never leaves this file.
class Reader {
 public:
  struct Failure {
    PythonFault fault;
  };

  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<ToolCall> read_calls() {
    std::vector<ToolCall> calls;
    skip_blanks();
    expect('[');
    skip_blanks();
    if (peek() == ']') fail("the list of calls is empty");
    while (true) {
      calls.push_back(read_call());
      skip_blanks();
      if (take(',')) {
        skip_blanks();
        if (peek() != ']') continue;
      }
      expect(']');
      break;
    }
    skip_blanks();
    if (at_ < text_.size()) fail("text follows the list of calls");
    return calls;
  }

 private:
  [[noreturn]] void fail(std::string reason) const { throw Failure{{std::move(reason), at_, false}}; }
  [[noreturn]] void fail_end() const { throw Failure{{"it ends too early", text_.size(), true}}; }

  char peek() const {
    if (at_ >= text_.size()) fail_end();
    return text_[at_];
  }
  bool take(char c) {
    if (at_ < text_.size() && text_[at_] == c) {
      ++at_;
      return true;
    }
    return false;
  }
  void expect(char c) {
    if (peek() != c) fail(fmt::format("expected '{}'", c));
    ++at_;
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }

  std::string read_name() {
    if (!is_name_start(peek())) fail("expected a name");
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_part(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  ToolCall read_call() {
    ToolCall call;
    call.name = read_name();
    skip_blanks();
    if (peek() == '.') fail("only plain function names can be called");
    expect('(');
    std::unordered_set<std::string> names;
    skip_blanks();
    while (peek() != ')') {
      const std::size_t begin = at_;
      if (!is_name_start(peek())) fail("only keyword arguments are allowed");
      std::string name = read_name();
      skip_blanks();
      if (peek() != '=') {
        at_ = begin;
        fail("only keyword arguments are allowed");
      }
      ++at_;
      if (!names.insert(name).second) {
        at_ = begin;
        fail(fmt::format("the argument '{}' appears twice", base::escaped_name(name)));
      }
      call.arguments.get_ref<Json::object_t&>().emplace_back(std::move(name), read_value(1));
      skip_blanks();
      if (peek() != ')') {
        expect(',');
        skip_blanks();
      }
    }
    ++at_;
    return call;
  }

  Json read_value(int depth) {
    if (depth > kMaxJsonDepth) fail(fmt::format("it nests deeper than {} levels", kMaxJsonDepth));
    skip_blanks();
    const char c = peek();
    if (c == '\'' || c == '"') return read_strings();
    if (c == '[') return read_sequence(']', depth);
    if (c == '(') return read_parenthesis(depth);
    if (c == '{') return read_dict(depth);
    if (is_digit(c) || c == '-' || c == '+' || c == '.') return read_number();
    if (is_name_start(c)) return read_constant();
    fail("expected a literal value");
  }

  Json read_constant() {
    const std::size_t begin = at_;
    const std::string name = read_name();
    if (name == "True") return true;
    if (name == "False") return false;
    if (name == "None") return nullptr;
    const bool cut = at_ == text_.size();
    at_ = begin;
    if (cut) fail_end();
    fail(fmt::format("'{}' is no literal value", base::escaped_name(name)));
  }

  /// Elements up to the closing bracket, which may follow a last comma.
  Json read_sequence(char close, int depth) {
    ++at_;
    Json values = Json::array();
    skip_blanks();
    while (peek() != close) {
      values.push_back(read_value(depth + 1));
      skip_blanks();
      if (peek() != close) {
        expect(',');
        skip_blanks();
      }
    }
    ++at_;
    return values;
  }

  /// A tuple, or a value in parentheses.
  Json read_parenthesis(int depth) {
    ++at_;
    skip_blanks();
    if (take(')')) return Json::array();
    Json first = read_value(depth + 1);
    skip_blanks();
    if (take(')')) return first;
    if (peek() != ',') fail("expected ',' or ')'");
    Json values = Json::array();
    values.push_back(std::move(first));
    while (take(',')) {
      skip_blanks();
      if (peek() == ')') break;
      values.push_back(read_value(depth + 1));
      skip_blanks();
    }
    expect(')');
    return values;
  }

  Json read_dict(int depth) {
    ++at_;
    Json object = Json::object();
    std::unordered_set<std::string> keys;
    skip_blanks();
    while (peek() != '}') {
      if (peek() != '\'' && peek() != '"') fail("keys of a dict must be strings");
      const std::size_t begin = at_;
      std::string key = read_strings();
      if (!keys.insert(key).second) {
        at_ = begin;
        fail(fmt::format("the key '{}' appears twice", base::escaped_name(key)));
      }
      skip_blanks();
      expect(':');
      object.get_ref<Json::object_t&>().emplace_back(std::move(key), read_value(depth + 1));
      skip_blanks();
      if (peek() != '}') {
        expect(',');
        skip_blanks();
      }
    }
    ++at_;
    return object;
  }

  Json read_number() {
    const std::size_t begin = at_;
    if (text_[at_] == '-' || text_[at_] == '+') ++at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const bool sign = (c == '-' || c == '+') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E');
      if (!is_name_part(c) && c != '.' && !sign) break;
      ++at_;
    }
    const bool cut = at_ == text_.size();
    std::string digits;
    for (const char c : text_.substr(begin, at_ - begin)) {
      if (c != '_') digits += c;
    }
    if (digits.front() == '+') digits.erase(0, 1);
    const auto value = number_of(digits);
    if (!value) {
      at_ = begin;
      if (cut) fail_end();
      fail("this number is not understood");
    }
    return *value;
  }

  static std::optional<Json> number_of(std::string_view digits) {
    const char* end = digits.data() + digits.size();
    const std::string_view magnitude = digits.substr(!digits.empty() && digits.front() == '-' ? 1 : 0);
    if (magnitude.empty() || !(is_digit(magnitude.front()) || magnitude.front() == '.')) return std::nullopt;
    if (magnitude.find_first_not_of("0123456789") == std::string_view::npos) {
      if (magnitude.size() > 1 && magnitude.front() == '0') return std::nullopt;  // Python refuses 007
      std::int64_t integer = 0;
      if (std::from_chars(digits.data(), end, integer).ec == std::errc()) {
        // JSON readers store what is not negative as unsigned; the same here, so that equal values look equal.
        return integer < 0 ? Json(integer) : Json(static_cast<std::uint64_t>(integer));
      }
      std::uint64_t large = 0;
      if (std::from_chars(digits.data(), end, large).ec == std::errc()) return Json(large);
    }
    double number = 0;
    const auto [stop, error] = std::from_chars(digits.data(), end, number);
    if (error != std::errc() || stop != end) return std::nullopt;
    return Json(number);
  }

  /// One or more string literals side by side, which Python joins.
  std::string read_strings() {
    std::string value;
    while (true) {
      read_string(value);
      const std::size_t after = at_;
      skip_blanks();
      if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) continue;
      at_ = after;
      return value;
    }
  }

  void read_string(std::string& value) {
    const char quote = text_[at_];
    const std::string triple(3, quote);
    const bool is_triple = text_.substr(at_, 3) == triple;
    at_ += is_triple ? 3 : 1;
    while (true) {
      const char c = peek();
      if (c == '\\') {
        ++at_;
        read_escape(value);
      } else if (is_triple && text_.substr(at_, 3) == triple) {
        at_ += 3;
        return;
      } else if (!is_triple && c == quote) {
        ++at_;
        return;
      } else if (!is_triple && c == '\n') {
        fail("a string breaks across lines");
      } else {
        value += c;
        ++at_;
      }
    }
  }

  void read_escape(std::string& value) {
    const char c = peek();
    ++at_;
    switch (c) {
      case '\n': return;
      case 'n': value += '\n'; return;
      case 't': value += '\t'; return;
      case 'r': value += '\r'; return;
      case 'a': value += '\a'; return;
      case 'b': value += '\b'; return;
      case 'f': value += '\f'; return;
      case 'v': value += '\v'; return;
      case '\\': case '\'': case '"': value += c; return;
      case 'x': append_utf8(read_hex(2), value); return;
      case 'u': append_utf8(read_unicode(4), value); return;
      case 'U': append_utf8(read_unicode(8), value); return;
      default: break;
    }
    if (c >= '0' && c <= '7') {
      std::uint32_t point = static_cast<std::uint32_t>(c - '0');
      for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '7'; ++i) {
        point = point * 8 + static_cast<std::uint32_t>(text_[at_++] - '0');
      }
      append_utf8(point, value);
      return;
    }
    value += '\\';  // Python keeps the backslash of an escape that it does not know
    value += c;
  }

  std::uint32_t read_unicode(int digits) {
    std::uint32_t point = read_hex(digits);
    // Two \u escapes of a surrogate pair are no character in Python; JSON-trained models write them, and mean the character.
    if (point >= 0xD800 && point < 0xDC00 && text_.substr(at_, 2) == "\\u") {
      at_ += 2;
      const std::uint32_t low = read_hex(4);
      if (low < 0xDC00 || low > 0xDFFF) fail("a surrogate has no partner");
      return 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    if (point >= 0xD800 && point <= 0xDFFF) fail("a surrogate has no partner");
    if (point > 0x10FFFF) fail("there is no such character");
    return point;
  }

  std::uint32_t read_hex(int digits) {
    std::uint32_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const char c = peek();
      const int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) fail("expected a hexadecimal digit");
      value = value * 16 + static_cast<std::uint32_t>(digit);
      ++at_;
    }
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string python_quoted(std::string_view text) {
  const bool use_double = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = use_double ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out + quote;
}

}  // namespace

std::variant<std::vector<ToolCall>, PythonFault> parse_python_calls(std::string_view text) {
  try {
    return Reader(text).read_calls();
  } catch (Reader::Failure& failure) {
    return std::move(failure.fault);
  }
}

std::string python_literal(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return "None";
    case Json::value_t::boolean: return value.get<bool>() ? "True" : "False";
    case Json::value_t::string: return python_quoted(value.get_ref<const std::string&>());
    case Json::value_t::array: {
      std::string out = "[";
      for (const Json& element : value) out += (out.size() > 1 ? ", " : "") + python_literal(element);
      return out + "]";
    }
    case Json::value_t::object: {
      std::string out = "{";
      for (const auto& [key, member] : value.items()) {
        out += (out.size() > 1 ? ", " : "") + python_quoted(key) + ": " + python_literal(member);
      }
      return out + "}";
    }
    default: return json_text(value);
  }
}

bool is_python_name(std::string_view name) {
  if (name.empty() || !is_name_start(name.front())) return false;
  for (const char c : name) {
    if (!is_name_part(c)) return false;
  }
  return true;
}

}  // namespace drover::chat
