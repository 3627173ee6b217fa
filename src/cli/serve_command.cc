#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/interruption.h"
#include "model/model_path.h"
#include "generate/local_generator.h"
#include "model/encoder.h"
#include "model/model.h"
#include "model/threads.h"
#include "openai/server.h"
#include "text/load_tokenizer.h"

namespace drover::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestConfig = std::uint64_t{16} << 20;
constexpr std::chrono::seconds kGrace{10};  // for answers that are under way when the server is told to end

struct ServeOptions {
  std::vector<std::string> models, names, formats;
  std::string dtype = "bf16", device = "cpu";
  std::string host = "127.0.0.1", key_variable;
  int port = 8080;
  double max_body_mib = 16.0;
  std::int64_t max_tokens = 4096;
  int max_connections = 512;
  std::int64_t max_sequences = 128;
  double memory_gib = 2.0;
  int threads = 0;
};

volatile std::sig_atomic_t was_terminated = 0;
void note_termination(int) { was_terminated = 1; }

bool is_encoder(const fs::path& model) {
  if (!fs::exists(model / "config.json")) return false;
  const auto config = nlohmann::json::parse(base::read_file(model / "config.json", kLargestConfig), nullptr, false);
  if (!config.is_object() || !config.contains("model_type")) return false;
  const auto& type = config["model_type"];
  return type == "bert" || type == "roberta" || type == "xlm-roberta";
}

std::string key_of(const ServeOptions& options) {
  if (options.key_variable.empty()) return {};
  const char* key = std::getenv(options.key_variable.c_str());
  if (key == nullptr || *key == '\0') throw base::UserError("--api-key-env {}: this environment variable is not set.", options.key_variable);
  return key;
}

openai::ServerOptions server_options(const ServeOptions& options) {
  if (!(options.memory_gib > 0.0 && options.memory_gib < 1e6)) throw base::UserError("--memory {} is not possible: give gibibytes, as --memory 2.", options.memory_gib);
  if (!(options.max_body_mib >= 0.001 && options.max_body_mib < 1e5)) throw base::UserError("--max-body {} is not possible: give mebibytes, as --max-body 16.", options.max_body_mib);
  if (options.max_tokens < 1) throw base::UserError("--max-tokens {} is not possible: a reply has at least 1 token.", options.max_tokens);
  openai::ServerOptions server;
  server.http.host = options.host;
  server.http.port = options.port;
  server.http.max_body_bytes = static_cast<std::size_t>(options.max_body_mib * 1024 * 1024);
  server.http.max_connections = options.max_connections;
  server.http.validate();
  server.api_key = key_of(options);
  server.limits.max_tokens = options.max_tokens;
  server.engine.memory_bytes = static_cast<std::int64_t>(options.memory_gib * 1024.0 * 1024.0 * 1024.0);
  server.engine.max_sequences = options.max_sequences;
  server.engine.validate();
  return server;
}

/// A model without a known chat format is served all the same: /v1/completions needs none.
std::shared_ptr<const chat::ChatFormat> format_of(const std::string& format, const model::Model& model, const std::string& name) {
  if (format.empty()) {
    const auto& chat_template = model.chat_template();
    if (!chat_template || !chat::format_of_template(*chat_template)) {
      fmt::print(stderr, "The chat format of {} is not known, so it has no /v1/chat/completions; --format names one.\n", name);
      return nullptr;
    }
  }
  return choose_format(format, model.chat_template(), model.shared_tokenizer());
}

openai::ServedModel load(const ServeOptions& options, const fs::path& path, const std::string& name, const std::string& format) {
  openai::ServedModel served{.name = name.empty() ? path.stem().string() : name};
  if (fs::is_directory(path) && name.empty()) served.name = fs::weakly_canonical(path).filename().string();
  if (is_encoder(path)) {
    served.encoder = model::Encoder::load(path, {.compute_type = model::ComputeType::kFloat32, .device = options.device});
    return served;
  }
  const auto model = model::Model::load(path, {.compute_type = compute_type(options.dtype), .device = options.device});
  if (model->config().head.kind != model::HeadKind::kLanguage) {
    throw base::UserError("'{}' cannot write: it has no language head, but one that scores.", path.string());
  }
  served.format = format_of(format, *model, served.name);
  served.model = generate::paged_model_of(*model);
  served.tokenizer = model->shared_tokenizer();
  served.stop_ids = model->config().eos;
  return served;
}

/// The value for each model: an option that is not given says nothing of any.
std::string of_model(const std::vector<std::string>& values, std::size_t model) { return values.empty() ? std::string() : values[model]; }

std::vector<openai::ServedModel> load_all(const ServeOptions& options) {
  for (const auto& [option, values] : {std::pair{"--name", &options.names}, std::pair{"--format", &options.formats}}) {
    if (!values->empty() && values->size() != options.models.size()) {
      throw base::UserError("{} is given {} times for {} models: give it once for each, in their order, or not at all.", option, values->size(), options.models.size());
    }
  }
  std::vector<fs::path> paths;  // all of them exist before the first is loaded
  for (const auto& model : options.models) paths.push_back(model::model_path(model));
  std::vector<openai::ServedModel> served;
  for (std::size_t i = 0; i < paths.size(); ++i) served.push_back(load(options, paths[i], of_model(options.names, i), of_model(options.formats, i)));
  return served;
}

bool is_loopback(const std::string& host) { return host.starts_with("127.") || host == "localhost" || host == "::1"; }

base::ExitStatus serve(const ServeOptions& options) {
  model::use_threads(options.threads);
  const auto settings = server_options(options);
  openai::Server server(load_all(options), settings);
  server.start();
  if (!is_loopback(options.host) && settings.api_key.empty()) {
    fmt::print(stderr, "WARNING: {} is not this machine alone, and there is no API key: EVERYBODY who reaches it can use the model. Give --api-key-env.\n", options.host);
  }
  fmt::print(stderr, "Serving at http://{}:{}/v1 until Ctrl-C.\n", options.host, server.port());
  struct sigaction action = {};
  action.sa_handler = note_termination;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGTERM, &action, nullptr);
  while (!was_interrupted() && was_terminated == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  fmt::print(stderr, "Ending; answers under way have {} seconds, a second Ctrl-C ends at once.\n", kGrace.count());
  server.stop(kGrace);
  forget_interruption();  // it is how a server ends
  return base::ExitStatus::kDone;
}

}  // namespace

void add_serve_command(const Commands& commands) {
  const auto options = std::make_shared<ServeOptions>();
  CLI::App& command = commands.add("serve", "Serves models over OpenAI's protocol: chats, completions, embeddings", "drover serve smollm2-135m-instruct --port 8080",
                                   options, serve);
  command.add_option("MODEL", options->models, "model folder, .gguf file or short name, one or more; an encoder serves /v1/embeddings")->required();
  command.add_option("--host", options->host, "address to listen at; 0.0.0.0: all of this machine's")->capture_default_str();
  command.add_option("--port", options->port, "port to listen at; 0: any free one")->capture_default_str();
  command.add_option("--api-key-env", options->key_variable, "environment variable that holds the key which clients must send");
  command.add_option("--name", options->names, "the model's name for clients, in place of its file's; with several models once for each, in their order")->allow_extra_args(false);
  command.add_option("--max-body", options->max_body_mib, "largest request in mebibytes")->capture_default_str();
  command.add_option("--max-tokens", options->max_tokens, "longest reply that a request may ask for")->capture_default_str();
  command.add_option("--max-connections", options->max_connections, "connections at once; each has a thread")->capture_default_str();
  command.add_option("--max-sequences", options->max_sequences, "samples of a model that are decoded together")->capture_default_str();
  command.add_option("--memory", options->memory_gib, "gibibytes for keys and values, of all models together")->capture_default_str();
  command.add_option("--threads", options->threads, "threads; 0: all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  add_dtype_option(command, options->dtype);
  command.add_option("--format", options->formats, "chat format, in place of the one that the model's template tells; as --name")->allow_extra_args(false);
  command.add_option("--device", options->device, "cpu, cuda, cuda:1")->capture_default_str();
}

}  // namespace drover::cli
