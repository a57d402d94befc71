-- SPDX-License-Identifier: MIT OR Apache-2.0
-- Documents are made, written as JSON, read again and forgotten.
math.randomseed(...)
local random = math.random

local words = {"name", "id", "value", "items", "unit", "state", "mode", "limit", "owner", "time", "zone", "level"}

local function make(depth)
  local kind = random(depth > 0 and 7 or 4)
  if kind == 1 then return random(100000) end
  if kind == 2 then return random(2) == 1 end
  if kind <= 4 then
    local parts = {}
    for i = 1, random(6) do parts[i] = words[random(#words)] end
    return table.concat(parts, random(2) == 1 and " " or "\n\"")
  end
  local made = {}
  if kind == 5 then
    for i = 1, random(6) do made[i] = make(depth - 1) end
  else
    for _ = 1, random(8) do
      local key = words[random(#words)]
      made[random(3) == 1 and key .. random(50) or key] = make(depth - 1)
    end
  end
  return made
end

local escapes = {['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n"}

local function write(value, out)
  if type(value) == "string" then
    out[#out + 1] = '"' .. value:gsub('["\\\n]', escapes) .. '"'
  elseif type(value) ~= "table" then
    out[#out + 1] = tostring(value)
  elseif #value > 0 then
    out[#out + 1] = "["
    for i, item in ipairs(value) do
      if i > 1 then out[#out + 1] = "," end
      write(item, out)
    end
    out[#out + 1] = "]"
  else
    local keys = {}
    for key in pairs(value) do keys[#keys + 1] = key end
    table.sort(keys)
    out[#out + 1] = "{"
    for i, key in ipairs(keys) do
      out[#out + 1] = (i > 1 and ',"' or '"') .. key .. '":'
      write(value[key], out)
    end
    out[#out + 1] = "}"
  end
end

local function text_of(value)
  local out = {}
  write(value, out)
  return table.concat(out)
end

local function read(text, at)
  local first = text:sub(at, at)
  if first == "{" or first == "[" then
    local made, close = {}, first == "{" and "}" or "]"
    at = at + 1
    while text:sub(at, at) ~= close do
      local key = #made + 1
      if first == "{" then
        key, at = read(text, at)
        at = at + 1
      end
      made[key], at = read(text, at)
      if text:sub(at, at) == "," then at = at + 1 end
    end
    return made, at + 1
  end
  if first == '"' then
    local stop = at + 1
    while text:sub(stop, stop) ~= '"' do
      stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
    end
    return text:sub(at + 1, stop - 1):gsub("\\(.)", function(c) return c == "n" and "\n" or c end), stop + 1
  end
  local word = text:match("^[%w]+", at)
  if word == "true" or word == "false" then return word == "true", at + #word end
  return tonumber(word), at + #word
end

local kept, digest = {}, 0
for i = 1, 60 do
  local text = text_of(make(4))
  local value, stop = read(text, 1)
  assert(stop == #text + 1)
  local again = text_of(value)
  assert(again == text)
  digest = (digest * 31 + #text) % 1000003
  kept[random(10)] = {value = value, text = random(2) == 1 and text or nil}
end
return digest
