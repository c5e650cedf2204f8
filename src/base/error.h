// Errors of the whole library: one base type, subtypes by who can act on them.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace scissionlite {

/// What went wrong, coarse enough to map to an exit code or a gRPC status.
enum class ErrorCode { kInvalidArgument, kModel, kUnsupported, kTransport, kResource, kInternal };

/// Base of every exception that the library throws. The message says where, what was given, what was expected and
/// what to do; each layer on the way up may add what it was doing with `while_doing`.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

/// The caller gave something wrong: an option, a JSON file, an image.
struct InvalidArgument : Error {
  explicit InvalidArgument(const std::string& m) : Error(ErrorCode::kInvalidArgument, m) {}
};
/// The model file is damaged or is not what it claims to be.
struct ModelError : Error {
  explicit ModelError(const std::string& m) : Error(ErrorCode::kModel, m) {}
};
/// Valid, but beyond this version.
struct Unsupported : Error {
  explicit Unsupported(const std::string& m) : Error(ErrorCode::kUnsupported, m) {}
};
/// The network or the peer. `retryable` tells whether the same call may succeed later.
class TransportError : public Error {
 public:
  TransportError(const std::string& m, bool retryable) : Error(ErrorCode::kTransport, m), retryable_(retryable) {}
  [[nodiscard]] bool retryable() const { return retryable_; }

 private:
  bool retryable_;
};
/// Memory, disk, files, ports.
struct ResourceError : Error {
  explicit ResourceError(const std::string& m) : Error(ErrorCode::kResource, m) {}
};
/// A bug of ours.
struct InternalError : Error {
  explicit InternalError(const std::string& m)
      : Error(ErrorCode::kInternal, m + " (this is a bug in ScissionLite; please report it with the command)") {}
};
/// A tensor was read as another type than it has.
struct WrongType : InternalError {
  using InternalError::InternalError;
};

/// Runs `body`; an Error that leaves it is rethrown with the same type and "while <doing>: " before its message.
template <typename Body>
decltype(auto) while_doing(const std::string& doing, Body&& body) {
  const auto prefixed = [&](const Error& e) { return "while " + doing + ": " + e.what(); };
  try {
    return std::forward<Body>(body)();
  } catch (const InvalidArgument& e) { throw InvalidArgument(prefixed(e)); } catch (const ModelError& e) {
    throw ModelError(prefixed(e));
  } catch (const Unsupported& e) { throw Unsupported(prefixed(e)); } catch (const TransportError& e) {
    throw TransportError(prefixed(e), e.retryable());
  } catch (const ResourceError& e) { throw ResourceError(prefixed(e)); }
}

}  // namespace scissionlite
