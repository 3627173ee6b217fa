#include "model/threads.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

namespace drover::model {
namespace {

/// What every OpenMP library for gcc's calls exports (libgomp itself, LLVM's and Intel's).
struct OpenMp {
  using Body = void (*)(void*);
  void (*parallel)(Body body, void* data, unsigned num_threads, unsigned flags) = nullptr;
  int (*thread_number)() = nullptr;
  int (*num_threads)() = nullptr;
  int (*in_parallel)() = nullptr;

  bool is_complete() const { return parallel != nullptr && thread_number != nullptr && num_threads != nullptr && in_parallel != nullptr; }
};

const OpenMp& open_mp() {
  static const OpenMp library = [] {
    OpenMp found;
    const auto find = [](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(RTLD_DEFAULT, name));
    };
    find(found.parallel, "GOMP_parallel");
    find(found.thread_number, "omp_get_thread_num");
    find(found.num_threads, "omp_get_num_threads");
    find(found.in_parallel, "omp_in_parallel");
    return found;
  }();
  return library;
}

/// Runs body(thread, threads) on each of at most `wanted` threads.
void on_threads(std::int64_t wanted, const std::function<void(std::int64_t thread, std::int64_t threads)>& body) {
  const OpenMp& library = open_mp();
  const auto threads = std::min<std::int64_t>(wanted, at::get_num_threads());
  if (threads <= 1 || !library.is_complete() || library.in_parallel() != 0) {
    body(0, 1);
    return;
  }
  struct Shared {
    const std::function<void(std::int64_t, std::int64_t)>* body;
    std::once_flag failed;
    std::exception_ptr failure;
  } shared{.body = &body, .failed = {}, .failure = {}};
  library.parallel(
      [](void* data) {
        auto& work = *static_cast<Shared*>(data);
        try {
          (*work.body)(open_mp().thread_number(), open_mp().num_threads());
        } catch (...) {
          std::call_once(work.failed, [&work] { work.failure = std::current_exception(); });
        }
      },
      &shared, static_cast<unsigned>(threads), 0);
  if (shared.failure) std::rethrow_exception(shared.failure);
}

}  // namespace

void use_threads(int count) {
  if (count > 0) at::set_num_threads(count);
}

void parallel_for(std::int64_t count, std::int64_t grain, const std::function<void(std::int64_t, std::int64_t)>& work) {
  if (count <= 0) return;
  on_threads((count + grain - 1) / grain, [&](std::int64_t thread, std::int64_t threads) {
    const std::int64_t begin = count * thread / threads;
    const std::int64_t end = count * (thread + 1) / threads;
    if (begin < end) work(begin, end);
  });
}

void for_each_piece(std::int64_t count, const std::function<void(std::int64_t)>& work) {
  std::atomic<std::int64_t> next = 0;
  on_threads(count, [&](std::int64_t, std::int64_t) {
    for (std::int64_t i = next++; i < count; i = next++) work(i);
  });
}

}  // namespace drover::model
