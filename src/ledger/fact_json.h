#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/dialog.h"
#include "ledger/ledger.h"

namespace drover::ledger {

/// Facts as JSON objects, one a line of a JSONL file. `kind` says what a line is:
///
///   prompt      {"kind", "id", "messages", "tools", "core_tools", "today", "source", "licence", "tags", "difficulty",
///                "checker", "expected", "parent", "turn"}
///   sample      {"kind", "id", "prompt": {...}, "stage", "sample", "model", "tokenizer", "ids", "log_probs", "reply",
///                "fault", "options", "made", "origin", "edited_from", "scores", "verdicts", "decisions"}
///   comparison  {"kind", "id", "prompt_id", "stage", "preferred": {...}, "other": {...}, "edited": {...} or null,
///                "level", "unit", "annotator", "reason", "request"}
///   row         {"kind", "id", "stage", "ordinal", "training", "replies": [{...}, ...]}
///   request     {"kind", "id", "stage", "first": {...}, "second": {...}, "unit", "annotator"}: what people owe
///   answer      {"kind", "request", "annotator", "preferred": "first" | "second" | "neither", "level", "reason",
///                "edited": [messages], "answered_at"}: what they say
///   model       {"kind", "hash", "name", "stage", "folder", "made_by", "data", "options", "parents"}
///   source      {"kind", "name", "licence", "location", "hash"}
///
/// The {...} are whole samples, so that each line can be read by itself.

/// What `export_facts` knows: "prompts", "samples", "comparisons", "rows", "requests" (those nobody has answered),
/// "answers", "models", "sources".
std::vector<std::string_view> exported_kinds();

/// Calls `on_fact` with each fact of a kind, in the order in which they were written. Throws UserError for an unknown
/// kind.
void export_facts(const Ledger& ledger, std::string_view what, const std::function<void(const chat::Json&)>& on_fact);

/// Adds what a line says; facts that are there already stay as they are. Returns its kind. Throws UserError when it says
/// something else than the above, or when its `id` is not the name of its content.
std::string import_fact(Ledger& ledger, const chat::Json& fact);

}  // namespace drover::ledger
