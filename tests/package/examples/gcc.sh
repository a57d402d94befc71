gcc app.c -I rsbmalloc/core/include rsbmalloc/build/librsbmalloc.a -o app
