#include "base/content_hash.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mapped_file.h"

namespace drover::base {
namespace {

ContentHash from(XXH128_hash_t hash) { return {hash.high64, hash.low64}; }

}  // namespace

std::string ContentHash::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

ContentHash content_hash(std::span<const std::byte> bytes) { return from(XXH3_128bits(bytes.data(), bytes.size())); }
ContentHash content_hash(std::string_view text) { return from(XXH3_128bits(text.data(), text.size())); }
ContentHash content_hash_of_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  return content_hash(file.bytes());
}

struct FieldHasher::State {
  XXH3_state_t state;
};

FieldHasher::FieldHasher() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->state); }
FieldHasher::~FieldHasher() = default;

FieldHasher& FieldHasher::add(std::string_view field) {
  const std::uint64_t length = field.size();
  XXH3_128bits_update(&state_->state, &length, sizeof length);
  XXH3_128bits_update(&state_->state, field.data(), field.size());
  return *this;
}

FieldHasher& FieldHasher::add(std::int64_t number) {
  return add(std::string_view(reinterpret_cast<const char*>(&number), sizeof number));
}

FieldHasher& FieldHasher::add(const ContentHash& hash) {
  return add(std::string_view(reinterpret_cast<const char*>(&hash), sizeof hash));
}

ContentHash FieldHasher::finish() const { return from(XXH3_128bits_digest(&state_->state)); }

}  // namespace drover::base
