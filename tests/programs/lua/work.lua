-- SPDX-License-Identifier: MIT OR Apache-2.0
-- Work for Lua that allocates a great deal. Each part prints digests of what it made, so that a single
-- wrong byte shows.

local state = 20011

-- The same numbers on every machine (the constants are those of the C standard's example).
local function random_below(limit)
  state = (state * 1103515245 + 12345) & 0x7fffffff
  return (state >> 8) % limit
end

local function random_word(longest)
  local letters = {}
  for i = 1, 2 + random_below(longest) do letters[i] = string.char(97 + random_below(26)) end
  return table.concat(letters)
end

-- FNV-1a, 64 bits, over every 8 bytes at once.
local function digest(text)
  local hash = -3750763034362895579
  text = text .. string.rep("\0", -#text % 8)
  for i = 1, #text, 8 do hash = (hash ~ string.unpack("<i8", text, i)) * 1099511628211 end
  return string.format("%016x", hash)
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local parts = {}

-- Tables of tables; sorting; patterns; strings that grow.
function parts.words()
  local places, all = {}, {}
  for i = 1, 60000 do
    local word = random_word(6)
    places[word] = places[word] or {}
    table.insert(places[word], i)
    all[i] = word
  end
  local keys = sorted_keys(places)
  table.sort(keys, function(a, b)
    if #places[a] ~= #places[b] then return #places[a] > #places[b] end
    return a < b
  end)
  for i, key in ipairs(keys) do keys[i] = key .. ":" .. table.concat(places[key], ",") end
  print(#keys, digest(table.concat(keys, ";")))

  local text = table.concat(all, " ")
  local changed, count = text:gsub("(%w)(%w+)", function(first, rest)
    return #rest > 3 and rest:reverse() .. first:upper() or first:rep(3)
  end)
  print(count, #changed, digest(changed))

  local grown = ""
  for i = 1, 3000 do
    grown = grown .. all[i]:rep(random_below(12))
    if #grown > 40000 then grown = grown:sub(#grown // 2) end
  end
  print(#grown, digest(grown))
end

-- Nodes that point to each other both ways, in several generations of which the collector frees all
-- but one.
function parts.graph()
  for generation = 1, 4 do
    local nodes = {{name = "root", children = {}}}
    for i = 2, 30000 do
      local parent = nodes[1 + random_below(i - 1)]
      local node = {name = random_word(40), parent = parent, children = {}}
      table.insert(parent.children, node)
      nodes[i] = node
    end
    local names, deepest = {}, 0
    local function visit(node, depth)
      names[#names + 1] = node.name
      deepest = math.max(deepest, depth)
      for _, child in ipairs(node.children) do visit(child, depth + 1) end
    end
    visit(nodes[1], 1)
    print(generation, #names, deepest, digest(table.concat(names)))
  end
end

-- Coroutines, thousands of them alive at once, each with a stack of its own.
function parts.coroutines()
  local waiting, sum = {}, 0
  for i = 1, 5000 do
    local word = random_word(100)
    waiting[i] = coroutine.wrap(function(text)
      local function deep(n)
        if n == 0 then text = coroutine.yield(digest(text .. word)) return #text end
        return deep(n - 1) + 1
      end
      while true do
        local result = deep(1 + i % 50)
        sum = sum + result
      end
    end)
    waiting[i](word)
  end
  local text = "start"
  for _ = 1, 20000 do text = waiting[1 + random_below(#waiting)](text) end
  print(sum, text)
end

-- Weak tables, finalizers, closures that outlive what made them, errors that unwind.
function parts.collection()
  local finalized, weak, kept = 0, setmetatable({}, {__mode = "k"}), {}
  for i = 1, 50000 do
    local object = setmetatable({}, {__gc = function() finalized = finalized + 1 end})
    weak[object] = random_word(20)
    if i % 10 == 0 then kept[#kept + 1] = function() return weak[object] end end
  end
  collectgarbage()
  collectgarbage()
  local words = {}
  for i, get in ipairs(kept) do words[i] = get() end
  print(finalized, #words, digest(table.concat(words)))

  local failures = 0
  for i = 1, 5000 do
    local good, message = pcall(function() error({text = random_word(30), at = i}) end)
    if not good and message.at == i then failures = failures + #message.text end
  end
  print(failures)
end

-- Buffers of many megabytes, a file, and programs made and compiled at run time.
function parts.large()
  local block = random_word(1000)
  local large = block:rep(16 * 1024 * 1024 // #block)
  print(#large, digest(large:sub(1, 100000)), select(2, large:gsub("a", "")))
  large = nil

  local file <close> = assert(io.tmpfile())
  for i = 1, 50000 do file:write(i, " ", random_word(10), "\n") end
  file:seek("set")
  local lines = {}
  for line in file:lines() do lines[#lines + 1] = line end
  print(#lines, digest(table.concat(lines, "\n")))

  local sum = 0
  for i = 1, 3000 do
    local chunk = assert(load("local a, b = ... return a * " .. i .. " + b, '" .. random_word(50) .. "'"))
    local number, word = load(string.dump(chunk), nil, "b")(i, 7)
    sum = sum + number * #word
  end
  print(sum)
end

for _, name in ipairs(sorted_keys(parts)) do
  print(name)
  parts[name]()
  collectgarbage()
end
