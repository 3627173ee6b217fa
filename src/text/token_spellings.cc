#include "text/token_spellings.h"

#include "base/error.h"

namespace drover::text {

void TokenSpellings::set(TokenId id, std::string_view bytes) {
  if (to_int(id) < 0 || to_int(id) > kLargestId) {
    throw base::UserError("The token '{}' has the id {}; ids lie between 0 and {}.", bytes, to_int(id), kLargestId);
  }
  const auto index = static_cast<std::size_t>(to_int(id));
  if (index >= places_.size()) places_.resize(index + 1);
  places_[index] = {bytes_.size(), bytes.size()};
  bytes_ += bytes;
}

}  // namespace drover::text
