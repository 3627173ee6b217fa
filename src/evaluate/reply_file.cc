#include "evaluate/reply_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "chat/checked_object.h"
#include "chat/dialog_json.h"
#include "chat/strict_json.h"

namespace drover::evaluate {
namespace {

using chat::Json;

std::string key_of(std::string_view suite, std::string_view prompt, std::string_view run) {
  return std::string(suite) + '\n' + std::string(prompt) + '\n' + std::string(run);
}

}  // namespace

ReplyFile::ReplyFile(const std::filesystem::path& path) : path_(path) {
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) throw base::UserError("{} cannot be written: {}.", path.string(), std::strerror(errno));
  try {
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) throw base::UserError("{} is being written by another process.", path.string());
    read_back();
  } catch (...) {
    ::close(file_);
    throw;
  }
}

ReplyFile::~ReplyFile() {
  ::fdatasync(file_);
  ::close(file_);
}

void ReplyFile::read_back() {
  const auto text = base::read_file(path_);
  const auto whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < whole;) {
    const auto end = text.find('\n', begin);
    ++number;
    const auto line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    try {
      const auto parsed = chat::parse_strict_json(line);
      if (const auto* fault = std::get_if<chat::JsonFault>(&parsed)) throw base::UserError("not JSON: {}", fault->reason);
      const chat::CheckedObject row(std::get<Json>(parsed), "");
      SuiteReply reply{chat::messages_from_json(row.at("messages"), "messages"), false};
      if (const auto* cut = row.find("cut"); cut != nullptr && cut->is_boolean()) reply.is_cut = cut->get<bool>();
      replies_[key_of(row.text("suite"), row.text("prompt"), row.text("run"))] = std::move(reply);
    } catch (const base::UserError& error) {
      throw base::UserError("{}, line {} is no reply of an evaluation: {}", path_.string(), number, error.what());
    }
  }
  if (whole == text.size()) return;
  // What a killed run left of a line; anything else at the end of a file is not ours to remove.
  if (text[whole] != '{') throw base::UserError("{}, line {} is no reply of an evaluation.", path_.string(), number + 1);
  if (::ftruncate(file_, static_cast<off_t>(whole)) != 0) throw base::SurroundingsError("{} cannot be shortened: {}.", path_.string(), std::strerror(errno));
}

std::optional<SuiteReply> ReplyFile::find(std::string_view suite, ledger::PromptId prompt, std::string_view run) const {
  const auto found = replies_.find(key_of(suite, prompt.hex(), run));
  if (found == replies_.end()) return std::nullopt;
  return found->second;
}

void ReplyFile::record(const std::string& suite, ledger::PromptId prompt, const std::string& run, const std::string& model, const SuiteReply& reply,
                       const verify::Verdict& verdict) {
  const Json row = {{"suite", suite},           {"prompt", prompt.hex()},   {"run", run},
                    {"model", model},           {"messages", chat::messages_to_json(reply.messages)},
                    {"cut", reply.is_cut},      {"right", verdict.is_right()}, {"answer", verdict.answer},
                    {"reason", verdict.reason}};
  const auto line = row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  const auto before = ::lseek(file_, 0, SEEK_END);
  for (std::size_t done = 0; done < line.size();) {
    const auto written = ::write(file_, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int reason = errno;
      // Half a line would only be removed again at the next start.
      if (::ftruncate(file_, before) != 0) throw base::SurroundingsError("{} cannot be written or shortened: {}.", path_.string(), std::strerror(reason));
      throw base::SurroundingsError("{} cannot be written: {}.", path_.string(), std::strerror(reason));
    }
    done += static_cast<std::size_t>(written);
  }
  replies_[key_of(suite, prompt.hex(), run)] = reply;
}

}  // namespace drover::evaluate
