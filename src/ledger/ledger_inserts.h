#pragma once

#include <optional>
#include <string>

#include "ledger/ledger_store.h"
#include "ledger/prepared_insert.h"

namespace drover::ledger {

/// Every insert that samples by the million need, compiled once a Ledger.
struct Ledger::Store::Inserts {
  using Int = std::int64_t;
  using Text = std::string;
  using MaybeReal = std::optional<double>;

  explicit Inserts(soci::session& sql)
      : node(sql, "nodes", "id, parent, message"),
        prompt(sql, "prompts",
               "id, node, setting, source, licence, tags, difficulty, checker, expected, parent, turn"),
        generation(sql, "generations",
                   "id, prompt, stage, sample, model, tokenizer, ids, log_probs, reply, fault, options, "
                   "kind, origin, edited_from"),
        score(sql, "scores", "generation, stage, scorer, value, reason"),
        checked_answer(sql, "checked_answers", "generation, stage, checker, is_right, answer, reason"),
        comparison(sql, "comparisons",
                   "id, prompt, stage, preferred, other, edited, level, unit, annotator, reason, request"),
        decision(sql, "decisions", "generation, stage, rule, is_kept, reason, score"),
        training_row(sql, "training_rows", "id, stage, ordinal, kind"),
        training_row_generation(sql, "training_row_generations", "training_row, place, generation"),
        metric(sql, "metrics", "id, stage, name, subject, step, value, low, high, count") {}

  PreparedInsert<Int, Int, Text> node;
  PreparedInsert<Int, Int, Int, Int, Int, Int, MaybeReal, Int, Text, Int, Int> prompt;
  PreparedInsert<Int, Int, Int, Int, Int, Int, Text, Text, Text, Int, Int, Int, Int, Int> generation;
  PreparedInsert<Int, Int, Int, double, Text> score;
  PreparedInsert<Int, Int, Int, Int, Text, Text> checked_answer;
  PreparedInsert<Int, Int, Int, Int, Int, Int, Int, Int, Int, Text, Int> comparison;
  PreparedInsert<Int, Int, Int, Int, Text, MaybeReal> decision;
  PreparedInsert<Int, Int, Int, Int> training_row;
  PreparedInsert<Int, Int, Int> training_row_generation;
  PreparedInsert<Int, Text, Text, Text, Int, double, MaybeReal, MaybeReal, Int> metric;
};

}  // namespace drover::ledger
