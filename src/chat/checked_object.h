#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "chat/dialog.h"

namespace drover::chat {

/// A JSON object from outside whose place in its row is known, so that every complaint says where. Keeps a reference to the object.
class CheckedObject {
 public:
  /// Throws UserError when `value` is no object. `where` may be empty for the row itself.
  CheckedObject(const Json& value, std::string where);

  /// The value of a key; nothing when the key is absent or null.
  const Json* find(std::string_view key) const;
  /// The value of a key that must be there.
  const Json& at(std::string_view key) const;
  /// A text; empty when the key is absent. Throws when the value is something else.
  std::string text(std::string_view key) const;

  /// Throws for a key that is neither known nor harmless, with the nearest known one. A harmless key may only hold nothing: null, an
  /// empty text, list or object.
  void refuse_unknown_keys(std::initializer_list<std::string_view> known, std::initializer_list<std::string_view> harmless = {}) const;

  /// "messages[2].content".
  std::string place(std::string_view key) const;
  [[noreturn]] void fail(std::string_view reason) const;

 private:
  const Json& value_;
  std::string where_;
};

/// Throws UserError "WHERE: REASON"; just the reason when `where` is empty.
[[noreturn]] void fail_at(std::string_view where, std::string_view reason);

/// "a list", "a text", ...: what a value is, for error messages.
std::string_view kind_of(const Json& value);

}  // namespace drover::chat
