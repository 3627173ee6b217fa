#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace drover::cli {

bool is_terminal(std::FILE* stream);

/// Whether to colour what goes to the stream: on a terminal that can, unless the environment sets NO_COLOR (https://no-color.org).
bool wants_colour(std::FILE* stream);

struct ScreenSize {
  int lines = 24;
  int columns = 80;
};

/// How much the terminal behind the stream shows at once; 24 lines of 80 columns where it does not say.
ScreenSize screen_size(std::FILE* stream);

/// How many lines a text without escape sequences takes on a screen so wide; lines that are too long go on in the next.
std::int64_t lines_on_screen(std::string_view text, int columns);

/// Text from a file or a model made safe to show: control characters other than newline and tab as \x1b and the like, so that nobody
/// else's bytes steer the terminal. Bytes that are no UTF-8 are shown the same way.
std::string shown(std::string_view text);

}  // namespace drover::cli
