// Loads what npm installed in the folder given as the first argument, and answers lines of JSON.
"use strict";

const { createRequire } = require("node:module");
const path = require("node:path");
const readline = require("node:readline");

exports.installed = createRequire(path.join(path.resolve(process.argv[2]), "index.js"));

// One line of JSON in, one line of JSON out: what `reply` returns, or the message of what it throws.
exports.serve = function (reply) {
  const input = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
  input.on("line", (line) => {
    let result;
    try {
      result = { answer: reply(JSON.parse(line)) };
    } catch (error) {
      result = { refused: String((error && error.stack) || error) };
    }
    process.stdout.write(JSON.stringify(result) + "\n");
  });
};
