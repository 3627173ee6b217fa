#include "cli/commands.h"
#include "cli/fact_lines.h"
#include "cli/json_output.h"
#include "cli/machine_facts.h"

namespace drover::cli {
namespace {

struct DoctorOptions {
  bool json = false;
};

base::ExitStatus doctor(const DoctorOptions& options) {
  const auto facts = machine_facts();
  if (options.json) {
    write_output(facts.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return base::ExitStatus::kDone;
  }
  write_output(fact_lines(facts));
  if (facts["models"].empty()) write_output("No models are installed: scripts/setup brings two small ones.\n");
  return base::ExitStatus::kDone;
}

}  // namespace

void add_doctor_command(const Commands& commands) {
  const auto options = std::make_shared<DoctorOptions>();
  CLI::App& command = commands.add("doctor", "Says what this machine offers and what is missing", "drover doctor --json", options, doctor);
  command.add_flag("--json", options->json, "print one JSON object");
}

}  // namespace drover::cli
