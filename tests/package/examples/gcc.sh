# SPDX-License-Identifier: MIT OR Apache-2.0
gcc app.c -I rsbmalloc/core/include rsbmalloc/build/librsbmalloc.a -o app
