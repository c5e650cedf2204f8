// ONNX TensorProto <-> Tensor. Private to onnx/: protobuf types are visible here.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/tensor.h"
#include "onnx/narrow_types.h"
#include "scissionlite_onnx.pb.h"

namespace scissionlite {

namespace pb = ::scissionlite::onnx;

/// Reads tensors, with those whose data lies in files beside the model.
class TensorReader {
 public:
  /// @param folder  where external files may lie; nothing outside it is read.
  TensorReader(fs::path folder, std::string where) : folder_(std::move(folder)), where_(std::move(where)) {}
  /// Large data is taken out of `proto` instead of being copied; integers of 4 and 2 bits become bytes.
  /// @throws ModelError naming the tensor, what it holds and what it should.
  [[nodiscard]] Tensor read(pb::TensorProto& proto);

 private:
  [[nodiscard]] Tensor read_external(const pb::TensorProto& proto, Dtype dtype, const Shape& shape);
  [[nodiscard]] Tensor read_narrow(const pb::TensorProto& proto, const NarrowType& type, const Shape& shape);
  [[noreturn]] void fail(const pb::TensorProto& proto, const std::string& message) const;
  const std::string& external_bytes(const pb::TensorProto& proto, const std::string& location);
  fs::path folder_;
  std::string where_;
  std::map<std::string, std::shared_ptr<const std::string>> files_;
};

void write_tensor(const std::string& name, const Tensor& tensor, pb::TensorProto& proto);

/// What messages about a tensor of a model begin with. @param where  the model's file.
[[nodiscard]] std::string said_of(const std::string& where, const std::string& tensor);

/// Location and range of an external tensor.
struct ExternalRange {
  std::string location;
  int64_t offset = 0, length = -1;  // -1: as the shape says
};
[[nodiscard]] ExternalRange external_range(const pb::TensorProto& proto);

}  // namespace scissionlite
