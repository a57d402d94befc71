// SPDX-License-Identifier: MIT OR Apache-2.0
function (seed) {
  // Tasks with closures, texts and tables wait in a queue; results are kept as JSON.
  var state = seed * 2654435 + 1;
  function random(most) {
    state = (state * 1103515 + 12345) % 2147483647;
    return Math.floor(state / 7) % most;
  }

  var words = ['pump', 'valve', 'fan', 'heater', 'relay', 'lamp', 'door', 'meter'];

  function Task(number) {
    this.name = words[random(words.length)] + number;
    this.steps = [];
    for (var i = 1 + random(6); i > 0; i--) {
      this.steps.push({ kind: words[random(words.length)], wait: random(50), level: random(1000) });
    }
    var weight = this.steps.length;
    this.finish = function (total) { return total * weight + this.name.length; };
  }
  Task.prototype.step = function () {
    var step = this.steps.shift();
    this.total = (this.total || 0) + step.wait * step.level;
    return this.steps.length === 0;
  };

  var queue = [], results = {}, digest = 0;
  for (var number = 1; number <= 160; number++) {
    for (var more = random(4); more > 0 && queue.length < 40; more--) queue.push(new Task(number));
    if (queue.length === 0) continue;
    var at = random(queue.length), task = queue[at];
    if (!task.step()) continue;
    queue.splice(at, 1);
    var value = task.finish(task.total);
    digest = (digest * 31 + value) % 1000003;
    results[task.name] = JSON.stringify({ name: task.name, value: value, left: queue.map(function (t) { return t.name; }) });
    var names = Object.keys(results).sort();
    if (names.length > 12) {
      var gone = names[random(names.length)];
      digest = (digest * 31 + JSON.parse(results[gone]).left.length) % 1000003;
      delete results[gone];
    }
  }
  return digest;
}
