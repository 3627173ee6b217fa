// export and import: facts of a ledger as JSONL or Parquet.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include "base/file.h"
#include "base/output_file.h"
#include "chat/strict_json.h"
#include "cli/commands.h"
#include "cli/json_output.h"
#include "cli/new_home.h"
#include "ledger/fact_json.h"
#include "ledger/ledger.h"
#include "ledger/parquet_file.h"

namespace drover::cli {
namespace {

struct ExchangeOptions {
  std::string home;
  std::string file = "-";
  std::string what = "samples";
};

std::string json_line(const chat::Json& fact) {
  return fact.dump(-1, ' ', false, chat::Json::error_handler_t::replace) + "\n";
}

base::ExitStatus export_home(const ExchangeOptions& options) {
  base::check_output_file(options.file);
  const ledger::Ledger ledger(std::filesystem::path(options.home) / "ledger.sqlite",
                              ledger::Ledger::OpenMode::kReadOnly);
  if (options.file == "-") {
    ledger::export_facts(ledger, options.what, [](const chat::Json& fact) { write_output(json_line(fact)); });
    return base::ExitStatus::kDone;
  }
  base::AtomicFile file(options.file);
  std::int64_t count = 0;
  if (options.file.ends_with(".parquet")) {
    ledger::ParquetWriter writer(file.stream_path());
    ledger::export_facts(ledger, options.what, [&](const chat::Json& fact) {
      writer.add(fact);
      ++count;
    });
    writer.close();
  } else {
    std::ofstream stream(file.stream_path(), std::ios::binary);
    ledger::export_facts(ledger, options.what, [&](const chat::Json& fact) {
      stream << json_line(fact);
      ++count;
    });
    stream.close();
    if (!stream) throw base::SurroundingsError("{} could not be written; is the disk full?", options.file);
  }
  file.commit();
  write_output(fmt::format("{} {} to {}\n", count, options.what, options.file));
  return base::ExitStatus::kDone;
}

void import_line(ledger::Ledger& ledger, std::string_view line, std::map<std::string, std::int64_t>& counts) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  auto row = chat::parse_strict_json(line);
  if (const auto* fault = std::get_if<chat::JsonFault>(&row)) throw base::UserError("not JSON: {}", fault->reason);
  ++counts[ledger::import_fact(ledger, std::get<chat::Json>(row))];
}

base::ExitStatus import_home(const ExchangeOptions& options) {
  NewHome home(options.home);
  ledger::Ledger ledger(std::filesystem::path(options.home) / "ledger.sqlite", ledger::Ledger::OpenMode::kCreate);
  std::map<std::string, std::int64_t> counts;
  // All or nothing: a file with a fault in its last line leaves the ledger as it was.
  ledger::Ledger::Batch batch(ledger);
  const auto with_place = [&](std::int64_t number, const auto& work) {
    try {
      work();
    } catch (const base::UserError& error) {
      throw base::UserError("{}, {} {}: {}. Nothing was imported.", options.file,
                            options.file.ends_with(".parquet") ? "row" : "line", number, error.what());
    }
  };
  if (options.file.ends_with(".parquet")) {
    ledger::read_parquet(options.file, [&](std::int64_t number, const chat::Json& fact) {
      with_place(number, [&] { ++counts[ledger::import_fact(ledger, fact)]; });
    });
  } else {
    base::for_each_line(options.file, [&](std::int64_t number, std::string_view line) {
      with_place(number, [&] { import_line(ledger, line, counts); });
    });
  }
  batch.commit();
  home.keep();
  std::string text;
  for (const auto& [kind, count] : counts) text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", count, kind, count == 1 ? "" : "s");
  write_output("imported: " + (text.empty() ? std::string("nothing") : text) + "\n");
  return base::ExitStatus::kDone;
}

}  // namespace

void add_export_command(const Commands& commands) {
  const auto options = std::make_shared<ExchangeOptions>();
  CLI::App& command = commands.add("export", "Writes facts of a ledger as JSONL or Parquet",
                                   "drover export runs/tiny --what comparisons -o comparisons.jsonl", options,
                                   export_home);
  command.add_option("HOME", options->home, "home folder of a run")->required();
  command.add_option("-o,--output", options->file, "FILE.jsonl or FILE.parquet; - is standard output")
      ->capture_default_str();
  command
      .add_option("--what", options->what,
                  "prompts, samples, comparisons, rows, requests (comparisons that people owe), answers, models, sources")
      ->capture_default_str();
}

void add_import_command(const Commands& commands) {
  const auto options = std::make_shared<ExchangeOptions>();
  CLI::App& command = commands.add("import", "Reads facts into a ledger: what drover export wrote, and people's answers",
                                   "drover import runs/tiny answers.jsonl", options, import_home);
  command.add_option("HOME", options->home, "home folder of a run; made when it is missing")->required();
  command.add_option("FILE", options->file, "JSONL or .parquet; - is standard input")->required();
}

}  // namespace drover::cli
