#pragma once

#include <ucontext.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define DROVER_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DROVER_ADDRESS_SANITIZER 1
#endif
#endif
#ifdef DROVER_ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif

namespace drover::model::emulated {

/// In which order the threads of a block run between two barriers. A kernel without races gives the same bits in each.
enum class ThreadOrder { kRising, kFalling, kMixed };

/// One block of GPU threads on one thread of the CPU: each is a fibre that runs until it meets a barrier. Stricter than a GPU: shared
/// memory starts as NaN, an asynchronous copy arrives only when it is waited for (until then its place holds NaN), and a barrier that
/// not all threads reach is an error instead of a hang.
class EmulatedBlock {
 public:
  static EmulatedBlock& current() { return *running(); }

  EmulatedBlock(int threads, int shared_bytes, ThreadOrder order) : order_(order), fibres_(static_cast<std::size_t>(threads)), warps_(static_cast<std::size_t>((threads + 31) / 32)) {
    if (threads % 32 != 0) throw std::logic_error("A block is made of whole warps");
    shared_.resize(static_cast<std::size_t>(shared_bytes) / sizeof(Unit) + 1);
  }
  EmulatedBlock(const EmulatedBlock&) = delete;
  EmulatedBlock& operator=(const EmulatedBlock&) = delete;

  void run(int x, int y, const std::function<void()>& body) {
    x_ = x;
    y_ = y;
    body_ = &body;
    std::memset(shared_.data(), 0xFF, shared_.size() * sizeof(Unit));
    for (Fibre& fibre : fibres_) begin(fibre);
    EmulatedBlock* const outer = std::exchange(running(), this);
    try {
      while (resume_all()) {
      }
    } catch (...) {
      running() = outer;
      throw;
    }
    running() = outer;
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  int x() const { return x_; }
  int y() const { return y_; }
  int thread() const { return static_cast<int>(current_); }
  unsigned char* shared_memory() { return reinterpret_cast<unsigned char*>(shared_.data()); }

  enum class Barrier { kNone, kWarp, kBlock };
  void wait_at(Barrier barrier) {
    Fibre& fibre = fibres_[current_];
    fibre.waits = barrier;
    leave(fibre, /*for_good=*/false);
  }

  /// Gives `mine` to the other lanes of the warp; what all of them gave. Valid until the lane's next exchange but one.
  template <class Value>
  const Value* exchange(const Value& mine) {
    static_assert(sizeof(Value) <= kSlotBytes);
    Fibre& fibre = fibres_[current_];
    std::byte* const slots = warps_[current_ / 32].slots[fibre.exchanges++ % 2].data();
    std::memcpy(slots + current_ % 32 * sizeof(Value), &mine, sizeof(Value));
    wait_at(Barrier::kWarp);
    return reinterpret_cast<const Value*>(slots);
  }

  void copy_later(void* to, const void* from, std::size_t bytes, bool valid) {
    std::memset(to, 0xFF, bytes);
    fibres_[current_].copies.push_back({to, valid ? from : nullptr, bytes});
  }
  void close_group() {
    Fibre& fibre = fibres_[current_];
    fibre.groups.push_back(fibre.copies.size());
  }
  void wait_for_groups(std::size_t newest) {
    Fibre& fibre = fibres_[current_];
    if (fibre.groups.size() <= newest) return;
    const std::size_t done = fibre.groups[fibre.groups.size() - newest - 1];
    for (std::size_t i = 0; i < done; ++i) {
      const Copy& copy = fibre.copies[i];
      if (copy.from == nullptr) std::memset(copy.to, 0, copy.bytes);
      else std::memcpy(copy.to, copy.from, copy.bytes);
    }
    fibre.copies.erase(fibre.copies.begin(), fibre.copies.begin() + static_cast<std::ptrdiff_t>(done));
    fibre.groups.erase(fibre.groups.begin(), fibre.groups.end() - static_cast<std::ptrdiff_t>(newest));
    for (std::size_t& group : fibre.groups) group -= done;
  }

 private:
  static constexpr std::size_t kStackBytes = 128 * 1024;
  static constexpr std::size_t kSlotBytes = 32;
  struct alignas(16) Unit {
    std::byte bytes[16];
  };
  struct Copy {
    void* to;
    const void* from;
    std::size_t bytes;
  };
  struct Fibre {
    ucontext_t context = {};
    std::unique_ptr<std::byte[]> stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
    void* sanitizer_stack = nullptr;
    bool done = true;
    Barrier waits = Barrier::kNone;
    std::uint64_t exchanges = 0;
    std::vector<Copy> copies;
    std::vector<std::size_t> groups;  // each: the copies up to its end
  };
  struct Warp {
    std::array<std::array<std::byte, 32 * kSlotBytes>, 2> slots;
  };

  static EmulatedBlock*& running() {
    thread_local EmulatedBlock* block = nullptr;
    return block;
  }

  void begin(Fibre& fibre) {
    fibre.done = false;
    fibre.waits = Barrier::kNone;
    fibre.exchanges = 0;
    fibre.copies.clear();
    fibre.groups.clear();
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = fibre.stack.get();
    fibre.context.uc_stack.ss_size = kStackBytes;
    fibre.context.uc_link = nullptr;
    makecontext(&fibre.context, &EmulatedBlock::run_fibre, 0);
  }

  static void run_fibre() {
    EmulatedBlock& block = current();
    block.entered(nullptr);
    try {
      (*block.body_)();
    } catch (...) {
      block.failure_ = std::current_exception();
    }
    Fibre& fibre = block.fibres_[block.current_];
    fibre.done = true;
    block.leave(fibre, /*for_good=*/true);
  }

  // Runs every thread that waits for nothing, then opens the barriers that all have reached. False when all threads have ended.
  bool resume_all() {
    bool all_done = true, moved = false;
    const std::size_t count = fibres_.size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t index = order_ == ThreadOrder::kRising ? i : order_ == ThreadOrder::kFalling ? count - 1 - i : (i * 37 + 11) % count;
      Fibre& fibre = fibres_[index];
      if (fibre.done || fibre.waits != Barrier::kNone) continue;
      enter(index);
      moved = true;
      if (failure_) return false;
    }
    for (std::size_t w = 0; w < warps_.size(); ++w) moved = open(Barrier::kWarp, w * 32, w * 32 + 32) || moved;
    moved = open(Barrier::kBlock, 0, count) || moved;
    for (const Fibre& fibre : fibres_) all_done = all_done && fibre.done;
    if (!moved && !all_done) throw std::logic_error("Threads of a block wait at different barriers");
    return !all_done;
  }

  bool open(Barrier barrier, std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) {
      if (fibres_[i].done || fibres_[i].waits != barrier) return false;
    }
    for (std::size_t i = first; i < end; ++i) fibres_[i].waits = Barrier::kNone;
    return true;
  }

  void enter(std::size_t index) {
    current_ = index;
    Fibre& fibre = fibres_[index];
#ifdef DROVER_ADDRESS_SANITIZER
    void* own = nullptr;
    __sanitizer_start_switch_fiber(&own, fibre.stack.get(), kStackBytes);
#endif
    swapcontext(&scheduler_, &fibre.context);
#ifdef DROVER_ADDRESS_SANITIZER
    __sanitizer_finish_switch_fiber(own, nullptr, nullptr);
#endif
  }
  void leave(Fibre& fibre, [[maybe_unused]] bool for_good) {
#ifdef DROVER_ADDRESS_SANITIZER
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fibre.sanitizer_stack, scheduler_bottom_, scheduler_bytes_);
#endif
    swapcontext(&fibre.context, &scheduler_);
    entered(fibre.sanitizer_stack);
  }
  void entered([[maybe_unused]] void* sanitizer_stack) {
#ifdef DROVER_ADDRESS_SANITIZER
    __sanitizer_finish_switch_fiber(sanitizer_stack, &scheduler_bottom_, &scheduler_bytes_);
#endif
  }

  ThreadOrder order_;
  std::vector<Fibre> fibres_;
  std::vector<Warp> warps_;
  std::vector<Unit> shared_;
  ucontext_t scheduler_ = {};
  const void* scheduler_bottom_ = nullptr;
  std::size_t scheduler_bytes_ = 0;
  std::size_t current_ = 0;
  int x_ = 0, y_ = 0;
  const std::function<void()>* body_ = nullptr;
  std::exception_ptr failure_;
};

/// The order in which blocks run their threads from now on, in this process.
inline ThreadOrder& thread_order() {
  static ThreadOrder order = ThreadOrder::kRising;
  return order;
}

inline void run_blocks(int grid_x, int grid_y, int threads, int shared_bytes, const std::function<void()>& body) {
  if (grid_x == 0 || grid_y == 0) return;
  EmulatedBlock block(threads, shared_bytes, thread_order());
  for (int y = 0; y < grid_y; ++y) {
    for (int x = 0; x < grid_x; ++x) block.run(x, y, body);
  }
}

// What device_language.h says of each of these.

inline int thread_index() { return EmulatedBlock::current().thread(); }
inline int block_x() { return EmulatedBlock::current().x(); }
inline int block_y() { return EmulatedBlock::current().y(); }
inline unsigned char* shared_memory() { return EmulatedBlock::current().shared_memory(); }
inline void block_barrier() { EmulatedBlock::current().wait_at(EmulatedBlock::Barrier::kBlock); }
inline void warp_barrier() { EmulatedBlock::current().wait_at(EmulatedBlock::Barrier::kWarp); }
inline float shuffle_xor(float value, int mask) { return EmulatedBlock::current().exchange(value)[(thread_index() % 32) ^ mask]; }

inline void copy_16_async(void* shared, const void* global, bool valid) { EmulatedBlock::current().copy_later(shared, global, 16, valid); }
inline void commit_copies() { EmulatedBlock::current().close_group(); }
template <int newest>
void wait_for_copies() {
  EmulatedBlock::current().wait_for_groups(static_cast<std::size_t>(newest));
}

using MatrixRow = const std::uint16_t*;

inline void load_matrices(std::uint32_t (&parts)[4], const void* row) {
  const MatrixRow* rows = EmulatedBlock::current().exchange(static_cast<MatrixRow>(row));
  const int lane = thread_index() % 32;
  for (int m = 0; m < 4; ++m) std::memcpy(&parts[m], rows[m * 8 + lane / 4] + lane % 4 * 2, sizeof(std::uint32_t));
}
inline void load_matrices_transposed(std::uint32_t (&parts)[4], const void* row) {
  const MatrixRow* rows = EmulatedBlock::current().exchange(static_cast<MatrixRow>(row));
  const int lane = thread_index() % 32;
  for (int m = 0; m < 4; ++m) {
    const MatrixRow first = rows[m * 8 + lane % 4 * 2], second = rows[m * 8 + lane % 4 * 2 + 1];
    parts[m] = std::uint32_t{first[lane / 4]} | std::uint32_t{second[lane / 4]} << 16;
  }
}

/// The lanes' parts as "PTX ISA", section "Matrix Fragments for mma.m16n8k16 with floating point type", lays them out.
inline void multiply_add(float (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  struct Parts {
    std::uint32_t a[4], b[2];
  };
  const Parts* lanes = EmulatedBlock::current().exchange(Parts{{a[0], a[1], a[2], a[3]}, {b0, b1}});
  const auto half = [](std::uint32_t pair, int which) {
    const std::uint32_t bits = which == 0 ? pair << 16 : pair & 0xFFFF0000U;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  };
  const int lane = thread_index() % 32;
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + (i >= 2 ? 8 : 0), column = lane % 4 * 2 + i % 2;
    for (int k = 0; k < 16; ++k) {
      const Parts& of_a = lanes[row % 8 * 4 + k % 8 / 2];
      const Parts& of_b = lanes[column * 4 + k % 8 / 2];
      sums[i] += half(of_a.a[(row >= 8 ? 1 : 0) + (k >= 8 ? 2 : 0)], k % 2) * half(of_b.b[k >= 8 ? 1 : 0], k % 2);
    }
  }
}

}  // namespace drover::model::emulated
