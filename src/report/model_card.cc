#include "report/model_card.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "report/family_tree.h"
#include "report/html_text.h"

namespace drover::report {
namespace {

const ledger::ModelFact* find_model(const RunSummary& summary, const std::string& hash) {
  const auto found =
      std::find_if(summary.models.begin(), summary.models.end(), [&](const auto& model) { return model.hash == hash; });
  return found == summary.models.end() ? nullptr : &*found;
}

// The model and its ancestors, the model first.
void add_ancestors(const RunSummary& summary, const std::string& hash, std::vector<const ledger::ModelFact*>& found) {
  const auto* model = find_model(summary, hash);
  if (model == nullptr || std::find(found.begin(), found.end(), model) != found.end()) return;
  found.push_back(model);
  for (const auto& parent : model->parents) add_ancestors(summary, parent.hash, found);
}

std::string head(const DeployedModel& model) {
  return fmt::format("---\npipeline_tag: text-generation\ntags:\n  - drover\n  - sft\n  - dpo\n---\n\n# {}\n\n",
                     markdown_text(model.name));
}

std::string introduction(const RunSummary& summary, const DeployedModel& model,
                         const std::vector<const ledger::ModelFact*>& ancestors) {
  std::string roots;
  for (const auto* ancestor : ancestors) {
    if (ancestor->parents.empty()) roots += (roots.empty() ? "" : ", ") + markdown_text(ancestor->name);
  }
  return fmt::format(
      "A language model post-trained by drover in {} round{} of the recipe \"{}\" (begun {}): preference data, a "
      "reward "
      "model, rejection sampling, supervised finetuning (SFT) and direct preference optimisation (DPO), each averaged "
      "over "
      "variants.\n\n- Start: {}\n- Hash of weights, configuration and tokenizer: `{}`\n\n",
      model.round, model.round == 1 ? "" : "s", markdown_text(summary.recipe_name), markdown_text(summary.began_at),
      roots.empty() ? "not recorded" : roots, markdown_text(model.hash));
}

std::string lineage(const RunSummary& summary, const std::vector<const ledger::ModelFact*>& ancestors) {
  std::string text = "## What it was made of\n\n| model | made by | from | hash |\n|---|---|---|---|\n";
  for (const auto* model : ancestors) {
    text += fmt::format("| {} | {} | {} | `{}` |\n", markdown_text(model->name), markdown_text(model->made_by),
                        markdown_text(parents_of(summary, *model)), markdown_text(model->hash));
  }
  return text + "\n";
}

std::string data(const RunSummary& summary) {
  std::string text =
      "## Data\n\n| source | licence | prompts used | training rows | read from |\n|---|---|---|---|---|\n";
  for (const auto& source : summary.sources) {
    if (source.is_held_out) continue;
    std::string rows;
    for (const auto& [kind, count] : source.rows) rows += fmt::format("{}{} {}", rows.empty() ? "" : ", ", count, kind);
    text += fmt::format("| {} | {} | {} | {} | {} |\n", markdown_text(source.name),
                        source.licence.empty() ? "not stated" : markdown_text(source.licence), source.prompts,
                        markdown_text(rows), markdown_text(source.location));
  }
  text +=
      "\nRows over all rounds of the run. Replies were written by the run's own models unless a source brought them. "
      "Whoever passes the model on must keep to the licences of this data and of the start model; drover does not "
      "know the latter.\n\n";
  std::set<std::string> suites;
  for (const auto& source : summary.sources) {
    if (source.is_held_out)
      suites.insert(markdown_text(source.name) +
                    (source.licence.empty() ? "" : " (" + markdown_text(source.licence) + ")"));
  }
  if (suites.empty()) return text;
  std::string names;
  for (const auto& suite : suites) names += (names.empty() ? "" : ", ") + suite;
  return text + "Held out and only measured on: " + names + ".\n\n";
}

std::string scores(const RunSummary& summary) {
  const auto changes = summary.changes();
  if (changes.empty()) return {};
  std::string text =
      "## Scores\n\nShare of right answers on held-out prompts with 95% Wilson intervals; losses first. Before: the "
      "best "
      "start model. p: exact paired test, corrected for the number of suites after Holm.\n\n| suite | prompts | before "
      "| "
      "after | difference | p | verdict |\n|---|---|---|---|---|---|---|\n";
  const auto shown = [](const AccuracyLine& line) {
    return fmt::format("{:.1f}% ({:.1f} to {:.1f})", 100 * line.accuracy, 100 * line.low, 100 * line.high);
  };
  for (const auto& change : changes) {
    text += fmt::format("| {} | {} | {} | {} | {:+.1f} | {} | {} |\n", markdown_text(change.after.suite),
                        change.after.count, shown(change.before), shown(change.after), 100 * change.difference(),
                        change.corrected_p ? fmt::format("{:.2g}", *change.corrected_p) : "",
                        !change.is_clear()        ? "no clear difference"
                        : change.difference() < 0 ? "worse"
                                                  : "better");
  }
  return text + "\n";
}

std::string use_and_limits() {
  return "## Intended use\n\nFor research and for the tasks that its prompts and suites stand for. Use the chat "
         "template "
         "that lies beside it.\n\n## Limits\n\n- It was measured on the suites above and nowhere else; what they do "
         "not "
         "ask is not known.\n- It can be wrong with confidence, and it inherits the biases of its start model and of "
         "its "
         "data. Its answers need checking before anybody relies on them.\n- Its safety was not tested unless a suite "
         "above "
         "says so.\n- Preferences came from the annotators that the recipe names; verifiers and models have blind "
         "spots that people do not.\n\n";
}

// A fence longer than any run of backticks in the text, so that the text cannot end it.
std::string fenced(const std::string& text) {
  std::size_t longest = 2;
  std::size_t run = 0;
  for (const char letter : text) {
    run = letter == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fence + "toml\n" + text + (text.ends_with('\n') ? "" : "\n") + fence + "\n";
}

}  // namespace

std::string markdown_text(std::string_view text) {
  std::string out;
  for (const char letter : shortened(text, 200)) {
    if (letter == '\n' || letter == '\r' || letter == '\t') {
      out.push_back(' ');
    } else if (std::string_view("\\`*_{}[]<>#|~!&").find(letter) != std::string_view::npos) {
      // Names with low lines stay readable: one between letters is no markup.
      if (letter != '_') out.push_back('\\');
      out.push_back(letter);
    } else if (static_cast<unsigned char>(letter) >= 32) {
      out.push_back(letter);
    }
  }
  return out;
}

std::optional<std::string> model_card(const RunSummary& summary) {
  if (summary.deployed.empty()) return std::nullopt;
  const auto& model = summary.deployed.back();
  std::vector<const ledger::ModelFact*> ancestors;
  add_ancestors(summary, model.hash, ancestors);
  return head(model) + introduction(summary, model, ancestors) + scores(summary) + data(summary) +
         lineage(summary, ancestors) + use_and_limits() + "## Options\n\nThe recipe, as it was run:\n\n" +
         fenced(summary.recipe_text);
}

}  // namespace drover::report
