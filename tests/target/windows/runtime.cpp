#include "runtime.hpp"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

int run();

void exit_with(unsigned status) {
  for (;;) ExitProcess(status);
}

void print(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') length++;
  DWORD written;
  WriteFile(GetStdHandle(STD_ERROR_HANDLE), text, static_cast<DWORD>(length), &written, nullptr);
}

extern "C" {

void start() {
  exit_with(static_cast<unsigned>(run()));
}

void* memcpy(void* __restrict to, const void* __restrict from, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
  }
  return to;
}

void* memmove(void* to, const void* from, size_t bytes) {
  if (static_cast<char*>(to) < static_cast<const char*>(from)) return memcpy(to, from, bytes);
  while (bytes-- != 0) static_cast<char*>(to)[bytes] = static_cast<const char*>(from)[bytes];
  return to;
}

void* memset(void* to, int value, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) static_cast<char*>(to)[i] = static_cast<char>(value);
  return to;
}

}  // extern "C"
