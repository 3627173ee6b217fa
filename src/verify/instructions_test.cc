#include "verify/instructions.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "verify/checker.h"

namespace drover::verify {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

bool follows(const std::string& id, const std::string& arguments, std::string_view reply) {
  return is_followed({id, chat::Json::parse(arguments)}, reply);
}

struct Case {
  const char* id;
  const char* arguments;
  const char* reply;
  bool is_followed;
};

class InstructionCase : public ::testing::TestWithParam<Case> {};

TEST_P(InstructionCase, IsJudgedByTheRuleOfThePaper) {
  const auto& c = GetParam();
  EXPECT_EQ(follows(c.id, c.arguments, c.reply), c.is_followed) << c.id << " " << c.arguments << "\n" << c.reply;
}

INSTANTIATE_TEST_SUITE_P(
    Types, InstructionCase,
    ::testing::Values(
        Case{"keywords:existence", R"({"keywords":["sun","moon"]})", "The SUN and the moons.", true},
        Case{"keywords:existence", R"({"keywords":["sun","moon"]})", "The sun alone.", false},
        Case{"keywords:frequency", R"({"keyword":"war","frequency":2,"relation":"at least"})", "War is war.", true},
        Case{"keywords:frequency", R"({"keyword":"war","frequency":2,"relation":"less than"})", "War is war.", false},
        Case{"keywords:forbidden_words", R"({"forbidden_words":["rock"]})", "Rocks and rocky hills.", true},
        Case{"keywords:forbidden_words", R"({"forbidden_words":["rock"]})", "A Rock, at last.", false},
        Case{"keywords:letter_frequency", R"({"letter":"o","let_frequency":3,"let_relation":"at least"})", "Oh, no go", true},
        Case{"keywords:letter_frequency", R"({"letter":"O","let_frequency":3,"let_relation":"less than"})", "Oh, no go", false},
        Case{"language:response_language", R"({"language":"de"})", "Alle Menschen sind frei und gleich an Würde und Rechten geboren.", true},
        Case{"language:response_language", R"({"language":"fr"})", "Alle Menschen sind frei und gleich an Würde und Rechten geboren.", false},
        Case{"language:response_language", R"({"language":"fr"})", "12 * 12 = 144", true},
        Case{"length_constraints:number_sentences", R"({"num_sentences":2,"relation":"at least"})", "Mr. Smith came. He left.", true},
        Case{"length_constraints:number_sentences", R"({"num_sentences":2,"relation":"less than"})", "Mr. Smith came at 5 p.m. on Friday.", true},
        Case{"length_constraints:number_words", R"({"num_words":4,"relation":"at least"})", "It's three, no?", true},
        Case{"length_constraints:number_words", R"({"num_words":4,"relation":"less than"})", "well-known fact here", false},
        Case{"length_constraints:number_paragraphs", R"({"num_paragraphs":2})", "One.\n***\nTwo.", true},
        Case{"length_constraints:number_paragraphs", R"({"num_paragraphs":2})", "One.***Two.\n***", true},
        Case{"length_constraints:number_paragraphs", R"({"num_paragraphs":2})", "One.\n***\n\n***\nTwo.", false},
        Case{"length_constraints:nth_paragraph_first_word", R"({"num_paragraphs":2,"nth_paragraph":2,"first_word":"Then"})", "A.\n\n\"Then, b.", true},
        Case{"length_constraints:nth_paragraph_first_word", R"({"num_paragraphs":2,"nth_paragraph":2,"first_word":"then"})", "A.\n\nThen b.\n\nC.", false},
        Case{"detectable_content:number_placeholders", R"({"num_placeholders":2})", "Dear [name] of [town]", true},
        Case{"detectable_content:number_placeholders", R"({"num_placeholders":2})", "Dear [name\n] of [town]", false},
        Case{"detectable_content:postscript", R"({"postscript_marker":"P.S."})", "Bye.\np. s. Write.", true},
        Case{"detectable_content:postscript", R"({"postscript_marker":"P.P.S"})", "Bye.\nP.S. Write.", false},
        Case{"detectable_format:number_bullet_lists", R"({"num_bullets":3})", "List:\n* a\n- b\n  * c\n** no", true},
        Case{"detectable_format:number_bullet_lists", R"({"num_bullets":2})", "* a\n* b\n* c", false},
        Case{"detectable_format:constrained_response", "{}", "I say: My answer is maybe. Yes.", true},
        Case{"detectable_format:constrained_response", "{}", "my answer is yes.", false},
        Case{"detectable_format:number_highlighted_sections", R"({"num_highlights":2})", "*one* and *two*", true},
        Case{"detectable_format:number_highlighted_sections", R"({"num_highlights":2})", "*one* and * * and **", false},
        Case{"detectable_format:number_highlighted_sections", R"({"num_highlights":1})", "**both**", true},
        Case{"detectable_format:multiple_sections", R"({"num_sections":2,"section_spliter":"Section"})", "Section 1\na\nSection 2\nb", true},
        Case{"detectable_format:multiple_sections", R"({"num_sections":2,"section_spliter":"Section"})", "SECTION 1\na\nSection 2\nb", false},
        Case{"detectable_format:json_format", "{}", "```json\n{\"a\": [1, 2]}\n```", true},
        Case{"detectable_format:json_format", "{}", "Here: {\"a\": 1}", false},
        Case{"detectable_format:title", "{}", "<<A poem>>\nRoses", true},
        Case{"detectable_format:title", "{}", "<< >> and <a\n>", false},
        Case{"combination:two_responses", "{}", "One.\n******\nTwo.", true},
        Case{"combination:two_responses", "{}", "One.\n******\nOne.", false},
        Case{"combination:repeat_prompt", R"({"prompt_to_repeat":"Why is it so?"})", "why is it so? Because.", true},
        Case{"combination:repeat_prompt", R"({"prompt_to_repeat":"Why is it so?"})", "You ask: why is it so?", false},
        Case{"startend:end_checker", R"({"end_phrase":"That is all."})", "\"Well, that is all.\" ", true},
        Case{"startend:end_checker", R"({"end_phrase":"That is all."})", "That is all. Bye.", false},
        Case{"startend:quotation", "{}", " \"All of it.\"\n", true},
        Case{"startend:quotation", "{}", "\"", false},
        Case{"change_case:capital_word_frequency", R"({"capital_frequency":3,"capital_relation":"at least"})", "I SAW the UK, man", true},
        Case{"change_case:capital_word_frequency", R"({"capital_frequency":3,"capital_relation":"less than"})", "I SAW the UK.", false},
        Case{"change_case:english_capital", "{}", "ALL HUMAN BEINGS ARE BORN FREE AND EQUAL.", true},
        Case{"change_case:english_capital", "{}", "ALL HUMAN BEINGS are BORN FREE.", false},
        Case{"change_case:english_lowercase", "{}", "all human beings are born free and equal.", true},
        Case{"change_case:english_lowercase", "{}", "tous les êtres humains naissent libres et égaux.", false},
        Case{"punctuation:no_comma", "{}", "First this then that.", true}, Case{"punctuation:no_comma", "{}", "First, this.", false}));

TEST(Instructions, ABlankReplyFollowsNothing) {
  EXPECT_EQ(instruction_ids().size(), 25U);
  EXPECT_FALSE(follows("punctuation:no_comma", "{}", " \n"));
  EXPECT_FALSE(follows("punctuation:no_comma", "{}", ""));
}

TEST(Instructions, LooseFormsDropLinesAndAsterisks) {
  EXPECT_THAT(loose_forms("Sure:\n*b*\nBye"),
              ElementsAre("Sure:\n*b*\nBye", "*b*\nBye", "Sure:\n*b*", "*b*", "Sure:\nb\nBye", "b\nBye", "Sure:\nb", "b"));
  EXPECT_THAT(loose_forms("one"), ElementsAre("one", "", "", "", "one", "", "", ""));
}

TEST(Instructions, LooseCountsAPreambleAsNoFault) {
  const auto instructions = parse_instructions(
      R"({"instruction_id_list":["detectable_format:json_format","punctuation:no_comma"],"kwargs":[{},{"num_words":null}]})");
  const auto followed = check_instructions(instructions, "Sure, here it is:\n{\"a\": 1}");
  EXPECT_THAT(followed.strict, ElementsAre(false, false));
  EXPECT_THAT(followed.loose, ElementsAre(true, true));
  EXPECT_FALSE(followed.all_strict());
  EXPECT_TRUE(followed.all_loose());
}

TEST(Instructions, RefusesWhatNoReplyCouldBeCheckedBy) {
  const auto refusal = [](const std::string& json) -> std::string {
    try {
      parse_instructions(json);
    } catch (const base::UserError& error) {
      return error.what();
    }
    return "no refusal";
  };
  EXPECT_THAT(refusal("[]"), HasSubstr("need \"instruction_id_list\""));
  EXPECT_THAT(refusal(R"({"instruction_id_list":["punctuation:no_coma"],"kwargs":[{}]})"), HasSubstr("did you mean \"punctuation:no_comma\""));
  EXPECT_THAT(refusal(R"({"instruction_id_list":["punctuation:no_comma"],"kwargs":[]})"), HasSubstr("equally many"));
  EXPECT_THAT(refusal(R"({"instruction_id_list":["length_constraints:number_words"],"kwargs":[{"num_words":3}]})"), HasSubstr("needs \"relation\""));
  EXPECT_THAT(refusal(R"({"instruction_id_list":["length_constraints:number_words"],"kwargs":[{"num_words":-3,"relation":"at least"}]})"),
              HasSubstr("whole number"));
  EXPECT_THAT(refusal(R"({"instruction_id_list":["keywords:existence"],"kwargs":[{"keywords":["("]}]})"), HasSubstr("not valid"));
  EXPECT_THAT(refusal(R"({"instruction_id_list":["keywords:frequency"],"kwargs":[{"keyword":"a","frequency":1,"relation":"about"}]})"),
              HasSubstr("\"less than\" or \"at least\""));
}

TEST(InstructionChecker, IsRightWhenEveryInstructionIsFollowedStrictly) {
  const auto checker = make_checker("ifeval");
  const std::string expected =
      R"({"instruction_id_list":["punctuation:no_comma","detectable_format:title"],"kwargs":[{},{}]})";
  EXPECT_EQ(checker->check("<<Title>>\nno comma", expected).outcome, Outcome::kRight);
  const auto wrong = checker->check("<<Title>>\none, two", expected);
  EXPECT_EQ(wrong.outcome, Outcome::kWrong);
  EXPECT_EQ(wrong.reason, "not followed: punctuation:no_comma");
  EXPECT_EQ(wrong.answer, "1 of 2, loosely 2");
  EXPECT_EQ(checker->check(" ", expected).outcome, Outcome::kNoAnswer);
}

}  // namespace
}  // namespace drover::verify
