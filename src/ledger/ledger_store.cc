#include "ledger/ledger_store.h"

#include <fmt/chrono.h>

#include <ctime>
#include <string_view>

#include "base/content_hash.h"
#include "base/error.h"
#include "chat/dialog_json.h"
#include "ledger/ledger_inserts.h"

namespace drover::ledger {
namespace {

constexpr std::size_t kMaxRemembered = 100'000;

std::int64_t id_of_word(const std::string& text) { return FactId<void>(base::content_hash(text)).value(); }

}  // namespace

Ledger::Store::Store(std::filesystem::path path) : file(std::move(path)) {}
Ledger::Store::~Store() = default;

Ledger::Store::Inserts& Ledger::Store::inserts() {
  if (!inserts_) inserts_ = std::make_unique<Inserts>(sql);
  return *inserts_;
}

std::int64_t Ledger::Store::known_word(const std::string& text) {
  if (const auto found = words_.find(text); found != words_.end()) return found->second;
  const auto id = id_of_word(text);
  std::int64_t number = 0;
  sql << "select seq from words where id = :id", soci::use(id, "id"), soci::into(number);
  if (!sql.got_data()) return 0;
  if (words_.size() > kMaxRemembered) words_.clear();
  words_.emplace(text, number);
  return number;
}

std::int64_t Ledger::Store::word(const std::string& text) {
  if (const auto number = known_word(text); number != 0) return number;
  const auto id = id_of_word(text);
  sql << "insert into words (id, text) values (:id, :text) on conflict do nothing", soci::use(id, "id"),
      soci::use(text, "text");
  const auto number = known_word(text);
  DROVER_CHECK(number != 0, "A text was written and is not there");
  return number;
}

const std::string& Ledger::Store::text(std::int64_t word) {
  if (const auto found = texts_.find(word); found != texts_.end()) return found->second;
  std::string text;
  sql << "select text from words where seq = :word", soci::use(word, "word"), soci::into(text);
  if (!sql.got_data()) {
    throw base::UserError("{} is damaged: a text that its rows name is missing; restore it from a copy.",
                          file.string());
  }
  if (texts_.size() > kMaxRemembered) texts_.clear();
  return texts_.emplace(word, std::move(text)).first->second;
}

Ledger::Store::PromptPlace Ledger::Store::place_of(PromptId prompt) {
  if (const auto found = prompts_.find(prompt); found != prompts_.end()) return found->second;
  const auto id = prompt.value();
  PromptPlace place;
  sql << "select seq, node from prompts where id = :id", soci::use(id, "id"), soci::into(place.seq),
      soci::into(place.node);
  if (!sql.got_data()) return {};
  remember(prompt, place);
  return place;
}

std::int64_t Ledger::Store::seq_of(GenerationId generation) {
  if (const auto found = generations_.find(generation); found != generations_.end()) return found->second;
  const auto id = generation.value();
  std::int64_t seq = 0;
  sql << "select seq from generations where id = :id", soci::use(id, "id"), soci::into(seq);
  if (!sql.got_data()) return 0;
  remember(generation, seq);
  return seq;
}

void Ledger::Store::remember(PromptId prompt, PromptPlace place) {
  if (prompts_.size() > kMaxRemembered) prompts_.clear();
  prompts_[prompt] = place;
}

void Ledger::Store::remember(GenerationId generation, std::int64_t seq) {
  if (generations_.size() > kMaxRemembered) generations_.clear();
  generations_[generation] = seq;
}

// A transaction that reads before it writes could not become a writer when another process has written in between, so
// it is one from the beginning and waits for its turn.
void Ledger::Store::begin() { sql << "begin immediate"; }

void Ledger::Store::commit() { sql << "commit"; }

void Ledger::Store::forget_remembered() noexcept {
  words_.clear();
  texts_.clear();
  prompts_.clear();
  generations_.clear();
}

void Ledger::Store::rollback() noexcept {
  forget_remembered();
  inserts_.reset();
  try {
    sql << "rollback";
  } catch (const soci::soci_error&) {
    // Nothing is open, or the database has rolled back already.
  }
}

void Ledger::Store::rethrow(const soci::soci_error& error) {
  inserts_.reset();
  // What follows are the statement and its values, whole prompts among them: they neither belong into a sentence nor
  // tell what failed.
  const std::string whole = error.what();
  auto what = whole.substr(0, whole.find(" while "));
  constexpr std::string_view kOwnSetting = "Query failed: pragma synchronous=full ";  // asked for on opening
  if (what.starts_with(kOwnSetting)) what.erase(0, kOwnSetting.size());
  const auto holds = [&](std::string_view part) { return what.find(part) != std::string::npos; };
  if (holds("not a database") || holds("malformed")) {
    throw base::UserError("{} is damaged or not a ledger ({}); restore it from a copy or choose another home.",
                          file.string(), what);
  }
  if (holds("locked") || holds("busy")) {
    throw base::SurroundingsError(
        "{} is held by another process; wait for it to finish and run the same command again.", file.string());
  }
  if (holds("disk is full") || holds("disk I/O")) {
    throw base::SurroundingsError(
        "The disk took no more of the ledger {} ({}); make room and run the same command again, nothing that was "
        "recorded is lost.",
        file.string(), what);
  }
  if (holds("readonly") || holds("unable to open")) {
    throw base::SurroundingsError(
        "The ledger {} cannot be written ({}); give yourself the right to write into its folder, or copy the folder.",
        file.string(), what);
  }
  throw base::SurroundingsError("The ledger {} cannot be used: {}.", file.string(), what);
}

std::string message_text(const chat::Message& message) {
  return chat::messages_to_json({message}).at(0).dump(-1, ' ', false, chat::Json::error_handler_t::replace);
}

chat::Message message_from(const std::string& text) {
  return chat::messages_from_json(chat::Json::array({chat::Json::parse(text)}), "ledger message").at(0);
}

std::string messages_text(const std::vector<chat::Message>& messages) {
  return chat::messages_to_json(messages).dump(-1, ' ', false, chat::Json::error_handler_t::replace);
}

std::vector<chat::Message> messages_from(const std::string& text) {
  return chat::messages_from_json(chat::Json::parse(text), "ledger messages");
}

std::string utc_now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

}  // namespace drover::ledger
