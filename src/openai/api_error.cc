#include "openai/api_error.h"

#include <nlohmann/json.hpp>

namespace drover::openai {
namespace {

/// The names that OpenAI gives to kinds of errors.
std::string_view type_of(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    default: return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

}  // namespace

std::string api_error_json(int status, std::string_view message, std::string_view field, std::string_view code) {
  nlohmann::ordered_json error = {{"message", message}, {"type", type_of(status)}, {"param", nullptr}, {"code", nullptr}};
  if (!field.empty()) error["param"] = field;
  if (status == 401) code = "invalid_api_key";
  if (!code.empty()) error["code"] = code;
  return nlohmann::ordered_json{{"error", std::move(error)}}.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string ApiError::json() const { return api_error_json(status_, what(), field_, code_); }

}  // namespace drover::openai
