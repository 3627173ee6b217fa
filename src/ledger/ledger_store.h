#pragma once

#include <soci/soci.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "ledger/ledger.h"

namespace drover::ledger {

/// The database behind a Ledger. Only the ledger's own .cc files include this: SOCI stays behind ledger.h.
struct Ledger::Store {
  explicit Store(std::filesystem::path path);
  ~Store();

  std::filesystem::path file;
  soci::session sql;
  bool in_batch = false;

  /// The insert statements, compiled when they are first needed (ledger_inserts.h).
  struct Inserts;
  Inserts& inserts();

  /// The number of a text in `words`, which is written when it is new; only within a transaction.
  std::int64_t word(const std::string& text);
  /// The number of a text if the ledger holds it, else 0, which no row has.
  std::int64_t known_word(const std::string& text);
  /// The text of a number.
  const std::string& text(std::int64_t word);

  void begin();
  void commit();
  /// Never throws: a database drops an unfinished transaction by itself.
  void rollback() noexcept;

  /// Runs `work` and turns the database's errors into ours.
  template <typename Work>
  auto guarded(const Work& work) -> decltype(work()) {
    try {
      return work();
    } catch (const soci::soci_error& error) {
      rethrow(error);
    }
  }

  /// The same for writes that belong together: all or nothing, by themselves or as part of the open batch.
  template <typename Work>
  void atomically(const Work& work) {
    guarded([&] {
      if (in_batch) return work();
      begin();
      try {
        work();
        commit();
      } catch (...) {
        rollback();
        throw;
      }
    });
  }

  /// Forgets what was looked up, because rows were removed.
  void forget_remembered() noexcept;

  [[noreturn]] void rethrow(const soci::soci_error& error);

  /// Where a prompt's row is, and its last message; 0 when there is no such prompt.
  struct PromptPlace {
    std::int64_t seq = 0;
    std::int64_t node = 0;
  };
  PromptPlace place_of(PromptId prompt);
  /// The `seq` of a reply; 0 when there is no such reply.
  std::int64_t seq_of(GenerationId generation);
  /// What the two above need not look up.
  void remember(PromptId prompt, PromptPlace place);
  void remember(GenerationId generation, std::int64_t seq);

 private:
  std::unique_ptr<Inserts> inserts_;
  std::unordered_map<std::string, std::int64_t> words_;
  std::unordered_map<std::int64_t, std::string> texts_;
  std::unordered_map<PromptId, PromptPlace> prompts_;
  std::unordered_map<GenerationId, std::int64_t> generations_;
};

/// Messages as the ledger stores them, and back: one as a JSON object, several as a list.
std::string message_text(const chat::Message& message);
chat::Message message_from(const std::string& text);
std::string messages_text(const std::vector<chat::Message>& messages);
std::vector<chat::Message> messages_from(const std::string& text);

/// Now, "2026-01-31T12:00:00Z".
std::string utc_now();

}  // namespace drover::ledger
