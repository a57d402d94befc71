// SPDX-License-Identifier: MIT OR Apache-2.0
// cJSON: some documents are kept; one is replaced by another, made node by node or read from text,
// or printed, or gains and loses items.
#include <cJSON.h>
#include <stdio.h>
#include <string.h>

#include "program.h"

enum { KEPT = 12, ROUNDS = 250 };

static const char* const words[] = {"name", "id",   "value",    "items",  "unit",
                                    "on",   "mode", "setpoint", "limits", "description"};

static void word(char* to, size_t bytes) {
  const uint32_t which = random_below(sizeof words / sizeof *words);
  if (random_below(3) == 0) {
    snprintf(to, bytes, "%s", words[which]);
  } else {
    snprintf(to, bytes, "%s-%lu", words[which], (unsigned long)random_below(1000));
  }
}

static void sentence(char* to, size_t bytes) {
  size_t length = 0;
  for (uint32_t count = 1 + random_below(6); count != 0; count--) {
    word(to + length, bytes - length - 1);
    length += strlen(to + length);
    if (count > 1) to[length++] = ' ';
  }
  to[length] = '\0';
}

static cJSON* make(uint32_t depth) {
  const uint32_t kind = random_below(depth > 0 ? 7 : 4);
  char text[160];
  if (kind == 0) return cJSON_CreateBool((int)random_below(2));
  if (kind == 1) return cJSON_CreateNumber(random_below(100000));
  if (kind <= 3) {
    sentence(text, sizeof text);
    return cJSON_CreateString(text);
  }
  cJSON* const whole = kind == 4 ? cJSON_CreateArray() : cJSON_CreateObject();
  for (uint32_t count = random_below(9); count != 0; count--) {
    word(text, sizeof text);
    cJSON* const item = make(depth - 1);
    if (kind == 4) {
      cJSON_AddItemToArray(whole, item);
    } else {
      cJSON_AddItemToObject(whole, text, item);
    }
  }
  return whole;
}

static cJSON* document(void) {
  cJSON* const whole = cJSON_CreateObject();
  for (uint32_t count = 2 + random_below(5); count != 0; count--) {
    char key[40];
    word(key, sizeof key);
    cJSON_AddItemToObject(whole, key, make(3));
  }
  return whole;
}

enum outcome program_run(uint32_t seed, uint32_t* digest) {
  cJSON_Hooks hooks = {demand, give_back};
  cJSON_InitHooks(&hooks);
  random_begin(seed);
  cJSON* kept[KEPT] = {NULL};
  for (int round = 0; round < ROUNDS; round++) {
    cJSON** const at = &kept[random_below(KEPT)];
    if (*at != NULL && random_below(3) == 0) {
      char* const text = cJSON_PrintUnformatted(*at);
      *digest = digest_of(*digest, text, strlen(text));
      cJSON_Delete(*at);
      *at = cJSON_Parse(text);
      if (*at == NULL) return WRONG;
      give_back(text);
    } else if (*at != NULL && random_below(2) == 0) {
      if (cJSON_GetArraySize(*at) > 1) cJSON_DeleteItemFromArray(*at, 0);
      char key[40];
      word(key, sizeof key);
      cJSON_AddItemToObject(*at, key, make(2));
    } else {
      cJSON_Delete(*at);
      *at = document();
    }
  }
  for (int i = 0; i < KEPT; i++) cJSON_Delete(kept[i]);
  return DONE;
}
