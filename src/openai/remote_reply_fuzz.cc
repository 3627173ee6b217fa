#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "openai/remote_reply.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const drover::generate::GenerationRequest request;
  for (const bool is_chat : {true, false}) {
    try {
      drover::openai::read_remote_replies(body, {.request = &request, .is_chat = is_chat});
      drover::openai::read_remote_prompt(body);
    } catch (const drover::base::UserError&) {
    }
  }
  drover::openai::read_remote_error(body);
  return 0;
}
