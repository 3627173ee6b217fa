#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover::text {

/// What a piece of a SentencePiece vocabulary is for; the numbers are those of the file format and of GGUF's token
/// types.
enum class PieceKind : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,      ///< stands for characters that no piece covers
  kControl = 3,      ///< never produced by text: <s>, </s>
  kUserDefined = 4,  ///< always one piece where its text occurs
  kUnused = 5,       ///< takes part in merging, but is taken apart again
  kByte = 6,         ///< one byte of a character that no piece covers, spelled <0x0A>
};

struct Piece {
  std::string text;
  float score = 0;  ///< the higher, the earlier the merge that makes this piece
  PieceKind kind = PieceKind::kNormal;
};

/// The parts of a `tokenizer.model` of SentencePiece that decide ids (sentencepiece_model.proto, message ModelProto).
struct SentencePieceModel {
  std::vector<Piece> pieces;             ///< the index is the id
  bool byte_fallback = false;            ///< characters without a piece become their bytes
  bool add_dummy_prefix = true;          ///< a blank is put in front of the text
  bool remove_extra_whitespaces = true;  ///< blanks at both ends go, runs of blanks become one
  bool escape_whitespaces = true;        ///< blanks are written as U+2581
  bool whitespace_as_suffix = false;     ///< the dummy blank goes behind the text
  std::string charsmap;                  ///< compiled normalization rules (normalization_map.h); empty for none
  std::int32_t unk_id = 0;
  std::int32_t bos_id = 1;  ///< -1 for none, also below
  std::int32_t eos_id = 2;
};

/// Whether the bytes begin as a ModelProto of SentencePiece does. Other files named tokenizer.model are lines of text.
bool looks_like_sentencepiece(std::string_view bytes);

/// Reads a BPE model. Throws UserError, with `where` naming the file, when the bytes are not such a model or the model
/// is of another type (unigram, word, char).
SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& where);

}  // namespace drover::text
