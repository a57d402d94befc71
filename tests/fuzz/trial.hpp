// SPDX-License-Identifier: MIT OR Apache-2.0
// An input as requests to a heap. Its first byte says to which heap, each five bytes after it are
// one request: so any bytes mean something, and a byte that changes changes one request.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <ostream>
#include <vector>

namespace fuzz {

// The input that is being tried; it stays until the next one.
struct Trial {
  size_t made;                  // requests, with the one that is being made
  void (*tell)(std::ostream&);  // those
};
inline constinit Trial trial{};
template <class Request>
inline std::vector<Request> requests;

// Calls make(request) for each; `asks` are the kinds that there may be.
template <class Request, class Ask, size_t n, class Make>
void make_requests(const uint8_t* bytes, size_t count, const Ask (&asks)[n],
                   unsigned most_alignment_log, Make make) {
  std::vector<Request>& all = requests<Request>;
  all.clear();
  for (; count >= 5; bytes += 5, count -= 5) {
    const unsigned any = bytes[1] + 256u * bytes[2];  // log-uniform, by how far it is shifted
    all.push_back({asks[bytes[0] % n], any >> bytes[3] % 16u,
                   bytes[3] / 16u % (most_alignment_log + 1), bytes[4]});
  }
  trial = {0, [](std::ostream& out) {
             for (size_t i = 0; i < trial.made; i++) out << requests<Request>[i] << '\n';
           }};
  for (const Request& request : all) {
    trial.made++;
    make(request);
  }
}

}  // namespace fuzz
