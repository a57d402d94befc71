gcc app.c $(pkg-config --cflags --libs rsbmalloc) -o app
