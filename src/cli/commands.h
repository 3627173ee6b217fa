#pragma once

#include "cli/command.h"

namespace drover::cli {

/// One function a command, each in the file that is named after it.
void add_annotate_command(const Commands& commands);
void add_average_command(const Commands& commands);
void add_chat_command(const Commands& commands);
void add_check_command(const Commands& commands);
void add_compare_command(const Commands& commands);
void add_convert_command(const Commands& commands);
void add_curate_command(const Commands& commands);
void add_doctor_command(const Commands& commands);
void add_evaluate_command(const Commands& commands);
void add_export_command(const Commands& commands);
void add_forget_command(const Commands& commands);
void add_gap_command(const Commands& commands);
void add_gc_command(const Commands& commands);
void add_generate_command(const Commands& commands);
void add_import_command(const Commands& commands);
void add_info_command(const Commands& commands);
void add_inspect_command(const Commands& commands);
void add_judge_command(const Commands& commands);
void add_logprobs_command(const Commands& commands);
void add_merge_command(const Commands& commands);
void add_report_command(const Commands& commands);
void add_run_command(const Commands& commands);
void add_score_command(const Commands& commands);
void add_serve_command(const Commands& commands);
void add_status_command(const Commands& commands);
void add_tokenize_command(const Commands& commands);
void add_trace_command(const Commands& commands);
void add_train_command(const Commands& commands);

/// All of them, in the order of the help page.
void add_all_commands(const Commands& commands);

}  // namespace drover::cli
