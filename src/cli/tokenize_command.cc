#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json_nesting.h"
#include "cli/commands.h"
#include "cli/interruption.h"
#include "cli/json_output.h"
#include "model/model_path.h"
#include "cli/terminal.h"
#include "text/load_tokenizer.h"

namespace drover::cli {
namespace {

struct TokenizeOptions {
  std::string model;
  bool json = false;
  bool decode = false;
  bool json_input = false;
  bool parse_special = false;
};

/// Lines of standard input. Unlike base::for_each_line a "\r" before the newline stays: it is text to tokenize.
void for_each_input_line(const std::function<void(std::int64_t number, const std::string& line)>& on_line) {
  std::string line;
  for (std::int64_t number = 1; std::getline(std::cin, line); ++number) {
    on_line(number, line);
    throw_if_interrupted();
  }
}

std::string parse_json_string(std::int64_t number, const std::string& line) {
  const auto value = nlohmann::json::parse(line, nullptr, false);
  if (!value.is_string()) throw base::UserError("Standard input, line {}: not a JSON string, as --json-input says it is.", number);
  return value.get<std::string>();
}

std::vector<text::TokenId> parse_ids(std::int64_t number, const std::string& line, const text::Tokenizer& tokenizer) {
  base::require_shallow_json(line, fmt::format("Standard input, line {}:", number));
  const auto value = nlohmann::json::parse(line, nullptr, false);
  if (!value.is_array()) throw base::UserError("Standard input, line {}: not a JSON array of token ids like [1, 2, 3].", number);
  std::vector<text::TokenId> ids;
  for (const auto& element : value) {
    const bool fits = element.is_number_integer() && element >= 0 && element < tokenizer.vocab_size();
    if (!fits) {
      throw base::UserError("Standard input, line {}: {} is no token id of this model; ids are 0 to {}.", number,
                            element.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace), tokenizer.vocab_size() - 1);
    }
    ids.push_back(text::TokenId{element.get<std::int32_t>()});
  }
  return ids;
}

void print_ids(const std::vector<text::TokenId>& ids) {
  fmt::memory_buffer out;
  out.push_back('[');
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) out.push_back(','), out.push_back(' ');
    fmt::format_to(std::back_inserter(out), "{}", text::to_int(ids[i]));
  }
  out.push_back(']');
  out.push_back('\n');
  write_output({out.data(), out.size()});
}

void print_for_people(const std::vector<text::TokenId>& ids, const text::Tokenizer& tokenizer) {
  std::string out = fmt::format("{} {}\n", ids.size(), ids.size() == 1 ? "token" : "tokens");
  for (const auto id : ids) {
    const auto spelling = json_quoted(tokenizer.bytes_of(id));
    out += fmt::format("{:>8}  {}{}\n", text::to_int(id), spelling, tokenizer.is_special(id) ? "  (special)" : "");
  }
  write_output(out);
}

base::ExitStatus tokenize(const TokenizeOptions& options) {
  const auto tokenizer = text::load_tokenizer(model::model_path(options.model));
  const text::EncodeOptions encoding{.parse_special = options.parse_special};
  for_each_input_line([&](std::int64_t number, const std::string& line) {
    if (options.decode) {
      const auto text = tokenizer->decode(parse_ids(number, line, *tokenizer));
      write_output((options.json_input ? json_quoted(text) : text) + "\n");
      return;
    }
    const auto ids = tokenizer->encode(options.json_input ? parse_json_string(number, line) : line, encoding);
    if (options.json) {
      print_ids(ids);
    } else {
      print_for_people(ids, *tokenizer);
    }
  });
  return base::ExitStatus::kDone;
}

}  // namespace

void add_tokenize_command(const Commands& commands) {
  const auto options = std::make_shared<TokenizeOptions>();
  CLI::App& command = commands.add("tokenize", "Turns lines of standard input into token ids, or ids into text",
                                   "echo 'Hello world!' | drover tokenize smollm2-135m-instruct --json", options, tokenize);
  command.add_option("MODEL", options->model, "model folder, tokenizer file, .gguf file or short name")->required();
  command.add_flag("--json", options->json, "print one JSON array of ids a line; no special tokens are added");
  command.add_flag("--decode", options->decode, "the reverse: read one JSON array of ids a line and print its text");
  command.add_flag("--json-input", options->json_input, "each line of text is a JSON string (with --decode: is printed as one)");
  command.add_flag("--parse-special", options->parse_special, "text that spells a special token becomes that token");
}

}  // namespace drover::cli
