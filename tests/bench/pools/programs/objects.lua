-- SPDX-License-Identifier: MIT OR Apache-2.0
-- A workshop is simulated: objects with methods, queues, closures that listen, strings as keys.
math.randomseed(...)
local random = math.random

local Machine = {}
Machine.__index = Machine

function Machine.new(name, speed)
  return setmetatable({name = name, speed = speed, queue = {}, done = 0, log = {}}, Machine)
end

function Machine:step()
  local left = self.speed
  while left > 0 and #self.queue > 0 do
    local order = self.queue[1]
    order.left = order.left - 1
    left = left - 1
    if order.left == 0 then
      table.remove(self.queue, 1)
      self.done = self.done + order.size
      self.log[#self.log + 1] = self.name .. ":" .. order.name
      if #self.log > 12 then table.remove(self.log, 1) end
      for _, listener in ipairs(order.listeners) do listener(self, order) end
    end
  end
end

local Order = {}
Order.__index = Order

function Order.new(number)
  local self = setmetatable({name = "order-" .. number, size = random(9), listeners = {}, parts = {}}, Order)
  self.left = self.size
  for i = 1, random(8) do
    self.parts[i] = {kind = "part" .. random(40), at = {x = random(100), y = random(100)}}
  end
  return self
end

local machines, stock, digest, live = {}, {}, 0, 0
for i = 1, 6 do machines[i] = Machine.new("machine" .. i, random(4)) end

for number = 1, 900 do
  -- More come while there are few, so that what lives wobbles.
  if live < 45 + 15 * math.sin(number / 60) then
    local order = Order.new(number)
    live = live + 1
    local weight = #order.parts
    order.listeners[1] = function(machine)
      live = live - 1
      digest = (digest * 31 + machine.done + weight) % 1000003
    end
    if random(3) == 1 then
      order.listeners[2] = function(machine, done)
        for _, part in ipairs(done.parts) do
          local key = part.kind .. "/" .. machine.name
          stock[key] = (stock[key] or 0) + 1
        end
      end
    end
    table.insert(machines[random(#machines)].queue, order)
  end
  machines[random(#machines)]:step()
  if number % 100 == 0 then
    local keys = {}
    for key in pairs(stock) do keys[#keys + 1] = key end
    table.sort(keys)
    for i, key in ipairs(keys) do
      digest = (digest * 31 + stock[key]) % 1000003
      if i % 3 ~= 0 then stock[key] = nil end
    end
  end
end
return digest
