#include "chat/strict_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/shown_name.h"

namespace drover::chat {
namespace {

/// Builds the value from parser events. ordered_json looks a new key up by walking all keys, so large objects would take quadratic
/// time; the set of keys beside each object avoids that and finds repeated keys.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(int max_depth) : max_depth_(max_depth) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& key) override {
    Level& level = levels_.back();
    if (!level.keys.insert(key).second) {
      fault_ = JsonFault{fmt::format("the key \"{}\" appears twice", base::escaped_name(key))};
      return false;
    }
    level.key = std::move(key);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& token, const nlohmann::detail::exception& error) override {
    std::string reason = error.what();
    // The library's text is "[json.exception.parse_error.101] parse error at line 1, column 5: <what is wrong>".
    if (const auto colon = reason.find(": "); colon != std::string::npos) reason.erase(0, colon + 2);
    // It quotes the token at hand, however long that is.
    if (const auto quote = reason.find("'" + token + "'"); quote != std::string::npos) {
      reason.replace(quote + 1, token.size(), base::escaped_name(token));
    }
    const bool at_end = reason.find("unexpected end of input") != std::string::npos ||
                        reason.find("missing closing quote") != std::string::npos;
    fault_ = JsonFault{at_end ? "it ends too early" : reason, position > 0 ? position - 1 : 0, at_end};
    return false;
  }

  Json take_value() { return std::move(value_); }
  JsonFault take_fault() { return std::move(fault_); }

 private:
  struct Level {
    Json value;
    std::string key;
    std::unordered_set<std::string> keys;
  };

  bool open(Json value) {
    if (levels_.size() >= static_cast<std::size_t>(max_depth_)) {
      fault_ = JsonFault{fmt::format("it nests deeper than {} levels", max_depth_)};
      return false;
    }
    levels_.push_back({std::move(value), {}, {}});
    return true;
  }

  bool close() {
    Json value = std::move(levels_.back().value);
    levels_.pop_back();
    return add(std::move(value));
  }

  template <typename T>
  bool add(T&& value) {
    if (levels_.empty()) {
      value_ = Json(std::forward<T>(value));
    } else if (Level& level = levels_.back(); level.value.is_array()) {
      level.value.push_back(Json(std::forward<T>(value)));
    } else {
      level.value.get_ref<Json::object_t&>().emplace_back(std::move(level.key), Json(std::forward<T>(value)));
    }
    return true;
  }

  int max_depth_;
  std::vector<Level> levels_;
  Json value_;
  JsonFault fault_;
};

}  // namespace

std::variant<Json, JsonFault> parse_strict_json(std::string_view text, int max_depth) {
  Builder builder(max_depth);
  if (Json::sax_parse(text.begin(), text.end(), &builder)) return builder.take_value();
  JsonFault fault = builder.take_fault();
  fault.offset = std::min(fault.offset, text.size());
  return fault;
}

}  // namespace drover::chat
