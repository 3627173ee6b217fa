#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace drover::weights {

/// Receiver of JSON parse events that refuses every value; formats with a fixed grammar override what they expect. Parsing this way
/// sees duplicate keys (which a parsed tree would hide), builds no tree of hostile depth and stops at the first fault.
class StrictJsonEvents : public nlohmann::json_sax<nlohmann::json> {
 public:
  /// `where` names the text in messages and must outlive this object.
  explicit StrictJsonEvents(std::string_view where) : where_(where) {}

  /// Parses the whole text; throws UserError at bad syntax, bad UTF-8 or an event that is not expected.
  void run(std::string_view text);

  bool null() override { refuse("null"); }
  bool boolean(bool) override { refuse("a boolean"); }
  bool number_integer(number_integer_t) override { refuse("a negative number"); }
  bool number_unsigned(number_unsigned_t) override { refuse("a number"); }
  bool number_float(number_float_t, const string_t&) override { refuse("a number that is not a whole number below 2^64"); }
  bool string(string_t&) override { refuse("a string"); }
  bool binary(binary_t&) override { refuse("binary data"); }
  bool start_object(std::size_t) override { refuse("an object"); }
  bool start_array(std::size_t) override { refuse("an array"); }
  bool parse_error(std::size_t position, const std::string& last_token, const nlohmann::detail::exception& fault) override;

 protected:
  /// Throws UserError: this kind of value does not belong at place().
  [[noreturn]] void refuse(std::string_view found) const;
  /// The spot in the document, for messages: "the shape of tensor 'a'".
  virtual std::string place() const = 0;
  std::string_view where() const { return where_; }

 private:
  std::string_view where_;
};

}  // namespace drover::weights
