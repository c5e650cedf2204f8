// Protocol: the Open Inference Protocol v2 over gRPC: messages (*.proto), a client (this file), tensor <-> message.
//
// Relies on base. gRPC and protobuf types stay in .cc files and *_internal.h. Start with Client.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"
#include "protocol/tls.h"

namespace scissionlite::protocol {

using Parameter = std::variant<bool, int64_t, std::string, double>;
using Parameters = std::map<std::string, Parameter>;
/// A number, whole or not; `fallback` where there is none of that name.
[[nodiscard]] double number_or(const Parameters& parameters, const std::string& key, double fallback);

/// A tensor on the wire. Either `tensor`, or datatype BYTES with one element in `blob` (shape as given, e.g. {1}); in
/// results BYTES may have several elements or none, all in `strings`.
struct WireTensor {
  std::string name;
  Tensor tensor;
  std::optional<std::string> blob;
  Shape blob_shape{1};
  std::vector<std::string> strings = {};
  Parameters parameters;

  [[nodiscard]] bool is_bytes() const { return tensor.empty(); }
};
struct InferRequest {
  std::string model, version, id;
  Parameters parameters;
  std::vector<WireTensor> inputs;
  std::vector<std::string> outputs;                                // empty: all
  int64_t classes = 0;                                             // of each of `outputs` only the best so many classes, as BYTES; 0: whole tensors
  std::vector<std::pair<std::string, std::string>> metadata = {};  // of the call; keys in lower case, values in printable ASCII
};
struct InferResult {
  std::string model, version, id;
  Parameters parameters;  // our server adds *_us timings: queue_us, decode_us, compute_us
  std::vector<WireTensor> outputs;
  double total_us = 0;                            // call, as the client saw it
  double serialize_us = 0;                        // building the request message
  int64_t request_bytes = 0, response_bytes = 0;  // serialised messages
  uint64_t connection = 0;                        // that it was asked on, as of Client::connection_number
};
struct TensorSpec {
  std::string name, datatype;  // "FP32"
  Shape shape;
};
struct ModelMetadata {
  std::string name, platform;
  std::vector<std::string> versions;
  std::vector<TensorSpec> inputs, outputs;
  std::map<std::string, std::string> properties;
};
struct ServerMetadata {
  std::string name, version;
  std::vector<std::string> extensions;
};
struct ClientOptions {
  double connect_timeout_us = 5e6;
  double default_deadline_us = 30e6;
  int64_t max_message_bytes = 1 << 30;
  Security security;
};

/// The server has no room for this caller now (its quota, or a full queue) and says when to come back.
class Busy : public TransportError {
 public:
  Busy(const std::string& m, double retry_after_us) : TransportError(m, /*retryable=*/true), retry_after_us_(retry_after_us) {}
  [[nodiscard]] double retry_after_us() const { return retry_after_us_; }

 private:
  double retry_after_us_;
};

/// Told once that a call has ended. `take` gives its result or throws what `infer` would have; it takes the time of reading the message, and may be
/// called later, on another thread.
using Answered = std::function<void(std::function<InferResult()> take)>;

/// One channel to one server, made anew when a call of a few bytes gets no answer over a connection that seems to be there. Safe to call from several
/// threads at once. Every call throws TransportError (retryable for UNAVAILABLE and DEADLINE_EXCEEDED; the message holds address, code and the
/// server's text); INVALID_ARGUMENT, NOT_FOUND and FAILED_PRECONDITION throw InvalidArgument with the server's text. With a hint when to come back it
/// is Busy.
class Client {
 public:
  /// @throws InvalidArgument: plain text to another machine without leave, or files of TLS that do not fit; ResourceError: they cannot be read.
  explicit Client(std::string address, ClientOptions options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  [[nodiscard]] const std::string& address() const;
  /// Waits for the connection, trying again while it is refused; certificates that were replaced meanwhile are read again.
  /// @throws TransportError after connect_timeout_us, with what is wrong with a certificate where that is why.
  void connect();
  /// Changes when the connection was lost, or left because it is silent: equal numbers before and after a call that succeeded mean that no other
  /// server can have come into its place. Read it after `connect` or a call.
  [[nodiscard]] uint64_t connection_number();
  [[nodiscard]] bool server_live();
  /// A call without effect that carries `padding_bytes` more than it has to: its time shows what the link carries. Servers skip fields that they do
  /// not know. @throws TransportError.
  void ping(size_t padding_bytes, double deadline_us);
  [[nodiscard]] bool model_ready(const std::string& model);
  [[nodiscard]] ServerMetadata server_metadata();
  [[nodiscard]] ModelMetadata model_metadata(const std::string& model);
  /// "parameters" of the model's config, by key (string_value). @param sha256  the one that is meant, where the server holds replaced ones too; "" =
  /// the newest.
  [[nodiscard]] std::map<std::string, std::string> model_config_parameters(const std::string& model, const std::string& sha256 = "");
  /// @param deadline_us  0 = the default.
  [[nodiscard]] InferResult infer(const InferRequest& request, double deadline_us = 0);
  /// Sends, and returns: no thread waits. `done` is called on a thread of gRPC, which it must not hold up; also after the client's end.
  /// @throws InvalidArgument for a request that cannot be sent; then `done` is not called.
  void infer_async(const InferRequest& request, double deadline_us, Answered done);

 private:
  struct Impl;
  struct Asked;
  std::shared_ptr<Impl> impl_;  // a call in flight holds it too
};

}  // namespace scissionlite::protocol
