#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover::net {

struct HttpHeader {
  std::string name;
  std::string value;
};

/// The value of the first header with this name (upper and lower case are the same), if there is one.
std::optional<std::string_view> find_header(const std::vector<HttpHeader>& headers, std::string_view name);

/// What a server answered.
struct HttpResponse {
  int status = 0;  ///< 200, 404, ...; 0 when no answer came
  std::vector<HttpHeader> headers;
  std::string body;

  std::optional<std::string_view> header(std::string_view name) const { return find_header(headers, name); }
};

/// A URL as it may be shown and recorded: without user, password, query and fragment. What is no URL becomes "(not a URL)".
std::string shown_url(const std::string& url);

}  // namespace drover::net
