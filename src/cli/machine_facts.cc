#include "cli/machine_facts.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/drover_home.h"
#include "model/model_path.h"
#include "cli/version.h"
#include "cluster/libtorch_facts.h"

namespace drover::cli {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

/// The value after "KEY :" in a file of /proc; empty when the file or the key is missing.
std::string proc_value(const fs::path& file, std::string_view key) {
  std::ifstream stream(file);
  std::string line;
  while (std::getline(stream, line)) {
    if (!line.starts_with(key)) continue;
    const auto colon = line.find(':');
    const auto begin = colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

/// The instruction sets that LibTorch's kernels and drover's own can use, of those that the processor has.
Json cpu_features() {
  std::istringstream flags(proc_value("/proc/cpuinfo", "flags"));
  const std::vector<std::string> wanted = {"avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8"};
  Json found = Json::array();
  for (std::string flag; flags >> flag;) {
    if (std::find(wanted.begin(), wanted.end(), flag) != wanted.end()) found.push_back(flag);
  }
  return found;
}

/// Cores that this process may use, which can be fewer than the machine has.
int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
}

std::int64_t memory_megabytes(std::string_view key) {
  const auto kilobytes = proc_value("/proc/meminfo", key);
  return kilobytes.empty() ? 0 : std::atoll(kilobytes.c_str()) / 1024;
}

std::int64_t free_disk_megabytes(fs::path folder) {
  std::error_code fault;
  while (!fs::exists(folder, fault) && folder.has_relative_path()) folder = folder.parent_path();
  const auto space = fs::space(folder, fault);
  return fault ? 0 : static_cast<std::int64_t>(space.available / (1024 * 1024));
}

bool is_on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((fs::path(folder) / program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

Json libtorch() {
  const auto facts = cluster::libtorch_facts();
  return {{"version", facts.version},
          {"build", facts.has_cuda ? "CUDA" : "CPU"},
          {"cpu_kernels", facts.cpu_kernels},
          {"threads", facts.num_threads}};
}

}  // namespace

nlohmann::ordered_json machine_facts() {
  Json programs = Json::object();
  for (const auto* program : {"nvidia-smi", "torchrun"}) programs[program] = is_on_path(program) ? "found" : "not found";
  Json devices = Json::array({"cpu"});
  for (const auto& device : cluster::libtorch_facts().accelerators) devices.push_back(device);
  return {{"drover", version()},
          {"processor", proc_value("/proc/cpuinfo", "model name")},
          {"cpu_features", cpu_features()},
          {"cores", usable_cores()},
          {"memory_mb", memory_megabytes("MemTotal")},
          {"memory_free_mb", memory_megabytes("MemAvailable")},
          {"home", base::drover_home().string()},
          {"disk_free_mb", free_disk_megabytes(base::drover_home())},
          {"libtorch", libtorch()},
          {"devices", devices},
          {"models", model::installed_models()},
          {"optional_programs", programs}};
}

}  // namespace drover::cli
