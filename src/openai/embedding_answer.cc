#include "openai/embedding_answer.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <span>
#include <utility>

#include "openai/api_error.h"

namespace drover::openai {
namespace {

constexpr std::size_t kTextsOfATurn = 64;  // other models wait meanwhile

}  // namespace

std::string base64_of(const std::vector<float>& numbers) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  for (const float number : numbers) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xFFU);
  }
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) out += i <= count ? kLetters[group >> (18 - 6 * i) & 63U] : '=';
  }
  return out;
}

std::string embedding_answer(const EmbeddingRequest& request, const model::Encoder& encoder, const std::string& name, Turns& turns) {
  std::vector<std::vector<text::TokenId>> texts;
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const auto* text = std::get_if<std::string>(&request.inputs[i]);
    auto ids = text != nullptr ? encoder.tokenizer().encode(*text, {.add_special = true}) : std::get<std::vector<text::TokenId>>(request.inputs[i]);
    if (ids.empty()) throw ApiError(400, fmt::format("input {} is empty.", i), "input");
    if (static_cast<std::int64_t>(ids.size()) > encoder.max_tokens()) {
      throw ApiError(400, fmt::format("input {} has {} tokens; the model takes {}.", i, ids.size(), encoder.max_tokens()), "input");
    }
    for (const auto id : ids) {
      if (text::to_int(id) >= encoder.tokenizer().vocab_size()) throw ApiError(400, fmt::format("input {} holds token {}, which the model lacks.", i, text::to_int(id)), "input");
    }
    tokens += static_cast<std::int64_t>(ids.size());
    texts.push_back(std::move(ids));
  }
  std::vector<std::vector<float>> vectors;
  for (std::size_t begin = 0; begin < texts.size(); begin += kTextsOfATurn) {
    const std::lock_guard turn(turns);
    auto some = encoder.embed_tokens(std::span(texts).subspan(begin, std::min(kTextsOfATurn, texts.size() - begin)));
    std::move(some.begin(), some.end(), std::back_inserter(vectors));
  }
  chat::Json data = chat::Json::array();
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    data.push_back({{"object", "embedding"}, {"index", i}, {"embedding", request.as_base64 ? chat::Json(base64_of(vectors[i])) : chat::Json(vectors[i])}});
  }
  return chat::Json{{"object", "list"}, {"data", std::move(data)}, {"model", name}, {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}}.dump();
}

}  // namespace drover::openai
