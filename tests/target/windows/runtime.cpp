// SPDX-License-Identifier: MIT OR Apache-2.0
#include "../nostdlib/runtime.hpp"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

int run();

void exit_with(int status) {
  for (;;) ExitProcess(static_cast<unsigned>(status));
}

void print(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') length++;
  DWORD written;
  WriteFile(GetStdHandle(STD_ERROR_HANDLE), text, static_cast<DWORD>(length), &written, nullptr);
}

extern "C" void start() {
  exit_with(run());
}
