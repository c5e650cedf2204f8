// What became of a request whose model is the middle of three.
#pragma once

#include <cstdint>
#include <string>

#include "server/observe/statistics.h"

namespace scissionlite::server {

/// Of an answer that another machine was asked for, in nanoseconds.
struct ForwardTimes {
  bool is_from_cloud = false;                           // else the edge's own copy
  int64_t forward_ns = 0;                               // from asking the cloud to its answer, or to giving it up
  int64_t queue_ns = 0, decode_ns = 0, compute_ns = 0;  // as the cloud reports them
  int64_t asked_ns = 0;                                 // when the cloud was asked; 0: it was not
  double budget_us = 0;                                 // that it was given
  std::string why;                                      // it did not answer
  RequestTimes middle, copy;                            // of the run before; of the copy
  int64_t middle_items = 0, copy_items = 0;             // that ran together; 0: the copy did not
  int64_t copy_queued_ns = 0;
};

}  // namespace scissionlite::server
