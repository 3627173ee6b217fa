#include "base/json_nesting.h"

#include "base/error.h"

namespace drover::base {

void require_shallow_json(std::string_view json, std::string_view where) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonNesting) {
        throw UserError("{} nests deeper than {} levels at byte {}. Is it the file that it should be?", where, kMaxJsonNesting, i);
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

}  // namespace drover::base
