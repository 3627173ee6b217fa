#include <cstddef>
#include <cstdint>
#include <string_view>

#include "openai/api_error.h"
#include "openai/completion_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto ignore_refusal = [](auto read) {
    try {
      read();
    } catch (const drover::openai::ApiError& error) {
      [[maybe_unused]] const auto json = error.json();
    }
  };
  ignore_refusal([&] { drover::openai::read_chat_request(body, {}); });
  ignore_refusal([&] { drover::openai::read_text_request(body, {}); });
  ignore_refusal([&] { drover::openai::read_embedding_request(body, {}); });
  return 0;
}
