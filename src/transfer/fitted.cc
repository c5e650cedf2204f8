#include "transfer/fitted.h"

#include <algorithm>

#include "base/json.h"
#include "base/replaced.h"
#include "coding/code_model.h"
#include "onnx/onnx.h"

namespace scissionlite::transfer {
namespace {

constexpr char kSchema[] = "tl", kTlJson[] = "tl.json";
constexpr int kVersion = 1;

fs::path part(const fs::path& folder, size_t tensor, const std::string& what) { return folder / (std::to_string(tensor) + "." + what); }

/// "tl.json", or "<tensor>.encoder.onnx", "<tensor>.decoder.onnx", "<tensor>.coder".
bool is_file_of_tl(const std::string& name) {
  const auto number = name.find_first_not_of("0123456789");
  const auto what = number == std::string::npos ? "" : name.substr(number);
  return name == kTlJson || (number > 0 && (what == ".encoder.onnx" || what == ".decoder.onnx" || what == ".coder"));
}

void check_name(const std::string& name) {
  const bool is_plain =
      !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == std::string::npos;
  if (!is_plain) throw InvalidArgument("[transfer] '" + name + "' cannot name a transfer layer; take letters, digits, '_', '.' and '-'");
}

void check_interface(const Codec& codec, const std::string& where) {
  const auto has = [](const std::vector<ValueInfo>& infos, const std::string& name) {
    return std::any_of(infos.begin(), infos.end(), [&](const ValueInfo& info) { return info.name == name; });
  };
  if (codec.encoder.inputs.size() != 1 || !has(codec.encoder.inputs, "x") || !has(codec.encoder.outputs, "code"))
    throw InvalidArgument("[transfer] the encoder of " + where + " has to take 'x' and give 'code'");
  if (codec.decoder.outputs.size() != 1 || !has(codec.decoder.outputs, "x") || !has(codec.decoder.inputs, "code"))
    throw InvalidArgument("[transfer] the decoder of " + where + " has to take 'code' and give 'x'");
  if (!codec.coder) return;
  const auto& shape = codec.encoder.outputs[0].shape;
  const auto& coded = codec.coder->shape();
  if (shape != Shape{-1, coded.channels, coded.rows, coded.columns})
    throw InvalidArgument("[transfer] the coder of " + where + " is for codes " + to_string({-1, coded.channels, coded.rows, coded.columns}) +
                          ", the encoder gives " + to_string(shape));
}

Codec load_codec(const fs::path& folder, size_t i) {
  Codec codec;
  for (const auto* what : {"encoder.onnx", "decoder.onnx"})
    if (!fs::exists(part(folder, i, what)))
      throw InvalidArgument("[transfer] '" + folder.string() + "' has no " + part(folder, i, what).filename().string() + "; calibrate it again");
  codec.encoder = load_model(part(folder, i, "encoder.onnx"));
  codec.decoder = load_model(part(folder, i, "decoder.onnx"));
  if (const auto path = part(folder, i, "coder"); fs::exists(path))
    codec.coder = std::make_shared<const coding::CodeModel>(coding::CodeModel::parse(read_file(path), path.string()));
  check_interface(codec, part(folder, i, "*").string());
  return codec;
}

/// A fitted TL where a family's layer is expected.
class FittedLayer final : public TransferLayer {
 public:
  FittedLayer(std::string spec, std::shared_ptr<const FittedTl> tl) : spec_(std::move(spec)), tl_(std::move(tl)) {}
  [[nodiscard]] std::string spec() const override { return spec_; }
  [[nodiscard]] bool needs_samples() const override { return false; }
  [[nodiscard]] bool may_cross_plainly() const override { return false; }

  [[nodiscard]] Support supports(const ValueInfo& tensor) const override {
    const auto* codec = find(tensor.name);
    if (!codec) return {false, "was fitted at cut " + tl_->cut_id + ", not at '" + tensor.name + "'"};
    const auto& x = codec->encoder.inputs[0];
    Shape given = tensor.shape;
    if (!given.empty() && !x.shape.empty()) given[0] = x.shape[0];
    if (tensor.has_shape && (given != x.shape || tensor.dtype != x.dtype))
      return {false, "was fitted on " + std::string(dtype_name(x.dtype)) + " " + to_string(x.shape) + ", '" + tensor.name + "' is " +
                         std::string(dtype_name(tensor.dtype)) + " " + to_string(tensor.shape)};
    return {};
  }
  [[nodiscard]] Codec fit(const FitContext& context) const override {
    const auto support = supports(context.tensor);
    if (!support.ok) throw InvalidArgument("[transfer '" + spec_ + "'] " + support.reason);
    return *find(context.tensor.name);
  }

 private:
  [[nodiscard]] const Codec* find(const std::string& tensor) const {
    for (size_t i = 0; i < tl_->tensors.size(); ++i)
      if (tl_->tensors[i] == tensor) return &tl_->codecs[i];
    return nullptr;
  }
  std::string spec_;
  std::shared_ptr<const FittedTl> tl_;
};

/// What lies there may be replaced only when it is a fitted TL, and nothing else.
void check_place(const fs::path& folder) {
  if (!is_taken(folder)) return;
  if (!fs::exists(folder / kTlJson))
    refuse_to_replace("transfer", folder, "exists and is no fitted transfer layer (it has no " + std::string(kTlJson) + ")");
  if (const auto foreign = foreign_entry(folder, is_file_of_tl); !foreign.empty())
    refuse_to_replace("transfer", folder, "holds '" + foreign.filename().string() + "', which no fitted transfer layer has");
}

}  // namespace

void check_can_save(const fs::path& folder, const std::string& name) {
  check_name(name);
  check_place(folder);
}

void save_fitted(const fs::path& folder, const FittedTl& tl) {
  check_can_save(folder, tl.name);
  StagedFolder staged(folder);
  Json json{{"schema", "scissionlite.tl/" + std::to_string(kVersion)},
            {"name", tl.name},
            {"model_sha256", tl.model_sha256},
            {"cut_id", tl.cut_id},
            {"tensors", tl.tensors},
            {"note", tl.note},
            {"command", tl.command},
            {"record", tl.record}};
  json["code_bytes"] = Json::array();
  json["notes"] = Json::array();
  for (size_t i = 0; i < tl.codecs.size(); ++i) {
    write_file(part(staged.path(), i, "encoder.onnx"), serialize_model(tl.codecs[i].encoder));
    write_file(part(staged.path(), i, "decoder.onnx"), serialize_model(tl.codecs[i].decoder));
    if (tl.codecs[i].coder) write_file(part(staged.path(), i, "coder"), tl.codecs[i].coder->serialize());
    json["code_bytes"].push_back(tl.codecs[i].code_bytes);
    json["notes"].push_back(tl.codecs[i].note);
  }
  write_json(staged.path() / kTlJson, json);
  staged.commit();
}

FittedTl load_fitted(const fs::path& folder) {
  const auto path = folder / kTlJson;
  if (!fs::exists(path))
    throw InvalidArgument("[transfer] '" + folder.string() + "' has no tl.json; expected a folder that `scissionlite-train calibrate` wrote");
  const auto json = read_json(path, kSchema, kVersion);
  const JsonReader reader(json, path.string());
  reader.allow_only({"schema", "name", "model_sha256", "cut_id", "tensors", "note", "command", "record", "code_bytes", "notes"});
  FittedTl tl;
  tl.name = reader.at("name").text();
  check_name(tl.name);
  tl.model_sha256 = reader.at("model_sha256").text();
  tl.cut_id = reader.at("cut_id").text();
  tl.tensors = reader.at("tensors").texts();
  tl.note = reader.text_or("note", "");
  tl.command = reader.text_or("command", "");
  if (json.contains("record")) tl.record = json["record"];
  const auto bytes = reader.at("code_bytes").integers();
  const auto notes = reader.has("notes") ? reader.at("notes").texts() : std::vector<std::string>(bytes.size());
  if (tl.tensors.empty() || bytes.size() != tl.tensors.size() || notes.size() != tl.tensors.size())
    reader.at("code_bytes").fail("one number a tensor");
  for (size_t i = 0; i < tl.tensors.size(); ++i) {
    tl.codecs.push_back(load_codec(folder, i));
    tl.codecs.back().code_bytes = bytes[i];
    tl.codecs.back().note = notes[i];
  }
  return tl;
}

Shelf load_shelf(const std::vector<std::string>& folders, const fs::path& model) {
  return folders.empty() ? Shelf() : Shelf(folders, model_sha256(model));
}

Shelf::Shelf(const std::vector<std::string>& paths, const std::string& model_sha256) {
  for (const auto& text : paths) {
    const fs::path path(text);
    if (fs::exists(path / kTlJson)) {
      add(path, model_sha256);
      continue;
    }
    std::vector<fs::path> folders;
    std::error_code error;
    for (const auto& folder : list_folder(path, error))
      if (fs::exists(folder / kTlJson)) folders.push_back(folder);
    if (folders.empty())
      throw InvalidArgument("[transfer] '" + text + "' " + (error ? "cannot be read: " + error.message() : "holds no fitted transfer layer") +
                            "; expected a folder that `scissionlite-train calibrate` wrote, or one that holds such folders");
    for (const auto& folder : folders) add(folder, model_sha256);
  }
}

void Shelf::add(const fs::path& folder, const std::string& model_sha256) {
  auto tl = std::make_shared<const FittedTl>(load_fitted(folder));
  if (tl->model_sha256 != model_sha256)
    throw InvalidArgument("[transfer] '" + folder.string() + "' was fitted for a model with sha256 " + tl->model_sha256.substr(0, 12) +
                          ", this one has " + model_sha256.substr(0, 12) + "; calibrate it for this model");
  const auto spec = "fit-" + tl->name;
  if (tls_.count(spec))
    throw InvalidArgument("[transfer] two fitted transfer layers are named '" + tl->name + "' ('" + folder.string() +
                          "' is the second); rename one in its tl.json");
  std::string content = read_file(folder / kTlJson);
  for (size_t i = 0; i < tl->codecs.size(); ++i)
    for (const auto* what : {"encoder.onnx", "decoder.onnx", "coder"})
      if (fs::exists(part(folder, i, what))) content += sha256_hex(read_file(part(folder, i, what)));
  hashes_[spec] = sha256_hex(content);
  tls_[spec] = std::move(tl);
}

std::unique_ptr<TransferLayer> Shelf::make(const std::string& spec) const {
  if (const auto found = tls_.find(spec); found != tls_.end()) return std::make_unique<FittedLayer>(spec, found->second);
  if (!spec.starts_with("fit-")) return transfer::make(spec);
  std::string known;
  for (const auto& [name, tl] : tls_) known += (known.empty() ? "" : ", ") + name;
  throw InvalidArgument("[transfer] '" + spec + "' was fitted beforehand, and " +
                        (known.empty() ? "no folder of fitted ones is given" : "only " + known + " are given") + "; name its folder with --fitted");
}

std::vector<std::string> Shelf::fitted_at(const std::vector<std::string>& cut_tensors) const {
  std::vector<std::string> specs;
  for (const auto& [spec, tl] : tls_)
    if (tl->tensors == cut_tensors) specs.push_back(spec);
  return specs;
}

std::string Shelf::content_hash(const std::string& spec) const {
  const auto found = hashes_.find(spec);
  return found == hashes_.end() ? "" : found->second;
}

}  // namespace scissionlite::transfer
