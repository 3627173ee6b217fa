#include "text/special_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace drover::text {
namespace {

using nlohmann::json;
using testing::ElementsAre;

TEST(SpecialFrame, ReadsATemplate) {
  const json processor = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "[CLS]"}, {"type_id", 0}}}},
        {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
        {{"SpecialToken", {{"id", "[SEP]"}, {"type_id", 0}}}}}},
      {"special_tokens",
       {{"[CLS]", {{"id", "[CLS]"}, {"ids", {101}}}}, {"[SEP]", {{"id", "[SEP]"}, {"ids", {102, 103}}}}}}};
  const SpecialFrame frame = read_special_frame(processor, "test");
  EXPECT_THAT(frame.before, ElementsAre(TokenId{101}));
  EXPECT_THAT(frame.after, ElementsAre(TokenId{102}, TokenId{103}));
}

TEST(SpecialFrame, ReadsBertAndRoberta) {
  const SpecialFrame frame =
      read_special_frame({{"type", "BertProcessing"}, {"sep", {"[SEP]", 5}}, {"cls", {"[CLS]", 4}}}, "test");
  EXPECT_THAT(frame.before, ElementsAre(TokenId{4}));
  EXPECT_THAT(frame.after, ElementsAre(TokenId{5}));
}

TEST(SpecialFrame, PutsLaterStepsOfASequenceOutside) {
  const json inner = {{"type", "BertProcessing"}, {"sep", {"b", 2}}, {"cls", {"a", 1}}};
  const json outer = {{"type", "BertProcessing"}, {"sep", {"d", 4}}, {"cls", {"c", 3}}};
  const SpecialFrame frame =
      read_special_frame({{"type", "Sequence"}, {"processors", {{{"type", "ByteLevel"}}, inner, outer}}}, "test");
  EXPECT_THAT(frame.before, ElementsAre(TokenId{3}, TokenId{1}));
  EXPECT_THAT(frame.after, ElementsAre(TokenId{2}, TokenId{4}));
}

TEST(SpecialFrame, IsEmptyForNoneAndByteLevel) {
  EXPECT_TRUE(read_special_frame(nullptr, "test").before.empty());
  EXPECT_TRUE(read_special_frame({{"type", "ByteLevel"}, {"trim_offsets", false}}, "test").after.empty());
}

TEST(SpecialFrame, RefusesWhatItDoesNotUnderstand) {
  for (const json& processor :
       std::vector<json>{3,
                         {{"type", "Other"}},
                         {{"type", "BertProcessing"}},
                         {{"type", "TemplateProcessing"}},
                         {{"type", "TemplateProcessing"}, {"single", json::array()}},
                         {{"type", "TemplateProcessing"}, {"single", {{{"SpecialToken", {{"id", "x"}}}}}}},
                         {{"type", "BertProcessing"}, {"sep", {"b", -2}}, {"cls", {"a", 1}}}}) {
    EXPECT_THROW(read_special_frame(processor, "test"), base::UserError) << processor;
  }
}

}  // namespace
}  // namespace drover::text
