#include "curate/repetition.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace drover::curate {
namespace {

enum class ByteClass : std::uint8_t { kBetween, kWord, kAlone, kFollows };

constexpr auto kClasses = [] {
  std::array<ByteClass, 256> classes{};
  for (std::size_t i = 0; i < 256; ++i) {
    const bool is_letter = (i >= '0' && i <= '9') || (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');
    classes[i] = i >= 0xE0                ? ByteClass::kAlone
                 : i >= 0xC2 || is_letter ? ByteClass::kWord
                 : i >= 0x80              ? ByteClass::kFollows
                                          : ByteClass::kBetween;
  }
  return classes;
}();

ByteClass class_of(char c) { return kClasses[static_cast<unsigned char>(c)]; }

constexpr std::uint32_t mixed(std::uint32_t hash, std::uint32_t value) { return (hash ^ value) * 0x9E3779B1U; }

/// Follows the words of a text and notices where they begin to repeat those a fixed distance before.
class LoopWatch {
 public:
  LoopWatch(const LoopLimits& limits, std::vector<std::uint32_t>& words) : limits_(limits), words_(words) {
    words_.clear();
    places_.fill(-1);
  }

  void word(std::uint32_t hash) {
    words_.push_back(hash);
    const auto i = static_cast<std::int32_t>(words_.size()) - 1;
    if (distance_ > 0 && words_[static_cast<std::size_t>(i - distance_)] == hash) {
      ++run_;
    } else {
      end_run();
    }
    if (i < kGram - 1) return;
    std::uint32_t gram = 0;
    for (std::int32_t k = 0; k < kGram; ++k) gram = mixed(gram, words_[static_cast<std::size_t>(i - k)]);
    auto& place = places_[gram >> 22U];
    if (distance_ == 0 && place >= 0 && is_same_gram(place, i)) {
      distance_ = i - place;
      run_ = kGram + num_equal_before(i - kGram);
    }
    place = i;
  }

  /// The longest repetition that passes the limits.
  std::optional<Loop> finish() {
    end_run();
    return longest_;
  }

 private:
  static constexpr std::int32_t kGram = 4;  // fewer words than that repeat by chance
  static constexpr std::int64_t kLookBack = 64;

  bool is_same_gram(std::int32_t a, std::int32_t b) const {
    return std::memcmp(&words_[static_cast<std::size_t>(a - kGram + 1)],
                       &words_[static_cast<std::size_t>(b - kGram + 1)], kGram * sizeof(std::uint32_t)) == 0;
  }
  /// A phrase inside hides where a repetition begins; looks back a little.
  std::int64_t num_equal_before(std::int32_t i) const {
    std::int64_t count = 0;
    while (count < kLookBack && i - distance_ >= 0 &&
           words_[static_cast<std::size_t>(i)] == words_[static_cast<std::size_t>(i - distance_)]) {
      ++count;
      --i;
    }
    return count;
  }
  void end_run() {
    if (distance_ == 0) return;
    const Loop loop{.repeats = (run_ + distance_) / distance_, .words_of_one = distance_};
    const std::int64_t words = run_ + distance_;
    if (loop.repeats >= limits_.repeats && words >= std::max(limits_.words, longest_words_ + 1)) {
      longest_ = loop;
      longest_words_ = words;
    }
    distance_ = 0;
    run_ = 0;
  }

  const LoopLimits& limits_;
  std::vector<std::uint32_t>& words_;
  std::array<std::int32_t, 1024> places_;  // where four words last stood, by their hash
  std::int32_t distance_ = 0;              // of the repetition that goes on; 0: none does
  std::int64_t run_ = 0;                   // words of it after its first time
  std::optional<Loop> longest_;
  std::int64_t longest_words_ = 0;
};

/// The bytes of a word in eights: much less to do than byte by byte.
std::uint32_t hash_of(std::string_view text, std::size_t begin, std::size_t end) {
  std::uint64_t hash = end - begin;
  for (; begin < end; begin += 8) {
    const std::size_t length = std::min<std::size_t>(8, end - begin);
    std::uint64_t bytes = 0;
    if (begin + 8 <= text.size()) {
      std::memcpy(&bytes, text.data() + begin, 8);
      bytes <<= 64 - 8 * length;
    } else {
      std::memcpy(&bytes, text.data() + begin, length);
      bytes <<= 64 - 8 * length;
    }
    hash = (hash ^ bytes) * 0x9E3779B97F4A7C15U;
    hash ^= hash >> 32U;
  }
  return static_cast<std::uint32_t>(hash);
}

void read_words(std::string_view text, LoopWatch& watch) {
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t begin = i;
    switch (class_of(text[i++])) {
      case ByteClass::kWord:
        while (i < text.size() && (class_of(text[i]) == ByteClass::kWord || class_of(text[i]) == ByteClass::kFollows))
          ++i;
        watch.word(hash_of(text, begin, i));
        break;
      case ByteClass::kAlone:
        while (i < text.size() && class_of(text[i]) == ByteClass::kFollows) ++i;
        watch.word(hash_of(text, begin, i));
        break;
      default:
        break;
    }
  }
}

/// Looks at every 64th byte first: a run of 128 equal bytes holds two of these and what lies between.
std::optional<Loop> longest_byte_run(std::string_view text, std::int64_t least) {
  std::size_t longest = 0;
  for (std::size_t i = 0; i + 64 < text.size(); i += 64) {
    if (text[i] != text[i + 64] || text[i] != text[i + 1] || text[i] != text[i + 33]) continue;
    std::size_t begin = i, end = i;
    while (begin > 0 && text[begin - 1] == text[i]) --begin;
    while (end < text.size() && text[end] == text[i]) ++end;
    longest = std::max(longest, end - begin);
    if (end > i + 128) i = (end - 1) / 64 * 64 - 64;  // a long run is walked once
  }
  if (static_cast<std::int64_t>(longest) < least) return std::nullopt;
  return Loop{.repeats = static_cast<std::int64_t>(longest)};
}

}  // namespace

std::optional<Loop> find_loop(std::string_view text, const LoopLimits& limits) {
  if (const auto run = longest_byte_run(text, limits.bytes)) return run;
  thread_local std::vector<std::uint32_t> words;
  LoopWatch watch(limits, words);
  read_words(text, watch);
  return watch.finish();
}

}  // namespace drover::curate
