#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/dialog.h"
#include "verify/verdict.h"

namespace drover::verify {

/// Decides whether a reply's text gives the expected answer. Immutable, usable from many threads.
class Checker {
 public:
  virtual ~Checker() = default;

  /// "exact", "numeric", "choice", "ifeval", "bfcl": what prompts name.
  virtual std::string_view name() const = 0;

  /// Never throws on odd replies. Throws UserError when `expected` itself is no answer of this kind.
  virtual Verdict check(std::string_view reply, std::string_view expected) const = 0;

  /// The same for a reply as messages. Checkers of calls take the calls that the messages hold; the others read the text.
  virtual Verdict check_messages(std::span<const chat::Message> reply, std::string_view expected) const;
};

/// The text of a reply: the contents of its messages, one below the other.
std::string text_of(std::span<const chat::Message> reply);

std::vector<std::string_view> checker_names();

/// Throws UserError with the names that exist.
std::shared_ptr<const Checker> make_checker(std::string_view name);

}  // namespace drover::verify
