#include "base/drover_home.h"

#include <cstdlib>

namespace drover::base {

std::filesystem::path drover_home() {
  if (const char* home = std::getenv("DROVER_HOME"); home != nullptr && *home != '\0') return home;
  const char* user = std::getenv("HOME");
  return std::filesystem::path(user != nullptr ? user : ".") / ".local/share/drover";
}

}  // namespace drover::base
