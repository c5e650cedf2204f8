#include "server/call/refusal.h"

#include <new>

#include "base/error.h"

namespace scissionlite::server {
namespace {

Code code_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnsupported: return Code::kInvalidArgument;
    case ErrorCode::kTransport: return Code::kUnavailable;
    case ErrorCode::kResource: return Code::kResourceExhausted;
    case ErrorCode::kModel:
    case ErrorCode::kInternal: break;
  }
  return Code::kInternal;
}

}  // namespace

const char* code_name(Code code) {
  switch (code) {
    case Code::kOk: return "ok";
    case Code::kCancelled: return "cancelled";
    case Code::kInvalidArgument: return "invalid_argument";
    case Code::kDeadlineExceeded: return "deadline_exceeded";
    case Code::kNotFound: return "not_found";
    case Code::kPermissionDenied: return "permission_denied";
    case Code::kResourceExhausted: return "resource_exhausted";
    case Code::kFailedPrecondition: return "failed_precondition";
    case Code::kInternal: return "internal";
    case Code::kUnavailable: return "unavailable";
    case Code::kUnauthenticated: return "unauthenticated";
  }
  return "other";
}

Refusal current_refusal() {
  try {
    throw;
  } catch (const Refusal& refusal) { return refusal; } catch (const Error& error) {
    return {code_of(error), error.what()};
  } catch (const std::bad_alloc&) {
    return {Code::kResourceExhausted, "the server is out of memory for this request; send a smaller batch"};
  } catch (const std::exception& error) { return {Code::kInternal, error.what()}; } catch (...) {
    return {Code::kInternal, "unknown exception"};
  }
}

}  // namespace scissionlite::server
