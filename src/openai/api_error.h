#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace drover::openai {

/// An error as the protocol has it: {"error": {"message", "type", "param", "code"}} with an HTTP status.
class ApiError : public std::runtime_error {
 public:
  ApiError(int status, std::string message, std::string field = {}, std::string code = {})
      : std::runtime_error(message), status_(status), field_(std::move(field)), code_(std::move(code)) {}

  int status() const { return status_; }
  /// The field of the request that is wrong; may be empty.
  const std::string& field() const { return field_; }
  std::string json() const;

 private:
  int status_;
  std::string field_;
  std::string code_;
};

/// The body of an error with this status.
std::string api_error_json(int status, std::string_view message, std::string_view field = {}, std::string_view code = {});

}  // namespace drover::openai
