#include "server/http/message_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace scissionlite::server::http {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// @param index  of a repeated field's element; -1 for a field of one value.
Json value_of(const Message& message, const FieldDescriptor& field, int index) {
  const auto& r = *message.GetReflection();
  const bool is_one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL: return is_one ? r.GetBool(message, &field) : r.GetRepeatedBool(message, &field, index);
    case FieldDescriptor::CPPTYPE_INT32: return is_one ? r.GetInt32(message, &field) : r.GetRepeatedInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_INT64: return is_one ? r.GetInt64(message, &field) : r.GetRepeatedInt64(message, &field, index);
    case FieldDescriptor::CPPTYPE_UINT32: return is_one ? r.GetUInt32(message, &field) : r.GetRepeatedUInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_UINT64: return is_one ? r.GetUInt64(message, &field) : r.GetRepeatedUInt64(message, &field, index);
    case FieldDescriptor::CPPTYPE_FLOAT: return is_one ? r.GetFloat(message, &field) : r.GetRepeatedFloat(message, &field, index);
    case FieldDescriptor::CPPTYPE_DOUBLE: return is_one ? r.GetDouble(message, &field) : r.GetRepeatedDouble(message, &field, index);
    case FieldDescriptor::CPPTYPE_STRING: return is_one ? r.GetString(message, &field) : r.GetRepeatedString(message, &field, index);
    case FieldDescriptor::CPPTYPE_ENUM: return (is_one ? r.GetEnum(message, &field) : r.GetRepeatedEnum(message, &field, index))->name();
    case FieldDescriptor::CPPTYPE_MESSAGE: return to_json(is_one ? r.GetMessage(message, &field) : r.GetRepeatedMessage(message, &field, index));
  }
  return nullptr;
}

Json map_of(const Message& message, const FieldDescriptor& field) {
  Json out = Json::object();
  const auto& r = *message.GetReflection();
  for (int i = 0; i < r.FieldSize(message, &field); ++i) {
    const auto& entry = r.GetRepeatedMessage(message, &field, i);
    const auto& type = *entry.GetDescriptor();
    out[value_of(entry, *type.map_key(), -1).get<std::string>()] = value_of(entry, *type.map_value(), -1);
  }
  return out;
}

Json list_of(const Message& message, const FieldDescriptor& field) {
  Json out = Json::array();
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) out.push_back(value_of(message, field, i));
  return out;
}

}  // namespace

Json to_json(const Message& message) {
  Json out = Json::object();
  const auto& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    const bool may_be_absent = !field.is_repeated() && (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE || field.containing_oneof());
    if (may_be_absent && !message.GetReflection()->HasField(message, &field)) continue;
    if (field.is_map()) out[field.name()] = map_of(message, field);
    else if (field.is_repeated()) out[field.name()] = list_of(message, field);
    else out[field.name()] = value_of(message, field, -1);
  }
  return out;
}

}  // namespace scissionlite::server::http
