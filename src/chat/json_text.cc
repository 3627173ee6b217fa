#include "chat/json_text.h"

#include <fmt/format.h>

#include <cmath>

namespace drover::chat {
namespace {

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<int>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  void write(const Json& value, int depth) {
    switch (value.type()) {
      case Json::value_t::object: return write_object(value, depth);
      case Json::value_t::array: return write_array(value, depth);
      case Json::value_t::string: return append_quoted(value.get_ref<const std::string&>(), out);
      case Json::value_t::number_float: {
        const double number = value.get<double>();
        out += std::isfinite(number) ? python_float(number) : "null";
        return;
      }
      case Json::value_t::number_integer: out += std::to_string(value.get<std::int64_t>()); return;
      case Json::value_t::number_unsigned: out += std::to_string(value.get<std::uint64_t>()); return;
      case Json::value_t::boolean: out += value.get<bool>() ? "true" : "false"; return;
      default: out += "null";
    }
  }

  std::string out;

 private:
  void write_object(const Json& value, int depth) {
    if (value.empty()) {
      out += "{}";
      return;
    }
    out += '{';
    bool first = true;
    for (const auto& [key, member] : value.items()) {
      separate(first, depth + 1);
      first = false;
      append_quoted(key, out);
      out += ": ";
      write(member, depth + 1);
    }
    end_line(depth);
    out += '}';
  }

  void write_array(const Json& value, int depth) {
    if (value.empty()) {
      out += "[]";
      return;
    }
    out += '[';
    bool first = true;
    for (const Json& element : value) {
      separate(first, depth + 1);
      first = false;
      write(element, depth + 1);
    }
    end_line(depth);
    out += ']';
  }

  void separate(bool first, int depth) {
    if (!first) out += indent_ > 0 ? "," : ", ";
    end_line(depth);
  }

  void end_line(int depth) {
    if (indent_ == 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(indent_) * static_cast<std::size_t>(depth), ' ');
  }

  int indent_;
};

}  // namespace

std::string json_text(const Json& value, int indent) {
  Writer writer(indent);
  writer.write(value, 0);
  return std::move(writer.out);
}

std::string json_inside_tags(std::string json) {
  for (std::size_t at = json.find("</"); at != std::string::npos; at = json.find("</", at + 3)) json.insert(at + 1, 1, '\\');
  return json;
}

std::string json_quoted(std::string_view text) {
  std::string out;
  append_quoted(text, out);
  return out;
}

std::string python_float(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".einf") == std::string::npos) text += ".0";
  return text;
}

}  // namespace drover::chat
