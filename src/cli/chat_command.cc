#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <utility>

#include "base/error.h"
#include "chat/dialog_json.h"
#include "cli/choose_format.h"
#include "cli/commands.h"
#include "cli/compute_type.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "model/model_path.h"
#include "cli/terminal.h"
#include "generate/local_generator.h"
#include "model/model.h"

namespace drover::cli {
namespace {

struct ChatOptions {
  std::string model;
  std::string once;
  std::string system;
  std::string format;
  std::string today;
  std::string dtype = "bf16";
  std::string device = "cpu";
  double temperature = 0.7;
  double top_p = 0.95;
  std::int64_t max_tokens = 512;
  std::uint64_t seed = 0;
};

/// A conversation with a model over the terminal.
class Conversation {
 public:
  explicit Conversation(const ChatOptions& options) : options_(options), safe_(is_terminal(stdout)) {
    const auto path = model::model_path(options.model);
    auto format = choose_format(options.format, path);
    auto model = model::Model::load(path, {.compute_type = compute_type(options.dtype), .device = options.device});
    generator_ = generate::make_local_generator(std::move(model), std::move(format));
    begin();
  }

  void begin() {
    dialog_ = {};
    dialog_.today = options_.today;
    if (!options_.system.empty()) say(chat::Sender::kSystem, options_.system);
  }

  /// Asks one question and prints the reply while it is written. SIGINT breaks the reply off.
  void ask(std::string question) {
    say(chat::Sender::kUser, std::move(question));
    generate::GenerationRequest request;
    request.dialog = dialog_;
    request.options.temperature = options_.temperature;
    request.options.top_p = options_.top_p;
    request.options.max_tokens = options_.max_tokens;
    request.options.seed = options_.seed;
    generate::GenerationCallbacks callbacks;
    callbacks.on_token = [this](const generate::TokenEvent& event) {
      write_output(safe_ ? shown(event.text) : std::string(event.text));
      std::fflush(stdout);
      return !was_interrupted();
    };
    const auto result = generator_->generate_one(request, callbacks);
    finish(result.responses.front());
  }

 private:
  void say(chat::Sender sender, std::string content) {
    chat::Message message;
    message.sender = sender;
    message.content = std::move(content);
    dialog_.messages.push_back(std::move(message));
  }

  void finish(const generate::Response& response) {
    for (const auto& message : response.reply.messages) {
      for (const auto& call : message.calls) {
        const bool is_code = call.kind == chat::ToolCall::Kind::kCode;
        const auto arguments = is_code ? json_quoted(call.code) : call.arguments.dump(-1, ' ', false, chat::Json::error_handler_t::replace);
        write_output(fmt::format("[calls {} {}]", shown(call.name), arguments));
      }
      dialog_.messages.push_back(message);
      // In the history even a reply that was cut needs a terminator, or the next question would stand inside it.
      if (message.ending == chat::Ending::kCut) dialog_.messages.back().ending = chat::Ending::kTurn;
    }
    write_output("\n");
    std::fflush(stdout);
    if (response.finish == generate::Finish::kLength) fmt::print(stderr, "[cut after {} tokens]\n", response.ids.size());
  }

  const ChatOptions& options_;
  bool safe_;  // what the model writes must not steer a terminal
  std::unique_ptr<generate::Generator> generator_;
  chat::Dialog dialog_;
};

void talk(Conversation& conversation) {
  const bool people = is_terminal(stdin) && is_terminal(stdout);
  if (people) fmt::print("Ask something. /new begins a new conversation, /quit ends; Ctrl-C breaks a reply off.\n");
  std::string line;
  while (true) {
    if (people) fmt::print("> ");
    std::fflush(stdout);
    if (!std::getline(std::cin, line)) break;
    if (line == "/quit" || line == "/exit") return;
    if (line == "/new") {
      conversation.begin();
    } else if (!line.empty()) {
      conversation.ask(line);
      if (people && was_interrupted()) forget_interruption();
      throw_if_interrupted();
    }
  }
  if (people) fmt::print("\n");
}

base::ExitStatus chat_with_model(const ChatOptions& options) {
  Conversation conversation(options);
  if (options.once.empty()) {
    talk(conversation);
  } else {
    conversation.ask(options.once);
  }
  return base::ExitStatus::kDone;
}

}  // namespace

void add_chat_command(const Commands& commands) {
  const auto options = std::make_shared<ChatOptions>();
  CLI::App& command = commands.add("chat", "Talks with a model", "drover chat smollm2-135m-instruct --once 'What is the capital of France?'",
                                   options, chat_with_model);
  command.add_option("MODEL", options->model, "model folder, .gguf file or short name")->required();
  command.add_option("--once", options->once, "ask this one question and end");
  command.add_option("--system", options->system, "system message");
  command.add_option("--temperature", options->temperature, "0 takes the most probable token")->capture_default_str();
  command.add_option("--top-p", options->top_p, "samples from the fewest tokens that reach this probability")->capture_default_str();
  command.add_option("--max-tokens", options->max_tokens, "longest reply")->capture_default_str();
  command.add_option("--seed", options->seed, "another seed, another reply")->capture_default_str();
  command.add_option("--format", options->format, "chat format, in place of the one that the model's template tells");
  command.add_option("--today", options->today, "date for formats that show one, as '26 Jul 2024'");
  add_dtype_option(command, options->dtype);
  command.add_option("--device", options->device, "cpu, cuda, cuda:1")->capture_default_str();
}

}  // namespace drover::cli
