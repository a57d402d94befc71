# SPDX-License-Identifier: MIT OR Apache-2.0
"""gcc and g++: large translation units, optimised; all that they write must agree byte for byte."""

import random

NEEDS = {
    "/usr/bin/gcc": "gcc",
    "/usr/bin/g++": "g++",
    "/usr/bin/ld": "binutils",
}


def run(session):
    (session.folder / "large.c").write_text(large_c(functions=120))
    (session.folder / "templates.cpp").write_text(TEMPLATES)

    def compile_or_link(name, compiler, *arguments):
        # The seed makes names that gcc would invent at random the same in every compilation.
        session.command(name, compiler, "-Wall", "-frandom-seed=1", *arguments, seconds=150)

    compile_or_link("C", GCC, "-O2", "-g", "-c", "large.c")
    compile_or_link("C to assembly", GCC, "-O1", "-fverbose-asm", "-S", "large.c")
    compile_or_link("C++", GXX, *FAT, "-std=c++20", "-O2", "-c", "templates.cpp")
    compile_or_link("link", GXX, "large.o", "templates.o", "-o", "program")
    compile_or_link("link-time optimisation", GXX, "-flto=2", "-O1", "-s", "large.o", "templates.o",
                    "-o", "optimised")  # fmt: skip
    for file in ("large.o", "large.s", "templates.o", "program", "optimised"):
        session.observe(file, (session.folder / file).read_bytes())
    session.command("compiled program", session.folder / "program")
    session.command("optimised program", session.folder / "optimised")


GCC, GXX = "/usr/bin/gcc", "/usr/bin/g++"
FAT = ("-flto", "-ffat-lto-objects")  # machine code, and what the link-time optimiser reads


def large_c(functions):
    """Functions that call earlier ones, with loops, switches, arrays and structures in them."""
    choose = random.Random(1)
    text = ["struct pair { unsigned first; unsigned char bytes[24]; struct pair *next; };"]
    for number in range(functions):
        callee = f"f{choose.randrange(number)}" if number else "(unsigned)"
        cases = "\n".join(
            f"    case {case}: sum = sum * {choose.randrange(3, 99)}u + (x >> {case % 9});"
            f" here.bytes[{choose.randrange(24)}] ^= (unsigned char)sum;"
            f"{' break;' if choose.random() < 0.8 else ' __attribute__((fallthrough));'}"
            for case in sorted(choose.sample(range(64), 12))
        )
        text.append(f"""
unsigned f{number}(unsigned x, struct pair *list)
{{
  struct pair here = {{ x, {{ {choose.randrange(200)} }}, list }};
  unsigned table[{choose.randrange(4, 40)}] = {{ x, {choose.randrange(1000)} }};
  unsigned sum = {choose.randrange(1000)};
  for (unsigned i = 0; i < sizeof table / sizeof *table; ++i) {{
    switch ((x + i) & 63) {{
{cases}
    default: table[i] += sum;
    }}
    for (struct pair *p = &here; p; p = p->next)
      for (unsigned j = 0; j < sizeof p->bytes; ++j)
        sum += p->bytes[j] * table[(i + j) % (sizeof table / sizeof *table)];
  }}
  return x & 1 && !list ? sum + {callee}(x >> 1{", &here" if number else ""}) : sum;
}}""")
    calls = "\n".join(f"  sum = sum * 31 + f{number}({number}u, 0);" for number in range(functions))
    text.append(f"unsigned large_c(void)\n{{\n  unsigned sum = 0;\n{calls}\n  return sum;\n}}\n")
    return "\n".join(text)


# Every header of the C++ library, and templates that are instantiated many times.
TEMPLATES = """
#include <bits/stdc++.h>

extern "C" unsigned large_c();

template <std::size_t N>
struct Record {
  std::array<std::uint16_t, N + 1> values{};
  std::string name = std::to_string(N);
  auto operator<=>(const Record &) const = default;
};

template <std::size_t N>
std::size_t exercise() {
  std::map<std::string, std::vector<Record<N>>> index;
  for (std::size_t i = 0; i < 20; ++i) {
    Record<N> record;
    record.values[i % record.values.size()] = static_cast<std::uint16_t>(i * N);
    index[std::to_string(i % 7)].push_back(record);
  }
  std::size_t total = 0;
  for (auto &[name, records] : index) {
    std::ranges::sort(records, std::greater{});
    total += std::transform_reduce(records.begin(), records.end(), name.size(), std::plus{},
                                   [](const Record<N> &r) { return r.values[0] + r.name.size(); });
  }
  return total;
}

template <std::size_t... N>
std::size_t exercise_all(std::index_sequence<N...>) {
  std::variant<std::monostate, Record<N>...> any;
  any.template emplace<sizeof...(N)>();
  std::tuple<Record<N>...> all;
  return (exercise<N>() + ... + std::visit([](auto &v) { return sizeof v; }, any)) +
         std::apply([](const auto &...r) { return (r.name.size() + ...); }, all);
}

int main() {
  std::cout << exercise_all(std::make_index_sequence<8>()) << ' ' << large_c() << std::endl;
}
"""
