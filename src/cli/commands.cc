#include "cli/commands.h"

namespace drover::cli {

void add_all_commands(const Commands& commands) {
  add_run_command(commands);
  add_status_command(commands);
  add_trace_command(commands);
  add_report_command(commands);
  add_compare_command(commands);
  add_export_command(commands);
  add_import_command(commands);
  add_forget_command(commands);
  add_gc_command(commands);
  add_annotate_command(commands);
  add_train_command(commands);
  add_merge_command(commands);
  add_average_command(commands);
  add_score_command(commands);
  add_evaluate_command(commands);
  add_check_command(commands);
  add_curate_command(commands);
  add_judge_command(commands);
  add_generate_command(commands);
  add_serve_command(commands);
  add_chat_command(commands);
  add_inspect_command(commands);
  add_tokenize_command(commands);
  add_logprobs_command(commands);
  add_gap_command(commands);
  add_convert_command(commands);
  add_info_command(commands);
  add_doctor_command(commands);
}

}  // namespace drover::cli
