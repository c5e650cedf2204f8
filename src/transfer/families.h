// What the files of src/transfer share: one maker a family, and parsing of specs.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "transfer/transfer.h"

namespace scissionlite::transfer {

using Maker = std::unique_ptr<TransferLayer> (*)(const std::string& spec);
std::unique_ptr<TransferLayer> make_plain(const std::string& spec);
std::unique_ptr<TransferLayer> make_uint(const std::string& spec);
std::unique_ptr<TransferLayer> make_codes(const std::string& spec);
std::unique_ptr<TransferLayer> make_pool(const std::string& spec);
std::unique_ptr<TransferLayer> make_klt(const std::string& spec);

/// @throws InvalidArgument "[transfer 'klt-s0'] <what>; expected <usage>".
[[noreturn]] void bad_spec(const std::string& spec, const std::string& what);
/// Numbers by letter: "klt-s2-c64-b4" gives {s: 2, c: 64, b: 4}. @throws InvalidArgument.
[[nodiscard]] std::map<char, int64_t> spec_parameters(const std::string& spec);

/// yes for float16, float32 and float64 of rank `rank` or more and known size (the batch may be dynamic).
[[nodiscard]] Support supports_float(const ValueInfo& tensor, size_t rank);
/// Shape of the tensor with a dynamic batch; a first dimension over 1 is no batch and stays.
[[nodiscard]] Shape batched(const ValueInfo& tensor);
/// Of one image.
[[nodiscard]] int64_t elements_of_image(const ValueInfo& tensor);
/// Wire bytes of one image over the outputs of an encoder.
[[nodiscard]] int64_t wire_bytes(const std::vector<ValueInfo>& outputs);

}  // namespace scissionlite::transfer
