#include "generate/sample_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "chat/dialog_json.h"

namespace drover::generate {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kLongestUnsynced{100};

/// Whether this may be a line that is written here, or the beginning of one: {"prompt":NUMBER.
bool may_begin_a_line(std::string_view text) {
  constexpr std::string_view kBegin = R"({"prompt":)";
  const auto compared = std::min(text.size(), kBegin.size());
  if (text.substr(0, compared) != kBegin.substr(0, compared)) return false;
  return text.size() == compared || (text[compared] >= '0' && text[compared] <= '9');
}

std::string dumped(const Json& json) { return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace); }

[[noreturn]] void fail(const std::filesystem::path& path, const char* what) {
  throw base::SurroundingsError("{} could not be {}: {}.", path.string(), what, std::strerror(errno));
}

}  // namespace

std::string sample_line(std::int64_t prompt, std::int64_t sample, const Response& response, const std::string& run) {
  Json row{{"prompt", prompt}, {"sample", sample}, {"messages", chat::messages_to_json(response.reply.messages)}, {"text", response.text},
           {"finish", name_of(response.finish)}};
  if (response.reply.fault) row["fault"] = response.reply.fault->reason;
  auto& ids = row["ids"] = Json::array();
  for (const auto id : response.ids) ids.push_back(text::to_int(id));
  row["logprobs"] = response.log_probs;
  row["sampled_logprobs"] = response.sampled_log_probs;
  row["run"] = run;
  return dumped(row);
}

SampleFile::SampleFile(std::filesystem::path path, std::string run) : path_(std::move(path)), run_(std::move(run)) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) fail(path_, "opened");
  try {
    struct stat facts {};
    if (::fstat(file_, &facts) != 0) fail(path_, "examined");
    is_regular_ = S_ISREG(facts.st_mode);
    if (is_regular_ && ::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      throw base::UserError("{} is being written by another run. Wait for its end, or name another file.", path_.string());
    }
    if (is_regular_) read_back();  // a pipe or a terminal holds nothing to go on from
  } catch (...) {
    ::close(file_);
    throw;
  }
  synced_ = std::chrono::steady_clock::now();
}

SampleFile::~SampleFile() {
  ::fdatasync(file_);
  ::close(file_);
}

void SampleFile::read_back() {
  std::ifstream stream(path_, std::ios::binary);
  std::string line;
  std::int64_t whole = 0;  // bytes up to the last line's end
  for (std::int64_t number = 1; std::getline(stream, line); ++number) {
    if (stream.eof()) return remove_cut_line(line, whole);
    read_line(number, line);
    whole += static_cast<std::int64_t>(line.size()) + 1;
  }
}

void SampleFile::read_line(std::int64_t number, std::string_view line) {
  const auto row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto number_at = [&row](const char* key) { return row.contains(key) && row[key].is_number_integer() ? row[key].get<std::int64_t>() : -1; };
  if (!row.is_object() || !row.contains("run") || !row["run"].is_string() || number_at("prompt") < 0) {
    throw base::UserError("{}, line {}: this is not a file of samples. Name another file, or remove it.", path_.string(), number);
  }
  if (row["run"] != run_) {
    throw base::UserError("{}, line {}: these samples come from another model, other prompts or other options. Name another file, or remove it.",
                          path_.string(), number);
  }
  if (row.contains("error")) failures_.insert(number_at("prompt"));
  else samples_.emplace(number_at("prompt"), number_at("sample"));
}

/// The last line has no end: the run was killed while it wrote it. `whole`: bytes before it.
void SampleFile::remove_cut_line(std::string_view line, std::int64_t whole) {
  if (whole == 0 && !may_begin_a_line(line)) {
    throw base::UserError("{}: this is not a file of samples. Name another file, or remove it.", path_.string());
  }
  if (::ftruncate(file_, whole) != 0) fail(path_, "shortened");
}

void SampleFile::record(std::int64_t prompt, std::int64_t sample, const Response& response) {
  DROVER_CHECK(!holds(prompt, sample), "Sample {} of prompt {} was recorded before", sample, prompt);
  append(sample_line(prompt, sample, response, run_));
  samples_.emplace(prompt, sample);
}

void SampleFile::record_failure(std::int64_t prompt, const std::string& reason) {
  if (!failures_.insert(prompt).second) return;
  append(dumped(Json{{"prompt", prompt}, {"error", reason}, {"run", run_}}));
}

void SampleFile::append(std::string_view line) {
  std::string bytes(line);
  bytes.push_back('\n');
  for (std::size_t written = 0; written < bytes.size();) {
    const auto count = ::write(file_, bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno != EINTR) {
      take_back(written);
      fail(path_, "written");
    }
    if (count > 0) written += static_cast<std::size_t>(count);
  }
  if (std::chrono::steady_clock::now() - synced_ >= kLongestUnsynced) sync();
}

/// Removes the part of a line that the disk took before it refused: no other line may follow it. Leaves errno.
void SampleFile::take_back(std::size_t bytes) {
  const int reason = errno;
  struct stat facts {};
  if (is_regular_ && bytes > 0 && ::fstat(file_, &facts) == 0) {
    [[maybe_unused]] const int done = ::ftruncate(file_, facts.st_size - static_cast<off_t>(bytes));  // else the next run removes it
  }
  errno = reason;
}

void SampleFile::sync() {
  if (::fdatasync(file_) != 0 && errno != EINVAL) fail(path_, "brought to the disk");  // EINVAL: a pipe has no disk
  synced_ = std::chrono::steady_clock::now();
}

}  // namespace drover::generate
