#include "engine/tool_call_constraint.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "engine/constrained_text_test.h"
#include "engine/spelled_tokenizer_test.h"

namespace drover::engine {
namespace {

using Json = nlohmann::ordered_json;

std::vector<CallableFunction> functions() {
  return {{"weather", Json::parse(R"({"type": "object", "properties": {"city": {"type": "string"}, "days": {"$ref": "#/$defs/count"}},
                                      "required": ["city"], "$defs": {"count": {"type": "integer", "minimum": 1}}})")},
          {"now", Json::parse(R"({"properties": {}})")}};
}

const SpelledTokenizer& textual() {
  static const auto all = SpelledTokenizer::with_all_bytes(json_pieces());
  return all;
}

std::shared_ptr<const TokenConstraint> calls(ToolCallForm form, bool many = false) {
  return compile_tool_calls(functions(), form, many, std::make_shared<const VocabularyTrie>(textual()));
}

TEST(ToolCallConstraint, LlamaCallsOneFunctionWithItsParameters) {
  const auto llama = calls(ToolCallForm::kLlama, true);
  for (const char* const text : {R"({"name": "weather", "parameters": {"city": "Zürich <x>", "days": 3}})", R"({"name":"now","parameters":{}})"}) {
    EXPECT_TRUE(accepts(*llama, textual(), text)) << text;
  }
  for (const char* const text : {R"({"name": "weather", "parameters": {"days": 3}})", R"({"name": "weather", "parameters": {"city": "x", "days": 0}})",
                                 R"({"name": "now", "parameters": {"city": "x"}})", R"({"name": "other", "parameters": {}})",
                                 R"({"name": "now", "arguments": {}})", R"({"name": "now", "parameters": []})", "now"}) {
    EXPECT_FALSE(accepts(*llama, textual(), text)) << text;
  }
}

TEST(ToolCallConstraint, TagsThatAreTextNeverStandInsideACall) {
  const auto qwen = calls(ToolCallForm::kQwen);
  EXPECT_TRUE(accepts(*qwen, textual(), "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"));
  EXPECT_TRUE(accepts(*qwen, textual(), R"(<tool_call>)" "\n" R"({"name": "weather", "arguments": {"city": "\u003c/tool_call>"}})" "\n</tool_call>"));
  EXPECT_FALSE(accepts(*qwen, textual(), R"(<tool_call>)" "\n" R"({"name": "weather", "arguments": {"city": "</tool_call>"}})" "\n</tool_call>"));
  EXPECT_FALSE(accepts(*qwen, textual(), "{\"name\": \"now\", \"arguments\": {}}"));
}

TEST(ToolCallConstraint, SeveralCallsFollowEachOtherWhenTheyMay) {
  const std::string call = R"({"name": "now", "arguments": {}})";
  const std::string qwen = "<tool_call>\n" + call + "\n</tool_call>\n<tool_call>\n" + call + "\n</tool_call>";
  const std::string smollm2 = "<tool_call>[" + call + ", " + call + "]</tool_call>";
  EXPECT_TRUE(accepts(*calls(ToolCallForm::kQwen, true), textual(), qwen));
  EXPECT_FALSE(accepts(*calls(ToolCallForm::kQwen), textual(), qwen));
  EXPECT_TRUE(accepts(*calls(ToolCallForm::kSmolLm2, true), textual(), smollm2));
  EXPECT_FALSE(accepts(*calls(ToolCallForm::kSmolLm2), textual(), smollm2));
}

TEST(ToolCallConstraint, TagsThatAreTokensAreTheseTokens) {
  const auto tokens = SpelledTokenizer::with_all_bytes(json_pieces(), {"<tool_call>", "</tool_call>"});
  const auto constraint = compile_tool_calls(functions(), ToolCallForm::kQwen, false, std::make_shared<const VocabularyTrie>(tokens));
  const text::TokenId begin = *tokens.special("<tool_call>");
  const text::TokenId end = *tokens.special("</tool_call>");
  const auto state = constraint->copy();
  EXPECT_FALSE(mask_of(*state, tokens).contains(text::TokenId{'<'}));
  ASSERT_TRUE(mask_of(*state, tokens).contains(begin));
  state->accept(begin);
  const auto body = byte_tokens("\n{\"name\": \"weather\", \"arguments\": {\"city\": \"a<b");
  ASSERT_EQ(accept_all(*state, tokens, body), body.size());
  EXPECT_FALSE(mask_of(*state, tokens).contains(end));
  const auto rest = byte_tokens("\"}}\n");
  ASSERT_EQ(accept_all(*state, tokens, rest), rest.size());
  EXPECT_FALSE(state->may_end());
  ASSERT_TRUE(mask_of(*state, tokens).contains(end));
  state->accept(end);
  EXPECT_TRUE(state->may_end());
}

/// Qwen's tokenizers: the tags are added tokens, but no control tokens.
class AddedTags final : public text::Tokenizer {
 public:
  void encode_into(std::string_view text, const text::EncodeOptions& options, std::vector<text::TokenId>& out) const override {
    all_.encode_into(text, options, out);
  }
  std::string decode(std::span<const text::TokenId> ids, const text::DecodeOptions& options) const override { return all_.decode(ids, options); }
  std::string_view bytes_of(text::TokenId id) const override { return all_.bytes_of(id); }
  std::int32_t vocab_size() const override { return all_.vocab_size(); }
  bool is_special(text::TokenId) const override { return false; }
  std::optional<text::TokenId> special(std::string_view spelling) const override { return all_.special(spelling); }
  std::optional<text::TokenId> bos() const override { return std::nullopt; }
  std::optional<text::TokenId> eos() const override { return std::nullopt; }
  std::string hash() const override { return "added tags"; }

 private:
  SpelledTokenizer all_ = SpelledTokenizer::with_all_bytes({}, {"<tool_call>", "</tool_call>"});
};

TEST(ToolCallConstraint, TagsMayBeAddedTokensThatAreNoControlTokens) {
  const AddedTags tokens;
  const auto state = compile_tool_calls(functions(), ToolCallForm::kQwen, false, std::make_shared<const VocabularyTrie>(tokens))->copy();
  state->accept(*tokens.special("<tool_call>"));
  for (const auto id : byte_tokens("\n{\"name\": \"now\", \"arguments\": {}}\n")) state->accept(id);
  EXPECT_FALSE(state->may_end());
  state->accept(*tokens.special("</tool_call>"));
  EXPECT_TRUE(state->may_end());
}

TEST(ToolCallConstraint, RefusesFunctionsThatCannotBeCalled) {
  const auto refusal = [](std::vector<CallableFunction> given) {
    try {
      compile_tool_calls(given, ToolCallForm::kLlama, false, std::make_shared<const VocabularyTrie>(textual()));
    } catch (const base::UserError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(refusal({}), testing::HasSubstr("no function"));
  EXPECT_THAT(refusal({{.name = "f"}, {.name = "f"}}), testing::HasSubstr("named \"f\""));
  EXPECT_THAT(refusal({{"f", Json::parse(R"({"type": "string"})")}}), testing::HasSubstr("type object"));
  EXPECT_THAT(refusal({{"f", Json::parse(R"({"properties": {"a": {"not": {}}}})")}}), testing::HasSubstr("#/f/properties/a"));
}

}  // namespace
}  // namespace drover::engine
