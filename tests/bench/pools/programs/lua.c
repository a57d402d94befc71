// SPDX-License-Identifier: MIT OR Apache-2.0
// Lua runs a script, with the libraries that need no system.
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <string.h>

#include "program.h"
#include "script.h"

static void* allocate(void* unused, void* block, size_t old_bytes, size_t bytes) {
  (void)unused;
  (void)old_bytes;
  return program_reallocate(block, bytes);
}

static int open_and_run(lua_State* lua) {
  static const luaL_Reg libraries[] = {{LUA_GNAME, luaopen_base},
                                       {LUA_TABLIBNAME, luaopen_table},
                                       {LUA_STRLIBNAME, luaopen_string},
                                       {LUA_MATHLIBNAME, luaopen_math}};
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
    luaL_requiref(lua, libraries[i].name, libraries[i].func, 1);
    lua_pop(lua, 1);
  }
  if (luaL_loadbuffer(lua, script, (size_t)(script_end - script), "script") != LUA_OK)
    return lua_error(lua);
  lua_pushvalue(lua, 1);
  lua_call(lua, 1, 1);
  return 1;
}

enum outcome program_run(uint32_t seed, uint32_t* digest) {
  lua_State* const lua = lua_newstate(allocate, NULL);
  if (lua == NULL) return OUT_OF_MEMORY;
  lua_pushcfunction(lua, open_and_run);
  lua_pushinteger(lua, (lua_Integer)seed);
  enum outcome outcome = DONE;
  const int status = lua_pcall(lua, 1, 1, 0);
  if (status == LUA_OK) {
    *digest = (uint32_t)lua_tointeger(lua, -1);
  } else {
    const char* const message = lua_tostring(lua, -1);
    const int is_memory = message != NULL && strstr(message, "not enough memory") != NULL;
    outcome = status == LUA_ERRMEM || is_memory ? OUT_OF_MEMORY : WRONG;
    if (outcome == WRONG) lua_writestringerror("%s\n", message);
  }
  lua_close(lua);
  return outcome;
}
