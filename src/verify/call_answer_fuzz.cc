// A reply from anywhere, read as function calls in each syntax and compared with a possible answer. Bytes before the first NUL are the reply,
// those behind it the expected calls.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "verify/call_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover::verify;
  static const auto checker = make_call_checker();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto nul = input.find('\0');
  const auto reply = input.substr(0, nul);
  read_written_calls(reply, false);
  read_written_calls(reply, true);
  read_json_calls(reply);
  for (const char* language : {"python", "java", "javascript"}) {
    checker->check(reply, std::string(R"({"category":"simple","language":")") + language +
                              R"(","functions":[{"name":"f","parameters":{"properties":{"x":{"type":"float"}}}}],"answer":[{"f":{"x":[1.5,""]}}]})");
  }
  if (nul == std::string_view::npos) return 0;
  try {
    checker->check(reply, input.substr(nul + 1));
  } catch (const drover::base::UserError&) {
  }
  return 0;
}
