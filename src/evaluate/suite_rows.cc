#include "evaluate/suite_rows.h"

#include <zlib.h>

#include <array>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "chat/strict_json.h"

namespace drover::evaluate {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 30;

std::filesystem::path plain_file(const std::filesystem::path& folder, std::string_view name) { return folder / (std::string(name) + ".jsonl"); }
std::filesystem::path packed_file(const std::filesystem::path& folder, std::string_view name) { return folder / (std::string(name) + ".jsonl.gz"); }

std::string unpacked(const std::filesystem::path& file) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(gzopen(file.c_str(), "rb"), gzclose);
  if (!in) throw base::UserError("{} cannot be read.", file.string());
  std::string text;
  std::array<char, 1 << 16> buffer;
  while (true) {
    const int length = gzread(in.get(), buffer.data(), buffer.size());
    if (length < 0) throw base::UserError("{} is no whole gzip file.", file.string());
    if (length == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(length));
    if (text.size() > kLargestFile) throw base::UserError("{} holds more than 1 GiB.", file.string());
  }
  int code = Z_OK;
  gzerror(in.get(), &code);
  if (code != Z_OK && code != Z_STREAM_END) throw base::UserError("{} is no whole gzip file.", file.string());
  return text;
}

void read_row(const std::filesystem::path& file, std::int64_t line, std::string_view text, const std::function<void(std::int64_t, const chat::Json&)>& on_row) {
  if (text.find_first_not_of(" \t\r") == std::string_view::npos) return;
  try {
    const auto row = chat::parse_strict_json(text);
    if (const auto* fault = std::get_if<chat::JsonFault>(&row)) throw base::UserError("not JSON: {}", fault->reason);
    if (!std::get<chat::Json>(row).is_object()) throw base::UserError("not a JSON object");
    on_row(line, std::get<chat::Json>(row));
  } catch (const base::UserError& error) {
    throw base::UserError("{}, line {}: {}", file.string(), line, error.what());
  }
}

}  // namespace

bool has_suite_rows(const std::filesystem::path& folder, std::string_view name) {
  return std::filesystem::exists(plain_file(folder, name)) || std::filesystem::exists(packed_file(folder, name));
}

void for_each_suite_row(const std::filesystem::path& folder, std::string_view name,
                        const std::function<void(std::int64_t line, const chat::Json& row)>& on_row) {
  const auto plain = plain_file(folder, name);
  if (std::filesystem::exists(plain)) {
    base::for_each_line(plain, [&](std::int64_t line, std::string_view text) { read_row(plain, line, text, on_row); });
    return;
  }
  const auto packed = packed_file(folder, name);
  if (!std::filesystem::exists(packed)) {
    throw base::UserError("There is neither {} nor {}.jsonl.gz. Name the folder that holds the set's folder with --data or DROVER_DATA.", plain.string(), name);
  }
  const auto text = unpacked(packed);
  std::int64_t line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    read_row(packed, ++line, std::string_view(text).substr(begin, end - begin), on_row);
    begin = end + 1;
  }
}

}  // namespace drover::evaluate
