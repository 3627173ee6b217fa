#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace drover::text {

/// Lends working memory to threads: each gets an object of its own, mostly the one it had before, so that what the
/// object remembers stays in that core's cache. Objects are made on demand and live until the pool ends.
template <typename Scratch>
class ScratchPool {
 public:
  ScratchPool() = default;
  ScratchPool(const ScratchPool&) = delete;
  ScratchPool& operator=(const ScratchPool&) = delete;
  ~ScratchPool() {
    for (auto& place : places_) delete place.load();
  }

  /// Gives the object back when it ends.
  class Lease {
   public:
    Lease(ScratchPool& pool, std::size_t place, std::unique_ptr<Scratch> scratch)
        : pool_(pool), place_(place), scratch_(std::move(scratch)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() {
      Scratch* empty = nullptr;
      if (pool_.places_[place_].compare_exchange_strong(empty, scratch_.get(), std::memory_order_release))
        (void)scratch_.release();
    }
    Scratch& operator*() const { return *scratch_; }
    Scratch* operator->() const { return scratch_.get(); }

   private:
    ScratchPool& pool_;
    std::size_t place_;
    std::unique_ptr<Scratch> scratch_;
  };

  Lease lend() {
    const std::size_t place = place_of_this_thread();
    std::unique_ptr<Scratch> scratch(places_[place].exchange(nullptr, std::memory_order_acquire));
    if (!scratch) scratch = std::make_unique<Scratch>();
    return Lease(*this, place, std::move(scratch));
  }

 private:
  static constexpr std::size_t kPlaces = 64;

  static std::size_t place_of_this_thread() {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t number = threads.fetch_add(1, std::memory_order_relaxed);
    return number % kPlaces;
  }

  std::array<std::atomic<Scratch*>, kPlaces> places_{};
};

}  // namespace drover::text
