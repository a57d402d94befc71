// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/page_runs.hpp against a naive model: an array that says of each page whose it
// is.
#include "rsb/internal/pages/page_runs.hpp"

#include "property/check.hpp"
#include "support/worlds.hpp"

using namespace rsb;

namespace {

constexpr Options options{.page_size = 256, .span_size = 1 * KiB, .map = Map::flat};
constexpr size_t page = options.page_size;
constexpr size_t most = 512;  // pages

enum class Ask { add, take, give, extend, shorten, remove, set_aside };

struct Step {
  Ask ask;
  size_t pages;
  unsigned alignment_log;
  size_t which;
};

std::ostream& operator<<(std::ostream& out, const Step& s) {
  static const char* const names[] = {"add",     "take",   "give",     "extend",
                                      "shorten", "remove", "set aside"};
  return out << names[static_cast<size_t>(s.ask)] << "{" << s.pages << ", 2^" << s.alignment_log
             << ", #" << s.which << "}";
}

}  // namespace

template <>
struct rc::Arbitrary<Step> {
  static Gen<Step> arbitrary() {
    const auto ask = gen::weightedElement<Ask>({{2, Ask::add},
                                                {10, Ask::take},
                                                {8, Ask::give},
                                                {3, Ask::extend},
                                                {3, Ask::shorten},
                                                {1, Ask::remove},
                                                {1, Ask::set_aside}});
    const auto pages = gen::apply([](unsigned log, size_t n) { return n % (size_t{1} << log) + 1; },
                                  gen::inRange<unsigned>(0, 8), gen::inRange<size_t>(0, 256));
    return gen::build<Step>(gen::set(&Step::ask, ask), gen::set(&Step::pages, pages),
                            gen::set(&Step::alignment_log, gen::weightedElement<unsigned>(
                                                               {{6, 0}, {1, 1}, {1, 2}, {1, 4}})),
                            gen::set(&Step::which, gen::inRange<size_t>(0, 1000)));
  }
};

namespace {

// Free, taken or nobody's, page by page; and where acquisitions end.
class Model {
 public:
  Model() : base_(align_up(support::arena, 16 * page)) {
    for (Span& s : descriptors) s = Span{};
    runs_.map().add_window(&window_);
  }

  void apply(const Step& s) {
    switch (s.ask) {
      case Ask::add:
        return add(s);
      case Ask::take:
        return take(s);
      case Ask::give:
        if (!taken_.empty()) give(s.which % taken_.size());
        return;
      case Ask::extend:
        if (!taken_.empty()) extend(taken_[s.which % taken_.size()], s.pages);
        return;
      case Ask::shorten:
        if (!taken_.empty()) shorten(taken_[s.which % taken_.size()], s.pages);
        return;
      case Ask::remove:
        return remove_free_acquisition();
      case Ask::set_aside:
        return set_aside(s);
    }
  }

  // Walks both and finds the same runs.
  void compare() {
    size_t used = 0, acquired = 0, seen = 0;
    for (size_t i = 0; i < most; i++) {
      used += state_[i] == State::taken;
      acquired += state_[i] != State::nobodys;
    }
    RC_ASSERT(runs_.used_pages() == used);
    RC_ASSERT(runs_.acquired_pages() == acquired);
    size_t dirty = 0;
    for (const Span* a = runs_.acquisitions(); a != nullptr; a = a->next_acquisition) {
      const Span* previous = nullptr;
      for (const Span* run = a; run != nullptr; run = runs_.next_run(run)) {
        const size_t first = index(run->base);
        const size_t pages = runs_.length(run);
        seen += pages;
        const bool is_free = run->kind == Kind::free;
        for (size_t i = first; i < first + pages; i++) {
          RC_ASSERT(state_[i] == (is_free ? State::free : State::taken));
          RC_ASSERT((i == first) || !begins_[i]);
        }
        RC_ASSERT((run == a) == begins_[first]);
        if (is_free) {
          RC_ASSERT((previous == nullptr || previous->kind != Kind::free));
          RC_ASSERT(runs_.is_listed(run));
          RC_ASSERT(run->dirty <= run->pages);
          dirty += run->dirty;
          // How many there are is a guess, but not whether there are any.
          size_t really = 0;
          for (size_t i = first; i < first + pages; i++) really += dirty_[i];
          RC_ASSERT((run->dirty != 0 || really == 0));
        } else {
          bool known = false;
          for (const Span* t : taken_) known = known || (t == run && t->pages == pages);
          RC_ASSERT(known);
        }
        previous = run;
      }
    }
    RC_ASSERT(seen == acquired);
    RC_ASSERT(runs_.dirty_pages() == dirty);
  }

 private:
  enum class State { nobodys, free, taken };

  size_t index(const void* p) const { return bytes_from(base_, p) / page; }

  void mark(size_t first, size_t pages, State state) {
    for (size_t i = first; i < first + pages; i++) state_[i] = state;
  }

  void add(const Step& s) {
    // The first gap that is long enough, if there is one.
    size_t length = 0;
    for (size_t i = 0; i < most; i++) {
      length = state_[i] == State::nobodys ? length + 1 : 0;
      if (length != s.pages) continue;
      const size_t first = i + 1 - length;
      const bool is_dirty = s.which % 2 == 0;
      runs_.add(base_ + first * page, s.pages, 0, is_dirty ? s.pages : 0);
      mark(first, s.pages, State::free);
      for (size_t j = first; j <= i; j++) dirty_[j] = is_dirty;
      begins_[first] = true;
      return;
    }
  }

  // The longest run of free pages of one acquisition that could serve.
  bool could_serve(size_t pages) const {
    size_t length = 0;
    for (size_t i = 0; i < most; i++) {
      if (begins_[i] || state_[i] != State::free) length = 0;
      if (state_[i] == State::free) length++;
      if (length >= pages) return true;
    }
    return false;
  }

  void take(const Step& s) {
    const size_t alignment = page << s.alignment_log;
    const size_t worst = s.pages + (size_t{1} << s.alignment_log) - 1;
    Span* const run = runs_.take(s.pages, alignment);
    if (run == nullptr) {
      // Good fit may overlook a run that is hardly longer than the request.
      RC_ASSERT(!could_serve(worst < 8 ? worst : worst + worst / 8 + 1));
      return;
    }
    RC_ASSERT(run->pages == s.pages);
    RC_ASSERT(is_aligned(run->base, alignment));
    const size_t first = index(run->base);
    size_t really = 0;
    for (size_t i = first; i < first + s.pages; i++) {
      RC_ASSERT(state_[i] == State::free);
      RC_ASSERT(i == first || !begins_[i]);
      really += dirty_[i];
    }
    RC_ASSERT((run->dirty != 0 || really == 0));
    mark(first, s.pages, State::taken);
    taken_.push_back(run);
  }

  void give(size_t which) {
    Span* const run = taken_[which];
    const size_t first = index(run->base), pages = run->pages;
    taken_.erase(taken_.begin() + static_cast<ptrdiff_t>(which));
    runs_.give(run, pages);
    mark(first, pages, State::free);
    for (size_t i = first; i < first + pages; i++) dirty_[i] = true;
  }

  void extend(Span* run, size_t more) {
    const size_t behind = index(run->base) + run->pages;
    size_t room = 0;
    while (behind + room < most && !begins_[behind + room] &&
           state_[behind + room] == State::free) {
      room++;
    }
    const size_t pages = run->pages + more;
    RC_ASSERT(runs_.extend(run, pages) == (more <= room));
    if (more > room) return;
    RC_ASSERT(run->pages == pages);
    mark(behind, more, State::taken);
  }

  void shorten(Span* run, size_t less) {
    if (less >= run->pages) return;
    const size_t pages = run->pages - less;
    const size_t first = index(run->base) + pages;
    runs_.give(runs_.shorten(run, pages), less);
    RC_ASSERT(run->pages == pages);
    mark(first, less, State::free);
    for (size_t i = first; i < first + less; i++) dirty_[i] = true;
  }

  void remove_free_acquisition() {
    for (Span* a = runs_.acquisitions(); a != nullptr; a = a->next_acquisition) {
      if (a->kind != Kind::free || !runs_.is_releasable(a)) continue;
      const size_t first = index(a->base), pages = a->pages;
      RC_ASSERT(begins_[first]);
      const size_t end = first + pages;
      const bool ends = end == most || begins_[end] || state_[end] == State::nobodys;
      RC_ASSERT(ends);  // not all of it in here: RC_ASSERT looks at both sides of an ||
      runs_.take_out(a);
      runs_.remove(a);
      mark(first, pages, State::nobodys);
      for (size_t i = first; i < first + pages; i++) dirty_[i] = false;
      begins_[first] = false;
      return;
    }
  }

  void set_aside(const Step& s) {
    Span* const run = runs_.longest_dirty();
    if (run == nullptr) return;
    const size_t first = index(run->base), pages = run->pages;
    const size_t dirty = run->dirty;
    runs_.take_out(run);
    runs_.set_aside(run);
    const bool is_clean = s.which % 2 == 0;
    runs_.give(run, is_clean ? 0 : dirty);
    if (is_clean) {
      for (size_t i = first; i < first + pages; i++) dirty_[i] = false;
    }
  }

  static inline Span descriptors[most];
  char* const base_;
  Window window_{base_, most, descriptors};
  PageRuns<options> runs_;
  State state_[most] = {};
  bool begins_[most] = {};
  bool dirty_[most] = {};
  std::vector<Span*> taken_;
};

}  // namespace

TEST_CASE("page runs are split, merged and counted as in an array of pages") {
  CHECK(property::holds("page runs do what their model does", [] {
    Model model;
    for (const Step& step : property::sequence<Step>()) {
      model.apply(step);
      model.compare();
    }
  }));
}
