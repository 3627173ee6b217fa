#include "text/sentencepiece_model.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "text/protobuf_reader.h"

namespace drover::text {
namespace {

constexpr int kBpeModel = 2;  // TrainerSpec.ModelType

Piece read_piece(std::string_view message, const std::string& where) {
  Piece piece;
  ProtobufReader reader(message, where);
  while (const auto field = reader.next()) {
    switch (field->number) {
      case 1:
        piece.text = field->as_bytes(where);
        break;
      case 2:
        piece.score = field->as_float(where);
        break;
      case 3: {
        const std::int64_t kind = field->as_integer(where);
        if (kind < 1 || kind > 6) throw base::UserError("A piece in {} has the unknown type {}.", where, kind);
        piece.kind = static_cast<PieceKind>(kind);
        break;
      }
      default:
        break;
    }
  }
  if (std::isnan(piece.score))
    throw base::UserError("The score of piece \"{}\" in {} is not a number.", piece.text, where);
  return piece;
}

std::int32_t read_id(const ProtobufField& field, const std::string& where) {
  const std::int64_t id = field.as_integer(where);
  if (id < -1 || id > std::numeric_limits<std::int32_t>::max())
    throw base::UserError("{} is no token id, in {}.", id, where);
  return static_cast<std::int32_t>(id);
}

void read_trainer_spec(std::string_view message, const std::string& where, SentencePieceModel& model,
                       std::int64_t& type) {
  ProtobufReader reader(message, where);
  while (const auto field = reader.next()) {
    switch (field->number) {
      case 3:
        type = field->as_integer(where);
        break;
      case 24:
        model.whitespace_as_suffix = field->as_bool(where);
        break;
      case 35:
        model.byte_fallback = field->as_bool(where);
        break;
      case 40:
        model.unk_id = read_id(*field, where);
        break;
      case 41:
        model.bos_id = read_id(*field, where);
        break;
      case 42:
        model.eos_id = read_id(*field, where);
        break;
      default:
        break;
    }
  }
}

void read_normalizer_spec(std::string_view message, const std::string& where, SentencePieceModel& model) {
  ProtobufReader reader(message, where);
  while (const auto field = reader.next()) {
    switch (field->number) {
      case 2:
        model.charsmap = field->as_bytes(where);
        break;
      case 3:
        model.add_dummy_prefix = field->as_bool(where);
        break;
      case 4:
        model.remove_extra_whitespaces = field->as_bool(where);
        break;
      case 5:
        model.escape_whitespaces = field->as_bool(where);
        break;
      default:
        break;
    }
  }
}

}  // namespace

bool looks_like_sentencepiece(std::string_view bytes) {
  return !bytes.empty() &&
         bytes[0] == '\x0A';  // field 1 (a piece), wire type 2; a line of text never starts with a line end
}

SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& where) {
  SentencePieceModel model;
  std::int64_t type = 1;  // the format's default: unigram
  ProtobufReader reader(bytes, where);
  while (const auto field = reader.next()) {
    switch (field->number) {
      case 1:
        model.pieces.push_back(read_piece(field->as_bytes(where), where));
        break;
      case 2:
        read_trainer_spec(field->as_bytes(where), where, model, type);
        break;
      case 3:
        read_normalizer_spec(field->as_bytes(where), where, model);
        break;
      default:
        break;
    }
  }
  if (model.pieces.empty())
    throw base::UserError("{} holds no pieces. Is it a tokenizer.model of SentencePiece?", where);
  if (type != kBpeModel) {
    throw base::UserError(
        "The SentencePiece model {} is of type {}; only BPE (type {}) can be read. Does the model's folder have a "
        "tokenizer.json?",
        where, type, kBpeModel);
  }
  return model;
}

}  // namespace drover::text
