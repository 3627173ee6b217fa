#pragma once

#include <string>
#include <string_view>

namespace drover::cli {

/// Writes bytes to standard output as they are. Throws SurroundingsError when the other side refuses them.
void write_output(std::string_view bytes);

/// Writes out what is still held back; a full disk or a closed descriptor shows only then. Throws SurroundingsError, also when an earlier
/// write failed.
void flush_output();

/// Text as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD.
std::string json_quoted(std::string_view text);

}  // namespace drover::cli
