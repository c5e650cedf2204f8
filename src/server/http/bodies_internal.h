// Bodies as Beast wants them: a request's that grows with what arrives, whatever its length claims, and an answer's that is
// written from where its parts lie.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional.hpp>

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace scissionlite::server::http {

struct GrowingBody {
  using value_type = std::string;
  static uint64_t size(const value_type& body) { return body.size(); }

  class reader {
   public:
    template <bool is_request, typename Fields>
    reader(boost::beast::http::header<is_request, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<uint64_t>& length, boost::beast::error_code& error) {
      constexpr uint64_t kMostAtOnce = 1 << 20;
      error = {};
      body_.reserve(static_cast<size_t>(std::min(length.value_or(0), kMostAtOnce)));
    }
    template <typename Buffers>
    size_t put(const Buffers& buffers, boost::beast::error_code& error) {
      error = {};
      size_t bytes = 0;
      try {
        for (const auto buffer : boost::beast::buffers_range_ref(buffers)) {
          body_.append(static_cast<const char*>(buffer.data()), buffer.size());
          bytes += buffer.size();
        }
      } catch (const std::bad_alloc&) { error = boost::beast::http::error::body_limit; }
      return bytes;
    }
    void finish(boost::beast::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

struct PartsBody {
  struct value_type {
    std::string head;
    std::vector<Tensor> blobs;
  };
  static uint64_t size(const value_type& body) {
    uint64_t bytes = body.head.size();
    for (const auto& blob : body.blobs) bytes += blob.size_bytes();
    return bytes;
  }

  class writer {
   public:
    using const_buffers_type = std::vector<boost::asio::const_buffer>;
    template <bool is_request, typename Fields>
    writer(const boost::beast::http::header<is_request, Fields>&, const value_type& body) : body_(body) {}
    void init(boost::beast::error_code& error) { error = {}; }
    boost::optional<std::pair<const_buffers_type, bool>> get(boost::beast::error_code& error) {
      error = {};
      const_buffers_type buffers{boost::asio::buffer(body_.head)};
      for (const auto& blob : body_.blobs) buffers.emplace_back(blob.data(), blob.size_bytes());
      return {{std::move(buffers), /*more=*/false}};
    }

   private:
    const value_type& body_;
  };
};

}  // namespace scissionlite::server::http
