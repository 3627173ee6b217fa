#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace drover::cli {

bool is_terminal(std::FILE* stream);

/// Whether to colour what goes to the stream: on a terminal that can, unless the environment sets NO_COLOR (https://no-color.org).
bool wants_colour(std::FILE* stream);

/// Text from a file or a model made safe to show: control characters other than newline and tab as \x1b and the like, so that nobody
/// else's bytes steer the terminal. Bytes that are no UTF-8 are shown the same way.
std::string shown(std::string_view text);

}  // namespace drover::cli
