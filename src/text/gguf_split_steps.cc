#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "text/known_patterns.h"
#include "text/split_step.h"

// The facts of this file are those of llama.cpp's src/llama-vocab.cpp (which names a `pre` writes, which patterns each
// one has).
namespace drover::text {
namespace {

constexpr const char* kNumber = R"(\p{N})";
constexpr const char* kUpToThreeNumbers = R"(\p{N}{1,3})";
constexpr const char* kNewlines = R"([\r\n])";
constexpr const char* kCjk = "[一-龥ࠀ-一가-퟿]+";
constexpr const char* kHanAndKana = "[一-龥぀-ゟ゠-ヿ]+";
constexpr const char* kDeepSeekWords =
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-"
    "ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-"
    "ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+";
constexpr const char* kDeepSeekPunctuation = "\\s?[!-/:-~！-／：-～‘-‟　-。]+";
constexpr const char* kDeepSeek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kGpt4oWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekkenWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kBloomWords = " ?[^(\\s|.,!?…。，、।۔،)]+";
constexpr const char* kDefaultPunctuation = R"([\p{P}\$\+<=>\^~\|]+)";
constexpr const char* kFalconPunctuation = R"([\p{P}\$\+<=>\^~\|`]+)";
constexpr const char* kThreeDigits = "[0-9][0-9][0-9]";

struct Family {
  std::vector<std::string_view> names;
  std::vector<std::string_view> patterns;  // each isolates its matches within the pieces that the one before left
};

const std::vector<Family>& families() {
  using namespace known_pattern;
  static const std::vector<Family> all = {
      {{"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano",
        "dbrx", "smaug-bpe", "chatglm-bpe", "glm4", "glm5"},
       {kLlama3}},
      {{"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2"},
       {kQwen2}},
      {{"qwen35"}, {kQwen35}},
      {{"gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
        "modern-bert", "jina-v1-en", "jina-v2-code", "roberta-bpe", "mpt", "olmo", "jais", "exaone4", "trillion",
        "granite-docling"},
       {kGpt2}},
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"},
       {kNumber, kGpt2}},
      {{"deepseek-llm"}, {kNewlines, kDeepSeekWords, kDeepSeekPunctuation, R"(\s+$)", kCjk, R"(\p{N}+)"}},
      {{"deepseek-coder"}, {kNewlines, R"(\s?\p{L}+)", R"(\s?\p{P}+)", kCjk, kNumber}},
      {{"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"}, {kUpToThreeNumbers, kHanAndKana, kDeepSeek3}},
      {{"falcon"}, {kFalconPunctuation, kGpt2, kThreeDigits}},
      {{"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, {kGpt4oWords}},
      {{"tekken"}, {kTekkenWords}},
      {{"bloom", "poro-chat", "gpt3-finnish"}, {kBloomWords}},
      {{"viking"}, {kBloomWords, kNumber}},
      {{"default", ""}, {kDefaultPunctuation, kGpt2, R"(\p{N}+)", kThreeDigits}},
  };
  return all;
}

}  // namespace

std::vector<SplitStep> split_steps_of_gguf(std::string_view pre, std::string_view where) {
  for (const Family& family : families()) {
    if (std::find(family.names.begin(), family.names.end(), pre) == family.names.end()) continue;
    std::vector<SplitStep> steps;
    for (const std::string_view pattern : family.patterns) steps.push_back({.pattern = std::string(pattern)});
    return steps;
  }
  throw base::UserError(
      "{}: tokenizer.ggml.pre is '{}', a pre-tokenizer that drover does not know. Use the model's tokenizer.json "
      "instead.",
      where, pre);
}

}  // namespace drover::text
