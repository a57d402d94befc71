# SPDX-License-Identifier: MIT OR Apache-2.0
gcc app.c $(pkg-config --cflags --libs rsbmalloc) -o app
