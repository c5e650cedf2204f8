#include "prepare/kserve.h"

#include <algorithm>
#include <cctype>

#include "base/address.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/version.h"
#include "prepare/names.h"

namespace scissionlite {
namespace {

constexpr int kGrpcPort = 9000, kMetricsPort = 8002;
constexpr const char* kModels = "/mnt/models";  // where KServe's storage initializer puts what the storage holds
constexpr const char* kFormat = "scissionlite";

/// Block style; texts in JSON's quotes, which are YAML's too.
void write_yaml(const Json& value, const std::string& indent, std::string& out) {
  for (const auto& [key, item] : value.items()) {
    const bool is_list = value.is_array();
    out += indent + (is_list ? "-" : key + ":");
    if (!item.is_structured() || item.empty()) {
      out += " " + item.dump() + "\n";
    } else if (is_list && item.is_object()) {
      std::string inner;
      write_yaml(item, indent + "  ", inner);
      out += " " + inner.substr(indent.size() + 2);  // its first key stands beside the dash
    } else {
      out += "\n";
      write_yaml(item, indent + "  ", out);
    }
  }
}

std::string yaml(const Json& document) {
  std::string out;
  write_yaml(document, "", out);
  return out;
}

Json probe(int period_s, int failures) {
  return {{"grpc", {{"port", kGrpcPort}}}, {"periodSeconds", period_s}, {"timeoutSeconds", 5}, {"failureThreshold", failures}};
}

/// Weights as they are and as an engine packs them, values between layers, the program itself.
std::string memory(size_t model_bytes, size_t factor) { return std::to_string((256 + 4 * (model_bytes >> 20)) * factor) + "Mi"; }

Json metadata(const std::string& name, const Manifest& m) {
  return {{"name", name},
          {"annotations",
           {{"scissionlite/model", m.model_name},
            {"scissionlite/candidate", m.chain()},
            {"scissionlite/model-sha256", m.model_sha256},
            {"scissionlite/tail-sha256", m.tail_sha256}}}};
}

Json container(const Manifest& m, size_t model_bytes, const KserveOptions& options) {
  Json out{{"name", "kserve-container"}, {"image", options.image}};
  out["command"] = Json::array({"scissionlite"});
  out["args"] = Json::array({"serve", "--model-repository", kModels, "--model-control-mode", "explicit", "--load-model", m.tail_name,
                             "--grpc-address", "0.0.0.0", "--grpc-port", std::to_string(kGrpcPort), "--plain-text", "--no-http", "--metrics-address",
                             "0.0.0.0", "--metrics-port", std::to_string(kMetricsPort), "--threads", std::to_string(options.threads)});
  if (!options.forward_to.empty()) out["args"].insert(out["args"].end(), {"--forward-to", options.forward_to, "--forward-plain-text"});
  out["ports"] = Json::array({{{"name", "h2c"}, {"containerPort", kGrpcPort}, {"protocol", "TCP"}}});
  out["startupProbe"] = probe(/*period_s=*/5, /*failures=*/60);
  out["readinessProbe"] = probe(/*period_s=*/5, /*failures=*/1);
  out["livenessProbe"] = probe(/*period_s=*/10, /*failures=*/6);  // an engine that hangs
  const std::string cpu = std::to_string(options.threads);
  out["resources"] = {{"requests", {{"cpu", cpu}, {"memory", memory(model_bytes, 1)}}},
                      {"limits", {{"cpu", cpu}, {"memory", memory(model_bytes, 2)}}}};
  out["securityContext"] = {{"allowPrivilegeEscalation", false},
                            {"readOnlyRootFilesystem", true},
                            {"runAsNonRoot", true},
                            {"runAsUser", 65534},
                            {"capabilities", {{"drop", Json::array({"ALL"})}}}};
  return out;
}

/// What `name` shows of itself as a label of at most `longest` characters: lower case, '-' for what is neither letter nor digit.
std::string label_of(const std::string& name, size_t longest) {
  std::string out;
  for (const char c : name) out += std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : '-';
  out.erase(0, std::min(out.find_first_not_of('-'), out.size()));
  if (out.empty()) out = "model";
  if (!std::isalpha(static_cast<unsigned char>(out[0]))) out = "model-" + out;
  out.resize(std::min(out.size(), longest));
  while (out.back() == '-') out.pop_back();
  return out;
}

}  // namespace

std::string kserve_name(const std::string& model_name) {
  constexpr size_t kLongest = 40, kHashDigits = 8;
  if (label_of(model_name, kLongest) == model_name) return model_name;
  return label_of(model_name, kLongest - kHashDigits - 1) + "-" + sha256_hex(model_name).substr(0, kHashDigits);
}

void check_kserve_options(const KserveOptions& options, bool has_cloud) {
  if (options.storage.find("://") == std::string::npos)
    throw InvalidArgument("[prepare] --kserve-storage '" + options.storage +
                          "': expected where the cluster finds the repository, as pvc://CLAIM/PATH, s3://BUCKET/PATH or gs://BUCKET/PATH");
  if (!has_cloud && !options.forward_to.empty())
    throw InvalidArgument("[prepare] --kserve-forward-to '" + options.forward_to +
                          "': a plan of two machines has no cloud to forward to; leave it out");
  if (!has_cloud) return;
  if (options.forward_to.empty())
    throw InvalidArgument(
        "[prepare] --kserve: the edge of a plan of three machines asks the cloud; say where that is served with --kserve-forward-to HOST:PORT");
  (void)parse_address(options.forward_to, "--kserve-forward-to");
}

std::string kserve_manifest(const Manifest& manifest, size_t model_bytes, const KserveOptions& options) {
  check_kserve_options(options, manifest.forward.has_value());
  const std::string name = kserve_name(manifest.tail_name), runtime_name = name + "-runtime";
  const Json runtime{{"apiVersion", "serving.kserve.io/v1alpha1"},
                     {"kind", "ServingRuntime"},
                     {"metadata", metadata(runtime_name, manifest)},
                     {"spec",
                      {{"annotations", {{"prometheus.kserve.io/port", std::to_string(kMetricsPort)}, {"prometheus.kserve.io/path", "/metrics"}}},
                       {"supportedModelFormats", Json::array({{{"name", kFormat}, {"version", "1"}, {"autoSelect", false}}})},
                       {"protocolVersions", Json::array({"grpc-v2"})},
                       {"containers", Json::array({container(manifest, model_bytes, options)})}}}};
  const Json service{{"apiVersion", "serving.kserve.io/v1beta1"},
                     {"kind", "InferenceService"},
                     {"metadata", metadata(name, manifest)},
                     {"spec",
                      {{"predictor",
                        {{"model",
                          {{"modelFormat", {{"name", kFormat}, {"version", "1"}}},
                           {"protocolVersion", "grpc-v2"},
                           {"runtime", runtime_name},
                           {"storageUri", options.storage}}}}}}}};
  return "# " + manifest.candidate + " of " + plain_name(manifest.model_name) + ", written by ScissionLite " + kVersion +
         ": kubectl apply -f THIS_FILE\n" + yaml(runtime) + "---\n" + yaml(service);
}

}  // namespace scissionlite
