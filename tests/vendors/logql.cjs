// Grafana's parser for LogQL. Question: {query}. Answer: the spans [from, to] that the grammar cannot read.
"use strict";

const { installed, serve } = require("./lines.cjs");
const { parser } = installed("@grafana/lezer-logql");

serve(({ query }) => {
  const spans = [];
  parser.parse(query).iterate({
    enter({ type, from, to }) {
      if (type.isError) spans.push([from, to]);
    },
  });
  return spans;
});
