// An offered package from its source into the store: what is missing of it, from where an earlier pull ended.
#pragma once

#include <functional>
#include <stop_token>

#include "delivery/source.h"
#include "delivery/store.h"

namespace scissionlite::delivery {

struct PullOptions {
  bool shows_progress = true;     // on a terminal
  double share = 1;               // of the time in which the link may be used: below 1 it waits after each piece, so that images have the rest
  int tries = 5;                  // in a row without a byte, while the edge cannot be reached
  double first_pause_us = 200e3;  // after such a one; it doubles
  std::stop_token stop;
  std::function<void()> goes_on;  // called as bytes come, and before each try: at most once a second
};

/// Fetches and installs; nothing is in use by it. Every file is checked against its hash. @return bytes that were fetched.
/// @throws Unusable: an offer that check_offer refuses, bytes that are not those that were listed; TransportError: the source cannot be
/// reached, or `stop` was requested; ResourceError: the disk is full. What was fetched stays, for the next pull.
int64_t pull(Source& source, Store& store, const Offer& offer, const PullOptions& options);

}  // namespace scissionlite::delivery
