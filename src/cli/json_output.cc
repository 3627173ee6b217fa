#include "cli/json_output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace drover::cli {
namespace {

int first_fault = 0;  // later ones, and what else happens until the end, leave another errno

[[noreturn]] void complain() {
  if (first_fault == 0) first_fault = errno;
  throw base::SurroundingsError("Standard output could not be written: {}.", std::strerror(first_fault));
}

}  // namespace

void write_output(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) complain();
}

void flush_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) complain();
}

std::string json_quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace drover::cli
