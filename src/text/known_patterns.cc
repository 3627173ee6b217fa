#include "text/known_patterns.h"

#include <utility>

namespace drover::text {
namespace {

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

}  // namespace

KnownScanner recognise_pattern(std::string_view pattern) {
  const std::string spelled = replaced(replaced(std::string(pattern), "\r", "\\r"), "\n", "\\n");
  if (spelled == known_pattern::kGpt2 || spelled + "|\\s+" == known_pattern::kGpt2) return KnownScanner::kGpt2;
  if (spelled == known_pattern::kLlama3) return KnownScanner::kLlama3;
  if (spelled == known_pattern::kQwen2) return KnownScanner::kQwen2;
  if (spelled == known_pattern::kQwen35) return KnownScanner::kQwen35;
  return KnownScanner::kNone;
}

}  // namespace drover::text
