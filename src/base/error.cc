#include "base/error.h"

namespace drover::base {

void fail_check(const char* file, int line, const char* condition, const std::string& message) {
  throw InternalError(fmt::format("{} [{}:{}: {} does not hold; please report this]", message, file, line, condition));
}

}  // namespace drover::base
