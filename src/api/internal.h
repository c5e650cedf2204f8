// API: what include/scissionlite/scissionlite.h declares, done by the folders above. The public classes hold the values of
// those folders behind pointers, and every error is turned into api::Error at this border.
//
// What lives here: the model (model.cc), the four JSON documents (documents.cc), the steps that make them (steps.cc),
// both halves in process (edge.cc, device.cc). Relies on all but cli. Start with the public header.
#pragma once

#include <new>
#include <utility>

#include "graph/graph.h"
#include "planner/plan.h"
#include "profile/network.h"
#include "profile/profile.h"
#include "protocol/tls.h"
#include "scissionlite/scissionlite.h"
#include "score/scores.h"
#include "vision/input_spec.h"

namespace scissionlite::api {

struct Model::Impl {
  Path path;
  std::string sha256;
  Graph graph;      // as loaded
  Graph annotated;  // with inferred shapes
  int64_t macs = 0;
  vision::InputSpec input;
};
struct Scores::Impl {
  scissionlite::Scores value;
};
struct Profile::Impl {
  scissionlite::Profile value;
};
struct Network::Impl {
  scissionlite::Network value;
};
struct Plan::Impl {
  scissionlite::Plan value;
};

/// A public value around an internal one.
template <typename Public, typename Value>
[[nodiscard]] Public wrap(Value value) {
  return Public(std::make_shared<const typename Public::Impl>(typename Public::Impl{std::move(value)}));
}

[[nodiscard]] inline protocol::Security internal(const Security& given) {
  return {.tls = {.authority = given.authority, .certificate = given.certificate, .key = given.key, .revoked = given.revoked},
          .allows_plain_text = given.plain_text};
}

[[noreturn]] void rethrow(const scissionlite::Error& error);

/// Runs `body`; whatever it throws leaves as api::Error.
template <typename Body>
decltype(auto) at_border(Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const scissionlite::Error& e) { rethrow(e); } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kResource, "out of memory; try a smaller model, fewer images or fewer threads", /*is_retryable=*/false);
  } catch (const std::exception& e) {
    throw Error(ErrorCode::kInternal, std::string(e.what()) + " (unexpected; please report it)", /*is_retryable=*/false);
  }
}

}  // namespace scissionlite::api
