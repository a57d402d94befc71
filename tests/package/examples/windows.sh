# SPDX-License-Identifier: MIT OR Apache-2.0
cmake -S rsbmalloc -B build -DCMAKE_TOOLCHAIN_FILE=toolchains/x86_64-windows.cmake && cmake --build build
x86_64-w64-mingw32-gcc app.c -I rsbmalloc/core/include build/librsbmalloc.a -o app.exe
rsbmalloc/toolchains/wine app.exe
