#pragma once

// What the programs of this folder share: times of work, and lists of numbers on the command line.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace drover::bench {

inline double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

inline double best_of(int repeats, const std::function<void()>& work) {
  double best = 1e30;
  for (int i = 0; i < repeats; ++i) best = std::min(best, seconds_of(work));
  return best;
}

inline double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times.at(times.size() / 2);
}

inline double median_of(int repeats, const std::function<void()>& work) {
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) times.push_back(seconds_of(work));
  return median(std::move(times));
}

/// "1,8,64". Throws std::invalid_argument.
inline std::vector<std::int64_t> numbers_of(const std::string& list) {
  std::vector<std::int64_t> numbers;
  for (std::size_t at = 0; at < list.size();) {
    const auto comma = std::min(list.find(',', at), list.size());
    numbers.push_back(std::stoll(list.substr(at, comma - at)));
    if (numbers.back() < 1) throw std::invalid_argument(list + " holds a number below 1");
    at = comma + 1;
  }
  if (numbers.empty()) throw std::invalid_argument("a list of numbers is empty");
  return numbers;
}

}  // namespace drover::bench
