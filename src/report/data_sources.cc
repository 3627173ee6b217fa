#include "report/data_sources.h"

#include <algorithm>
#include <map>
#include <set>

#include "report/stage_output.h"

namespace drover::report {
namespace {

/// Sources by name and licence: a suite may be called as the prompts of its kind are.
class Sources {
 public:
  explicit Sources(const ledger::Ledger& ledger) : ledger_(ledger) {}

  void add_prompt(ledger::PromptId id, bool is_held_out) {
    if (!seen_.insert(id).second) return;
    const auto prompt = ledger_.find(id);
    if (!prompt) return;
    auto& source = at(prompt->source, is_held_out);
    ++source.prompts;
    if (source.licence.empty()) source.licence = prompt->licence;
  }

  void add_rows(const std::string& name, const std::string& kind, std::int64_t count) {
    auto& rows = at(name, false).rows;
    const auto known = std::find_if(rows.begin(), rows.end(), [&](const auto& each) { return each.first == kind; });
    if (known == rows.end()) {
      rows.emplace_back(kind, count);
    } else {
      known->second += count;
    }
  }

  std::vector<DataSource> finish() {
    const auto recorded = ledger_.sources();
    std::vector<DataSource> all;
    for (auto& [key, source] : sources_) {
      std::vector<ledger::Source> named;
      std::copy_if(recorded.begin(), recorded.end(), std::back_inserter(named),
                   [&](const auto& each) { return each.name == source.name; });
      // The recipe's prompts are recorded before its suites.
      if (!named.empty()) {
        const auto& fact = source.is_held_out ? named.back() : named.front();
        source.location = fact.location;
        source.hash = fact.hash;
        if (source.licence.empty()) source.licence = fact.licence;
      }
      all.push_back(std::move(source));
    }
    return all;
  }

 private:
  DataSource& at(const std::string& name, bool is_held_out) {
    auto& source = sources_[{is_held_out, name}];
    source.name = name;
    source.is_held_out = is_held_out;
    return source;
  }

  const ledger::Ledger& ledger_;
  std::map<std::pair<bool, std::string>, DataSource> sources_;
  std::set<ledger::PromptId> seen_;
};

void add_chosen_prompts(const ledger::Ledger& ledger, const std::string& stage, Sources& sources) {
  const auto end = ledger.find_stage_end(stage);
  const auto chosen = end ? read_json(end->output) : chat::Json();
  if (!chosen.is_array()) return;
  for (const auto& id : chosen) {
    if (id.is_number_integer()) sources.add_prompt(ledger::PromptId(id.get<std::int64_t>()), false);
  }
}

void add_prompts_of_replies(const ledger::Ledger& ledger, const std::string& stage, bool is_held_out,
                            Sources& sources) {
  for (const auto id : ledger.generations_of(stage)) {
    if (const auto generation = ledger.find(id)) sources.add_prompt(generation->prompt, is_held_out);
  }
}

}  // namespace

std::vector<DataSource> data_sources(const ledger::Ledger& ledger, const std::vector<std::string>& stage_keys) {
  Sources sources(ledger);
  for (const auto& key : stage_keys) {
    const auto stage = ledger.find_stage(key);
    if (!stage) continue;
    if (stage->name.ends_with("/ plan")) add_chosen_prompts(ledger, key, sources);
    if (stage->name.ends_with("/ import") || stage->name.ends_with("/ synthesise"))
      add_prompts_of_replies(ledger, key, false, sources);
    if (stage->name == "start / evaluate") add_prompts_of_replies(ledger, key, true, sources);
    for (const auto& count : ledger.row_counts_of(key)) sources.add_rows(count.source, count.kind, count.count);
  }
  return sources.finish();
}

}  // namespace drover::report
