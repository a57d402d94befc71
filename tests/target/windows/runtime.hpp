// What a program without a C runtime brings along.
#pragma once

#include <stddef.h>
#include <stdint.h>

[[noreturn]] void exit_with(unsigned status);
void print(const char* text);  // on standard error

#define TEXT_OF(x) #x
#define LINE_AS_TEXT(x) TEXT_OF(x)
#define REQUIRE(condition)                                                           \
  do {                                                                               \
    if (!(condition)) {                                                              \
      print(__FILE__ ":" LINE_AS_TEXT(__LINE__) ": " #condition " does not hold\n"); \
      exit_with(1);                                                                  \
    }                                                                                \
  } while (false)
