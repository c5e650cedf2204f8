// Elements of an input's data in JSON, one after the other, as the bytes of its datatype.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "base/tensor.h"

namespace scissionlite::server::http {

class Elements {
 public:
  /// @param raw  gets the bytes; outlives this object. @param datatype  as the request names it. @param input  its index, for messages.
  Elements(std::string& raw, std::string datatype, size_t input);

  [[nodiscard]] Dtype dtype() const { return dtype_; }
  /// @throws InvalidArgument for what the datatype cannot hold, naming it.
  void add(const Json& value);
  /// So far.
  [[nodiscard]] size_t count() const { return count_; }

 private:
  [[noreturn]] void refuse(const Json& value, const std::string& expected) const;
  void append(const Json& value);
  void append_flag(const Json& value);
  template <typename T>
  void append_integer(const Json& value);
  template <typename T>
  void append_number(const Json& value);
  void append_text(const Json& value);

  std::string& raw_;
  std::string datatype_;
  Dtype dtype_;
  size_t input_, count_ = 0;
};

/// Whether there is a form in JSON for elements of that type.
[[nodiscard]] bool has_json_form(Dtype dtype);

}  // namespace scissionlite::server::http
