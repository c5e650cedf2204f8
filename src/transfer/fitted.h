// TLs fitted beforehand, as `scissionlite-train calibrate` writes them: a folder
//   tl.json  0.encoder.onnx  0.decoder.onnx  0.coder (when it has one)  1.encoder.onnx ...
// with one pair of graphs for each tensor of the cut. tl.json ("scissionlite.tl/1") says of which model and cut.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "transfer/transfer.h"

namespace scissionlite::transfer {

struct FittedTl {
  std::string name;                  // letters, digits, '_', '.' and '-'; its spec is "fit-<name>"
  std::string model_sha256;          // of the uncut model
  std::string cut_id;                // as `inspect` named it
  std::vector<std::string> tensors;  // of the cut
  std::vector<Codec> codecs;         // one a tensor
  std::string note;                  // how it was fitted
  std::string command;
  Json record = Json::object();  // what the command that fitted it wants to find again
};

/// Before a layer of that name is fitted, which takes long. @throws InvalidArgument: a bad name, a folder that holds anything else.
void check_can_save(const fs::path& folder, const std::string& name);
/// Writes the folder under its final name when all is there; an earlier TL there is replaced. @throws as check_can_save;
/// ResourceError.
void save_fitted(const fs::path& folder, const FittedTl& tl);
/// @throws InvalidArgument: a missing or damaged file (names it), graphs that do not fit tl.json.
[[nodiscard]] FittedTl load_fitted(const fs::path& folder);

/// The TLs that a command knows: all families, and the fitted ones that the user named. Copies share what was loaded.
class Shelf {
 public:
  Shelf() = default;
  /// @param paths  folders of TLs, or folders of such folders. @param model_sha256  of the model at hand.
  /// @throws InvalidArgument: no TL in a folder, one of another model, two of one name.
  Shelf(const std::vector<std::string>& paths, const std::string& model_sha256);

  /// @throws InvalidArgument for an unknown spec, saying what is known.
  [[nodiscard]] std::unique_ptr<TransferLayer> make(const std::string& spec) const;
  /// Specs of the fitted ones of a cut with these tensors.
  [[nodiscard]] std::vector<std::string> fitted_at(const std::vector<std::string>& cut_tensors) const;
  [[nodiscard]] bool empty() const { return tls_.empty(); }
  /// Changes with the content of a fitted TL; "" for families.
  [[nodiscard]] std::string content_hash(const std::string& spec) const;

 private:
  void add(const fs::path& folder, const std::string& model_sha256);
  std::map<std::string, std::shared_ptr<const FittedTl>> tls_;  // by spec
  std::map<std::string, std::string> hashes_;                   // by spec
};

/// The TLs of the folders that a command was given for `model`: an empty shelf, without reading the model, when there are none.
/// @throws as Shelf.
[[nodiscard]] Shelf load_shelf(const std::vector<std::string>& folders, const fs::path& model);

}  // namespace scissionlite::transfer
