#include "protocol/client.h"
#include "base/address.h"
#include "protocol/classification.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <chrono>
#include <climits>

#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"
#include "inference.grpc.pb.h"
#include "protocol/channel_internal.h"
#include "protocol/status_internal.h"
#include "protocol/tls_internal.h"
#include "protocol/versions.h"
#include "protocol/wire_internal.h"

namespace scissionlite::protocol {

double number_or(const Parameters& parameters, const std::string& key, double fallback) {
  const auto found = parameters.find(key);
  if (found == parameters.end()) return fallback;
  if (const auto* whole = std::get_if<int64_t>(&found->second)) return static_cast<double>(*whole);
  const auto* number = std::get_if<double>(&found->second);
  return number ? *number : fallback;
}

namespace {

constexpr const char* kInferMethod = "/inference.GRPCInferenceService/ModelInfer";

std::shared_ptr<grpc::Channel> make_channel(const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  (void)parse_address(address, "the server's address");  // gRPC takes port 87537 for 22001
  grpc::ChannelArguments arguments;                      // gRPC sets TCP_NODELAY on every socket itself
  arguments.SetMaxReceiveMessageSize(INT32_MAX);
  arguments.SetMaxSendMessageSize(INT32_MAX);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                   INT_MAX);                        // a stock server answers pings with GOAWAY; deadlines find dead links, see ReplaceableChannel
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);     // the caller decides: it may have a better answer at home
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // the edge is near; a proxy between would be measured as the link
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // one client, one connection
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);  // also the time that one attempt to connect gets
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

std::chrono::system_clock::time_point deadline_in(double duration_us) {
  constexpr double kYearUs = 3.15e13;
  return std::chrono::system_clock::now() + std::chrono::microseconds(static_cast<int64_t>(std::min(duration_us, kYearUs)));
}

/// What gRPC sends, before the tensors' bytes.
inference::ModelInferRequest head_of(const InferRequest& request) {
  inference::ModelInferRequest head;
  head.set_model_name(request.model);
  head.set_model_version(request.version);
  head.set_id(request.id);
  for (const auto& [key, value] : request.parameters) (*head.mutable_parameters())[key] = to_message(value);
  for (const auto& input : request.inputs) {
    if (input.tensor.empty() && !input.blob) throw InvalidArgument("[protocol] input '" + input.name + "' has neither a tensor nor bytes");
    auto* out = head.add_inputs();
    out->set_name(input.name);
    out->set_datatype(input.blob ? "BYTES" : std::string(dtype_oip_name(input.tensor.dtype())));
    for (const int64_t size : input.blob ? input.blob_shape : input.tensor.shape()) out->add_shape(size);
    for (const auto& [key, value] : input.parameters) (*out->mutable_parameters())[key] = to_message(value);
  }
  for (const auto& output : request.outputs) {
    auto* out = head.add_outputs();
    out->set_name(output);
    if (request.classes > 0) (*out->mutable_parameters())[kClassificationExtension].set_int64_param(request.classes);
  }
  return head;
}

grpc::ByteBuffer serialise(const InferRequest& request) {
  std::vector<RawPart> parts;
  for (const auto& input : request.inputs) {
    auto& part = parts.emplace_back();
    if (input.blob) part.blob = *input.blob;
    else part.tensor = input.tensor;
  }
  return assemble(head_of(request), kRawInputField, parts);
}

/// The end that TLS needs; nullptr for plain text.
std::shared_ptr<TlsEnd> secured(const std::string& address, const Security& security) {
  check_plain_text(security.tls, security.allows_plain_text, address, "[protocol] the edge at '" + address + "' is on another machine");
  return make_tls_end(security.tls, Side::kClient);
}

/// When to come back, as the server says; 0 when it does not.
double retry_after_us(const grpc::ClientContext& context) {
  constexpr size_t kLongest = 9;  // digits of milliseconds
  double out_us = 0;
  for (const char* key : {kRetryAfterKey, kPushbackKey}) {
    const auto found = context.GetServerTrailingMetadata().find(key);
    if (found == context.GetServerTrailingMetadata().end() || found->second.size() > kLongest) continue;
    const std::string text(found->second.data(), found->second.size());
    if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos) out_us = std::max(out_us, std::stod(text) * 1e3);
  }
  return out_us;
}

struct CallOptions {
  double deadline_us = 0;  // 0: the default
  bool is_small = true;    // so that a link that carries anything carries it in time
  std::map<std::string, std::string> metadata = {};
};

}  // namespace

struct Client::Impl {
  Impl(std::string address_given, ClientOptions options_given)
      : address(std::move(address_given)),
        options(std::move(options_given)),
        tls(secured(address, options.security)),
        line(address, [this] { return make_channel(address, client_credentials(tls, address)); }) {}

  void check(const grpc::Status& status, const grpc::ClientContext& context, const std::string& doing, double deadline_us) {
    if (status.ok()) return;
    if (const double us = retry_after_us(context); us > 0) throw_busy(status, doing, address, us);
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) line.count_loss();
    throw_status(status, doing, address, deadline_us);
  }
  template <typename Method, typename Request, typename Response>
  void call(Method method, const std::string& doing, const Request& request, Response& response, const CallOptions& how = {}) {
    const double deadline_us = how.deadline_us > 0 ? how.deadline_us : options.default_deadline_us;
    const auto channel = line.now().channel;
    grpc::ClientContext context;
    context.AddMetadata(kVersionsKey, to_text(kVersions));
    for (const auto& [key, value] : how.metadata) context.AddMetadata(key, value);
    context.set_deadline(deadline_in(deadline_us));
    const auto status = (inference::GRPCInferenceService::NewStub(channel).get()->*method)(&context, request, &response);
    if (how.is_small) line.judge(channel, status);
    check(status, context, doing, deadline_us);
  }
  static grpc::Status call_raw(const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext& context, const grpc::ByteBuffer& request,
                               grpc::ByteBuffer& response) {
    grpc::CompletionQueue queue;
    grpc::Status status;
    const auto reader = grpc::GenericStub(channel).PrepareUnaryCall(&context, kInferMethod, request, &queue);
    reader->StartCall();
    reader->Finish(&response, &status, &queue);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    queue.Shutdown();
    while (queue.Next(&tag, &ok)) {}
    return status;
  }

  std::string address;
  ClientOptions options;
  std::shared_ptr<TlsEnd> tls;
  ReplaceableChannel line;
};

Client::Client(std::string address, ClientOptions options) : impl_(std::make_shared<Impl>(std::move(address), std::move(options))) {}
Client::~Client() = default;
const std::string& Client::address() const { return impl_->address; }

void Client::connect() {
  if (impl_->tls) {
    (void)impl_->tls->reload(/*is_asked_for=*/false);
    // It would be refused at the other end, without a word why: so it is not tried.
    if (const auto own = impl_->tls->own_objection(); !own.empty())
      throw TransportError("[protocol] no connection to " + impl_->address + ": " + own, /*retryable=*/true);
  }
  if (wait_for_connection(*impl_->line.now().channel, impl_->options.connect_timeout_us)) return;
  throw TransportError("[protocol] no connection to " + impl_->address + " within " + format_us(impl_->options.connect_timeout_us) + "; " +
                           why_not_connected(impl_->line.now().channel, impl_->tls.get(), "a server"),
                       /*retryable=*/true);
}

uint64_t Client::connection_number() { return impl_->line.now().losses; }

bool Client::server_live() {
  inference::ServerLiveResponse response;
  impl_->call(&inference::GRPCInferenceService::Stub::ServerLive, "asking whether it lives", inference::ServerLiveRequest(), response);
  return response.live();
}

void Client::ping(size_t padding_bytes, double deadline_us) {
  constexpr int kPaddingField = 1000;
  inference::ServerLiveRequest request;
  if (padding_bytes > 0) {
    std::string padding(padding_bytes, '\0');
    Rng rng(padding_bytes);
    for (auto& byte : padding) byte = static_cast<char>(rng.next());  // nothing on the way can make it smaller
    request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(kPaddingField, padding);
  }
  inference::ServerLiveResponse response;
  impl_->call(&inference::GRPCInferenceService::Stub::ServerLive, "asking whether it lives", request, response,
              {.deadline_us = deadline_us, .is_small = padding_bytes == 0});
}

bool Client::model_ready(const std::string& model) {
  inference::ModelReadyRequest request;
  inference::ModelReadyResponse response;
  request.set_name(model);
  impl_->call(&inference::GRPCInferenceService::Stub::ModelReady, "asking for model '" + model + "'", request, response);
  return response.ready();
}

ServerMetadata Client::server_metadata() {
  inference::ServerMetadataResponse response;
  impl_->call(&inference::GRPCInferenceService::Stub::ServerMetadata, "reading its metadata", inference::ServerMetadataRequest(), response);
  return {response.name(), response.version(), {response.extensions().begin(), response.extensions().end()}};
}

ModelMetadata Client::model_metadata(const std::string& model) {
  inference::ModelMetadataRequest request;
  inference::ModelMetadataResponse response;
  request.set_name(model);
  impl_->call(&inference::GRPCInferenceService::Stub::ModelMetadata, "reading the metadata of model '" + model + "'", request, response);
  ModelMetadata out{.name = response.name(), .platform = response.platform(), .versions = {}, .inputs = {}, .outputs = {}, .properties = {}};
  out.versions.assign(response.versions().begin(), response.versions().end());
  const auto spec_of = [](const auto& tensor) {
    return TensorSpec{tensor.name(), tensor.datatype(), {tensor.shape().begin(), tensor.shape().end()}};
  };
  for (const auto& input : response.inputs()) out.inputs.push_back(spec_of(input));
  for (const auto& output : response.outputs()) out.outputs.push_back(spec_of(output));
  out.properties.insert(response.properties().begin(), response.properties().end());
  return out;
}

std::map<std::string, std::string> Client::model_config_parameters(const std::string& model, const std::string& sha256) {
  inference::ModelConfigRequest request;
  inference::ModelConfigResponse response;
  request.set_name(model);
  impl_->call(&inference::GRPCInferenceService::Stub::ModelConfig, "reading the config of model '" + model + "'", request, response,
              {.metadata = sha256.empty() ? std::map<std::string, std::string>() : std::map<std::string, std::string>{{kModelHashKey, sha256}}});
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : response.config().parameters()) out[key] = value.string_value();
  return out;
}

/// An inference between its request and its result.
struct Client::Asked {
  Asked(std::shared_ptr<Impl> impl_given, const InferRequest& request, double deadline_us_given)
      : impl(std::move(impl_given)),
        start_us(Clock::steady().now_us()),
        deadline_us(deadline_us_given > 0 ? deadline_us_given : impl->options.default_deadline_us),
        message(serialise(request)) {
    serialised_us = Clock::steady().now_us();
    const auto limit = std::min<int64_t>(impl->options.max_message_bytes, INT32_MAX);
    if (static_cast<int64_t>(message.Length()) > limit)
      throw InvalidArgument("[protocol] the request has " + std::to_string(message.Length()) + " bytes, the limit is " + std::to_string(limit));
    doing = "inferring with '" + request.model + "' (" + format_bytes(static_cast<double>(message.Length())) + " sent)";
    context.AddMetadata(kVersionsKey, to_text(kVersions));
    for (const auto& [key, value] : request.metadata) context.AddMetadata(key, value);
    context.set_deadline(deadline_in(deadline_us));
    auto now = impl->line.now();
    channel = std::move(now.channel), connection = now.losses;
  }

  InferResult take() {
    impl->check(status, context, doing, deadline_us);
    const auto answer_bytes = static_cast<int64_t>(answer.Length());
    auto response = std::make_shared<inference::ModelInferResponse>();
    const auto parsed = grpc::SerializationTraits<inference::ModelInferResponse>::Deserialize(&answer, response.get());
    if (!parsed.ok())
      throw TransportError(
          "[protocol] the answer of " + impl->address + " to " + doing + " is no ModelInferResponse (" + std::to_string(answer_bytes) + " bytes)",
          /*retryable=*/false);
    auto result = result_of(response, impl->address);
    result.serialize_us = serialised_us - start_us;
    result.request_bytes = static_cast<int64_t>(message.Length());
    result.response_bytes = answer_bytes;
    result.connection = connection;
    result.total_us = (ended_us > 0 ? ended_us : Clock::steady().now_us()) - start_us;
    return result;
  }

  std::shared_ptr<Impl> impl;
  double start_us, deadline_us, serialised_us = 0, ended_us = 0;  // ended_us: of an answer that may be read later
  std::string doing;
  uint64_t connection = 0;
  std::shared_ptr<grpc::Channel> channel;
  grpc::ClientContext context;
  grpc::ByteBuffer message, answer;
  grpc::Status status;
};

InferResult Client::infer(const InferRequest& request, double deadline_us) {
  Asked asked(impl_, request, deadline_us);
  asked.status = Impl::call_raw(asked.channel, asked.context, asked.message, asked.answer);
  return asked.take();
}

void Client::infer_async(const InferRequest& request, double deadline_us, Answered done) {
  const auto asked = std::make_shared<Asked>(impl_, request, deadline_us);
  grpc::GenericStub(asked->channel)
      .UnaryCall(&asked->context, kInferMethod, {}, &asked->message, &asked->answer, [asked, done = std::move(done)](const grpc::Status& status) {
        asked->status = status;
        asked->ended_us = Clock::steady().now_us();
        done([asked] { return asked->take(); });
      });
}

}  // namespace scissionlite::protocol
