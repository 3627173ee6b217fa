#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace drover::base {

/// What `drover` returns to the shell.
enum class ExitStatus : int {
  kDone = 0,
  kUserInput = 1,        ///< the input is wrong; the message says where and what to try
  kOurFault = 2,         ///< a promise inside drover was broken
  kSurroundings = 3,     ///< disk, memory or network; the same command resumes
  kWaitingForPeople = 4  ///< a stage needs answers from people; the same command continues after their import
};

/// Every failure that drover reports. The message is one clear sentence: what is wrong, where, the value, what to try.
class Error : public std::runtime_error {
 public:
  ExitStatus exit_status() const { return status_; }

 protected:
  Error(ExitStatus status, const std::string& message) : std::runtime_error(message), status_(status) {}

 private:
  ExitStatus status_;
};

/// The input is wrong: a file, an option, a recipe. Exit status 1.
class UserError : public Error {
 public:
  template <typename... Args>
  explicit UserError(fmt::format_string<Args...> format, Args&&... args)
      : Error(ExitStatus::kUserInput, fmt::format(format, std::forward<Args>(args)...)) {}
};

/// The surroundings failed: no space, no memory, no network. The same command may succeed later. Exit status 3.
class SurroundingsError : public Error {
 public:
  template <typename... Args>
  explicit SurroundingsError(fmt::format_string<Args...> format, Args&&... args)
      : Error(ExitStatus::kSurroundings, fmt::format(format, std::forward<Args>(args)...)) {}
};

/// A promise inside drover was broken; thrown by the DROVER_CHECK macros. Exit status 2.
class InternalError : public Error {
 public:
  explicit InternalError(const std::string& message) : Error(ExitStatus::kOurFault, message) {}
};

/// Throws InternalError with the place and both sides of a comparison that did not hold.
[[noreturn]] void fail_check(const char* file, int line, const char* condition, const std::string& message);

}  // namespace drover::base

/// Stops with InternalError when `condition` does not hold. The rest is a format string and its arguments, saying what that means.
#define DROVER_CHECK(condition, ...)                                                            \
  do {                                                                                          \
    if (!(condition)) [[unlikely]] {                                                            \
      ::drover::base::fail_check(__FILE__, __LINE__, #condition, ::fmt::format(__VA_ARGS__));   \
    }                                                                                           \
  } while (false)

/// As DROVER_CHECK(a == b), printing both values.
#define DROVER_CHECK_EQ(a, b, ...)                                                              \
  do {                                                                                          \
    const auto& drover_left = (a);                                                              \
    const auto& drover_right = (b);                                                             \
    if (!(drover_left == drover_right)) [[unlikely]] {                                          \
      ::drover::base::fail_check(__FILE__, __LINE__, #a " == " #b,                              \
                                 ::fmt::format(__VA_ARGS__) +                                   \
                                     ::fmt::format(" ({} against {})", drover_left, drover_right)); \
    }                                                                                           \
  } while (false)
