// Texts that the published chat templates give, made by scripts/golden/make_chat_golden.py.
#include <gtest/gtest.h>

#include <fstream>

#include "chat/byte_tokenizer_test.h"
#include "chat/chat_format.h"
#include "chat/dialog_json.h"

namespace drover::chat {
namespace {

TEST(PublishedTemplates, GiveTheSameTextAsTheFormats) {
  std::ifstream stream(DROVER_SOURCE_FOLDER "/src/chat/testdata/template_texts.json");
  const Json cases = Json::parse(stream);
  ASSERT_GT(cases.size(), 150u);
  for (const Json& entry : cases) {
    const std::string name = entry["format"].get<std::string>();
    const std::string source = entry["template"].get<std::string>();
    SCOPED_TRACE(name + ", " + source + ", " + entry["name"].get<std::string>());
    const auto tokenizer = source.starts_with("Mixtral") ? llama2_bytes() : bytes_for(name);
    const auto format = make_chat_format(name, tokenizer);
    const bool generation_prompt = entry["generation_prompt"].get<bool>();
    std::string text = text_of(*tokenizer, format->render(dialog_from_json(entry["dialog"]), {generation_prompt}).ids);
    // The templates end the last message with a newline that no model writes and that stands between messages only.
    if (name.starts_with("chatml") && !generation_prompt) text += "\n";
    EXPECT_EQ(text, entry["expected"].get<std::string>());
  }
}

// The template inside the SmolLM2-135M-Instruct model file.
TEST(FormatOfTemplate, KnowsThePublishedTextWhateverItsWhiteSpace) {
  const std::string smollm2 =
      "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI "
      "assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "
      "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  EXPECT_EQ(format_of_template(smollm2), "chatml-smollm2");
  std::string escaped;
  for (const char c : smollm2) escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
  EXPECT_EQ(format_of_template("  " + escaped + "\r\n"), "chatml-smollm2");
}

TEST(FormatOfTemplate, RefusesATemplateThatSaysSomethingElse) {
  EXPECT_EQ(format_of_template("{% for message in messages %}{{ message['content'] }}{% endfor %}"), std::nullopt);
  EXPECT_EQ(format_of_template(""), std::nullopt);
}

}  // namespace
}  // namespace drover::chat
