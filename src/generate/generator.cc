#include "generate/generator.h"

#include <utility>

namespace drover::generate {

std::string_view name_of(Finish finish) {
  switch (finish) {
    case Finish::kTerminator: return "terminator";
    case Finish::kStopString: return "stop_string";
    case Finish::kLength: return "length";
    case Finish::kCancelled: return "cancelled";
  }
  return "unknown";
}

GenerationResult Generator::generate_one(const GenerationRequest& request, const GenerationCallbacks& callbacks) {
  auto results = generate({&request, 1}, callbacks);
  return std::move(results.at(0));
}

}  // namespace drover::generate
