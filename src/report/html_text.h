#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace drover::report {

/// Text as HTML shows it literally, in elements and in quoted attributes. Text of models cannot become markup, and
/// bytes that are no UTF-8 or control what stands around them (direction marks, other controls) become U+FFFD.
std::string escaped(std::string_view text);

/// The beginning of a text, at most `max_bytes` of it, cut between characters and ended by "…" when it was cut.
std::string shortened(std::string_view text, std::size_t max_bytes);

/// What a model or a data set says, as a block of its own: line breaks stay, long words break.
std::string said(std::string_view text, std::size_t max_bytes = 600);

/// "12,345"
std::string with_commas(std::int64_t count);
/// "12.3%"
std::string percent(double share);
/// A mean or a measured value: "0.123", "12.3", "1234"; "not a number" where it is none.
std::string short_number(double value);
/// "42 s", "12 min", "3 h 20 min"
std::string duration(double seconds);

}  // namespace drover::report
