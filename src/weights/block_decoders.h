#pragma once

#include <cstdint>

namespace drover::weights {

/// Decode `blocks` consecutive blocks of a GGUF format to float32; 32 (Q4_0 to Q8_0) or 256 (K formats) values a block. The order of
/// operations is that of gguf-py, so results equal its bits.
void decode_q4_0(const std::uint8_t* block, std::int64_t blocks, float* out);
void decode_q4_1(const std::uint8_t* block, std::int64_t blocks, float* out);
void decode_q5_0(const std::uint8_t* block, std::int64_t blocks, float* out);
void decode_q5_1(const std::uint8_t* block, std::int64_t blocks, float* out);
void decode_q8_0(const std::uint8_t* block, std::int64_t blocks, float* out);
void decode_q2_k(const std::uint8_t* block, std::int64_t blocks, float* out);
void decode_q3_k(const std::uint8_t* block, std::int64_t blocks, float* out);
void decode_q4_k(const std::uint8_t* block, std::int64_t blocks, float* out);
void decode_q5_k(const std::uint8_t* block, std::int64_t blocks, float* out);
void decode_q6_k(const std::uint8_t* block, std::int64_t blocks, float* out);

}  // namespace drover::weights
