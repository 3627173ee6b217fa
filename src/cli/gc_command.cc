#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "chat/dialog.h"
#include "cli/commands.h"
#include "cli/json_output.h"
#include "ledger/garbage.h"
#include "ledger/ledger.h"

namespace drover::cli {
namespace {

struct GcOptions {
  std::string home;
  std::int64_t keep = 1;
  bool delete_files = false;
  bool json = false;
};

std::string size_words(std::uintmax_t bytes) { return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6); }

base::ExitStatus gc(const GcOptions& options) {
  const std::filesystem::path home(options.home);
  ledger::Ledger ledger(home / "ledger.sqlite",
                        options.delete_files ? ledger::Ledger::OpenMode::kWrite : ledger::Ledger::OpenMode::kReadOnly);
  const auto garbage = ledger::find_garbage(ledger, home, options.keep);
  if (options.delete_files) ledger::delete_garbage(ledger, home, garbage);
  std::uintmax_t bytes = 0;
  auto list = chat::Json::array();
  std::string text;
  for (const auto& found : garbage) {
    bytes += found.bytes;
    list.push_back({{"path", found.path}, {"bytes", found.bytes}, {"hash", found.hash}, {"reason", found.reason}});
    text += fmt::format("{:>10}  {}  {}\n", size_words(found.bytes), found.path, found.reason);
  }
  if (options.json) {
    const chat::Json whole = {{"is_deleted", options.delete_files}, {"bytes", bytes}, {"files", std::move(list)}};
    write_output(whole.dump(-1, ' ', false, chat::Json::error_handler_t::replace) + "\n");
  } else if (garbage.empty()) {
    write_output("Nothing here may be deleted.\n");
  } else {
    write_output(text + fmt::format("{:>10}  in all{}\n", size_words(bytes),
                                    options.delete_files ? ", deleted" : "; --delete deletes them"));
  }
  return base::ExitStatus::kDone;
}

}  // namespace

void add_gc_command(const Commands& commands) {
  const auto options = std::make_shared<GcOptions>();
  CLI::App& command = commands.add("gc", "Lists files of a home that nothing needs any more, and deletes them when asked to",
                                   "drover gc runs/tiny", options, gc);
  command.add_option("HOME", options->home, "home folder of a run")->required();
  command.add_option("--keep", options->keep, "rounds that keep their variants, counted from the last one")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command.add_flag("--delete", options->delete_files, "delete what is listed");
  command.add_flag("--json", options->json, "one JSON object");
}

}  // namespace drover::cli
