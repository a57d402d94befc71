// SPDX-License-Identifier: MIT OR Apache-2.0
// expat reads documents piece by piece; handlers make trees of them, of which some are kept.
#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "program.h"

enum { KEPT = 5, DOCUMENTS = 40, LENGTH = 12 * 1024, PIECE = 512 };

// ---- The text ----

static char text[LENGTH];
static size_t length;

static void put(const char* more) {
  const size_t bytes = strlen(more);
  memcpy(text + length, more, bytes);
  length += bytes;
}

static void put_element(uint32_t depth) {
  static const char* const names[] = {"device", "sensor", "channel", "range", "label", "entry"};
  char part[64];
  const char* const name = names[random_below(sizeof names / sizeof *names)];
  put("<");
  put(name);
  for (uint32_t count = random_below(4); count != 0; count--) {
    snprintf(part, sizeof part, " a%lu=\"%lu%s\"", (unsigned long)(count * 7 + random_below(7)),
             (unsigned long)random_below(100000), random_below(4) == 0 ? "&lt;volt&gt;" : "");
    put(part);
  }
  put(">");
  for (uint32_t count = random_below(depth > 0 ? 6 : 2); count != 0 && length < LENGTH / 2;
       count--) {
    if (depth > 0) put_element(depth - 1);
    for (uint32_t i = random_below(12); i != 0; i--) {
      snprintf(part, sizeof part, "text %lu &amp; ", (unsigned long)random_below(1000));
      put(part);
    }
  }
  put("</");
  put(name);
  put(">\n");
}

// ---- The tree ----

struct node {
  struct node *parent, *first, *last, *next;
  char* name;
  char** attributes;  // names and values, ended by null
  char* content;
  size_t content_bytes;
};

struct reader {
  struct node* root;
  struct node* at;
};

static char* copy(const char* from) {
  const size_t bytes = strlen(from) + 1;
  return memcpy(demand(bytes), from, bytes);
}

static void XMLCALL start(void* user, const XML_Char* name, const XML_Char** attributes) {
  struct reader* const reader = user;
  struct node* const node = demand_zeroed(1, sizeof *node);
  node->name = copy(name);
  size_t count = 0;
  while (attributes[count] != NULL) count++;
  if (count != 0) {
    node->attributes = demand_zeroed(count + 1, sizeof *node->attributes);
    for (size_t i = 0; i < count; i++) node->attributes[i] = copy(attributes[i]);
  }
  node->parent = reader->at;
  if (node->parent == NULL) {
    reader->root = node;
  } else if (node->parent->last == NULL) {
    node->parent->first = node->parent->last = node;
  } else {
    node->parent->last->next = node;
    node->parent->last = node;
  }
  reader->at = node;
}

static void XMLCALL end(void* user, const XML_Char* name) {
  struct reader* const reader = user;
  (void)name;
  reader->at = reader->at->parent;
}

static void XMLCALL characters(void* user, const XML_Char* from, int count) {
  struct node* const node = ((struct reader*)user)->at;
  if (node == NULL) return;
  node->content = demand_again(node->content, node->content_bytes + (size_t)count);
  memcpy(node->content + node->content_bytes, from, (size_t)count);
  node->content_bytes += (size_t)count;
}

static void forget(struct node* node) {
  while (node != NULL) {
    struct node* const next = node->next;
    forget(node->first);
    for (char** at = node->attributes; at != NULL && *at != NULL; at++) give_back(*at);
    give_back(node->attributes);
    give_back(node->content);
    give_back(node->name);
    give_back(node);
    node = next;
  }
}

static uint32_t digest_of_tree(uint32_t digest, const struct node* node) {
  for (; node != NULL; node = node->next) {
    digest = digest_of(digest, node->name, strlen(node->name));
    digest = digest_of(digest, node->content, node->content_bytes);
    digest = digest_of_tree(digest, node->first);
  }
  return digest;
}

enum outcome program_run(uint32_t seed, uint32_t* digest) {
  const XML_Memory_Handling_Suite memory = {demand, demand_again, give_back};
  random_begin(seed);
  struct node* kept[KEPT] = {NULL};
  for (int i = 0; i < DOCUMENTS; i++) {
    length = 0;
    put("<?xml version=\"1.0\"?>\n<!DOCTYPE all [<!ENTITY amount \"ten\">]>\n<all>");
    for (uint32_t count = 3 + random_below(8); count != 0 && length < LENGTH / 2; count--)
      put_element(3);
    put("</all>\n");

    struct node** const at = &kept[random_below(KEPT)];
    forget(*at);
    struct reader reader = {NULL, NULL};
    const XML_Parser parser = XML_ParserCreate_MM(NULL, &memory, NULL);
    XML_SetHashSalt(parser, 1);
    XML_SetUserData(parser, &reader);
    XML_SetElementHandler(parser, start, end);
    XML_SetCharacterDataHandler(parser, characters);
    for (size_t done = 0; done < length;) {
      const size_t bytes = length - done < PIECE ? length - done : PIECE;
      if (XML_Parse(parser, text + done, (int)bytes, done + bytes == length) != XML_STATUS_OK)
        return WRONG;
      done += bytes;
    }
    XML_ParserFree(parser);
    *at = reader.root;
    *digest = digest_of_tree(*digest, *at);
  }
  for (int i = 0; i < KEPT; i++) forget(kept[i]);
  return DONE;
}
