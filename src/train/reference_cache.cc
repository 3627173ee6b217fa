#include "train/reference_cache.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "train/file_lock.h"

namespace drover::train {
namespace {

// The file: this line, records, and the hash of all that stands before it.
constexpr std::string_view kFirstLine = "drover reference log-probabilities 1\n";

struct Record {
  std::uint64_t high, low;
  float chosen, rejected;
};
static_assert(sizeof(Record) == 24);

std::map<base::ContentHash, ReferenceLogProbs> read(const std::filesystem::path& path) {
  std::error_code fault;
  if (!std::filesystem::is_regular_file(path, fault)) return {};
  const auto text = base::read_file(path);
  return parse_reference_cache(std::as_bytes(std::span(text)));
}

}  // namespace

base::ContentHash name_of(const DpoRow& row) {
  base::FieldHasher name;
  name.add(base::content_hash(std::as_bytes(std::span(row.row.tokens))));
  for (const auto& segment : row.row.segments) name.add(segment.parent).add(segment.begin).add(segment.end);
  for (std::size_t i = 0; i < row.row.learned.size(); ++i) {
    if (row.preference[i] == 0) continue;
    const auto& entry = row.row.learned[i];
    name.add(entry.position).add(text::to_int(entry.target)).add(entry.response);
  }
  return name.finish();
}

std::map<base::ContentHash, ReferenceLogProbs> parse_reference_cache(std::span<const std::byte> bytes) {
  const auto around = kFirstLine.size() + sizeof(base::ContentHash);
  if (bytes.size() < around || std::memcmp(bytes.data(), kFirstLine.data(), kFirstLine.size()) != 0) return {};
  if ((bytes.size() - around) % sizeof(Record) != 0) return {};
  base::ContentHash expected;
  std::memcpy(&expected, bytes.data() + bytes.size() - sizeof expected, sizeof expected);
  if (base::content_hash(bytes.first(bytes.size() - sizeof expected)) != expected) return {};
  std::map<base::ContentHash, ReferenceLogProbs> entries;
  for (std::size_t at = kFirstLine.size(); at + sizeof expected < bytes.size(); at += sizeof(Record)) {
    Record record;
    std::memcpy(&record, bytes.data() + at, sizeof record);
    if (!std::isfinite(record.chosen) || !std::isfinite(record.rejected)) return {};
    entries[{record.high, record.low}] = {record.chosen, record.rejected};
  }
  return entries;
}

ReferenceCache::ReferenceCache(const std::filesystem::path& folder, std::string_view policy) : path_(folder / fmt::format("{}.reference", policy)) {
  std::error_code fault;
  std::filesystem::create_directories(folder, fault);
  if (fault) throw base::SurroundingsError("The folder {} cannot be made for reference log-probabilities: {}.", folder.string(), fault.message());
  entries_ = read(path_);
}

std::optional<ReferenceLogProbs> ReferenceCache::find(const base::ContentHash& row) const {
  const auto found = entries_.find(row);
  return found == entries_.end() ? std::nullopt : std::optional(found->second);
}

void ReferenceCache::add(const base::ContentHash& row, const ReferenceLogProbs& values) {
  if (std::isfinite(values.chosen) && std::isfinite(values.rejected)) entries_[row] = values;
}

void ReferenceCache::save() {
  const FileLock lock(path_.string() + ".lock", path_, FileLock::Afterwards::kGoes, FileLock::Others::kWait);
  for (const auto& [row, values] : read(path_)) entries_.try_emplace(row, values);
  std::string text(kFirstLine);
  text.reserve(text.size() + entries_.size() * sizeof(Record) + sizeof(base::ContentHash));
  for (const auto& [row, values] : entries_) {
    const Record record{row.high, row.low, values.chosen, values.rejected};
    text.append(reinterpret_cast<const char*>(&record), sizeof record);
  }
  const auto hash = base::content_hash(text);
  text.append(reinterpret_cast<const char*>(&hash), sizeof hash);
  base::write_file_atomically(path_, text);
}

}  // namespace drover::train
