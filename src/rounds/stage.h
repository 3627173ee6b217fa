#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/dialog.h"
#include "ledger/ledger.h"

namespace drover::rounds {

/// What decides a stage's result.
struct StageRequest {
  std::string name;                                         ///< "round 1 / sft"
  std::int64_t revision = 1;                                ///< raised when the stage's code changes what it does
  std::vector<std::pair<std::string, std::string>> inputs;  ///< name and hash
  std::string options;                                      ///< without what only changes speed
  std::uint64_t seed = 0;
};

/// The name of a stage's work: a hash of everything in the request. 32 hexadecimal digits.
std::string key_of(const StageRequest& request);

/// Whether `name` means the stage: its whole name, or a round's without "round N / ".
bool is_called(std::string_view stage, std::string_view name);

/// What happened to a stage, for whoever watches.
struct StageEvent {
  enum class Kind {
    kBegun,
    kFinished,
    kFound,    ///< done earlier, not repeated
    kDamaged,  ///< done earlier, but its files are missing or changed: repeated
  };
  Kind kind = Kind::kBegun;
  std::string name;
  std::string key;
  double seconds = 0;  ///< of the work, also of found work
};
using OnStage = std::function<void(const StageEvent&)>;

/// Thrown after the stage that the caller named as the last one.
struct StopAfterStage {
  std::string name;
};

/// The wrapper around every stage: it times the work, records it in the ledger, finds finished work instead of
/// repeating it, and checks that the artefact is still what it was. A killed stage is simply not finished; it goes on
/// from what it has recorded itself.
class StageRunner {
 public:
  /// `run` names the run in the ledger. `last`: the name of the stage after which StopAfterStage is thrown ("sft" or
  /// "round 1 / sft"); empty: none.
  StageRunner(ledger::Ledger& ledger, std::filesystem::path home, std::string run, std::string last, OnStage on_stage)
      : ledger_(ledger),
        home_(std::move(home)),
        run_(std::move(run)),
        last_(std::move(last)),
        on_stage_(std::move(on_stage)) {}

  /// `work(key)` does the stage and returns its artefact, a type with hash(), to_json(), from_json() and
  /// is_intact(home).
  template <typename Work>
  auto stage(const StageRequest& request, Work&& work) -> decltype(work(std::string())) {
    using Artefact = decltype(work(std::string()));
    const auto key = begin(request);
    if (auto artefact = find<Artefact>(request, key)) {
      stop_after(request);
      return *std::move(artefact);
    }
    report(StageEvent::Kind::kBegun, request, key, 0);
    const auto begun = std::chrono::steady_clock::now();
    auto artefact = work(key);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    auto output = artefact.to_json().dump(-1, ' ', false, chat::Json::error_handler_t::replace);
    ledger_.add(ledger::StageEnd{.key = key, .seconds = seconds, .output = std::move(output), .hash = artefact.hash()});
    report(StageEvent::Kind::kFinished, request, key, seconds);
    stop_after(request);
    return artefact;
  }

 private:
  template <typename Artefact>
  std::optional<Artefact> find(const StageRequest& request, const std::string& key) {
    const auto end = ledger_.find_stage_end(key);
    if (!end) return std::nullopt;
    auto artefact = Artefact::from_json(chat::Json::parse(end->output));
    if (artefact.hash() != end->hash || !artefact.is_intact(home_)) {
      report(StageEvent::Kind::kDamaged, request, key, 0);
      return std::nullopt;
    }
    report(StageEvent::Kind::kFound, request, key, end->seconds);
    return artefact;
  }

  std::string begin(const StageRequest& request);
  void stop_after(const StageRequest& request) const;
  void report(StageEvent::Kind kind, const StageRequest& request, const std::string& key, double seconds) const {
    if (on_stage_) on_stage_({.kind = kind, .name = request.name, .key = key, .seconds = seconds});
  }

  ledger::Ledger& ledger_;
  std::filesystem::path home_;
  std::string run_;
  std::string last_;
  OnStage on_stage_;
  std::int64_t num_begun_ = 0;
};

}  // namespace drover::rounds
