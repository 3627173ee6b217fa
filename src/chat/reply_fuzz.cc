// A reply of any tokens in any format: the first byte picks the format, bytes from 0xC0 stand for control tokens. Streaming and
// reading whole agree, and what was streamed is the beginning of the content.
#include <cstdint>
#include <string>
#include <vector>

#include "chat/byte_tokenizer_test.h"
#include "chat/chat_format.h"

namespace {

using namespace drover;

struct Formats {
  std::vector<std::shared_ptr<const chat::ChatFormat>> formats;
  chat::Dialog dialog;

  Formats() {
    for (const std::string& name : chat::chat_format_names()) formats.push_back(chat::make_chat_format(name, chat::bytes_for(name)));
    dialog.messages.push_back({.sender = chat::Sender::kUser, .content = "x"});
    dialog.tools.push_back({.name = "f"});
    dialog.core_tools = {"code_interpreter", "brave_search"};
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Formats all;
  if (size == 0) return 0;
  const chat::ChatFormat& format = *all.formats[data[0] % all.formats.size()];
  const auto parser = format.start_reply(all.dialog);
  std::vector<text::TokenId> ids;
  std::string streamed;
  for (std::size_t i = 1; i < size && !parser->is_finished(); ++i) {
    const int num_controls = format.tokenizer().vocab_size() - 256;
    const int id = data[i] >= 0xC0 ? 256 + (data[i] - 0xC0) % num_controls : data[i];
    ids.push_back(text::TokenId{id});
    streamed += parser->push(ids.back());
  }
  const chat::ParsedReply reply = parser->finish();
  if (reply.messages.size() != 1) __builtin_trap();
  if (!reply.messages.front().content.starts_with(streamed)) __builtin_trap();
  if (!(format.parse_reply(all.dialog, ids).messages == reply.messages)) __builtin_trap();
  if (reply.fault && reply.fault->reason.empty()) __builtin_trap();
  return 0;
}
