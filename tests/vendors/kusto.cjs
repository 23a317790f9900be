// Microsoft's parser and binder for Kusto. Question: {query, tables: {table: {column: type}}}.
// Answer: {findings: [{line, column, severity, message}], columns: [[name, type]], or null where it has no result}.
"use strict";

const { installed, serve } = require("./lines.cjs");
installed("@kusto/language-service-next/bridge.min");
installed("@kusto/language-service-next/Kusto.Language.Bridge.min");

// The constructors that Bridge.NET numbered; the signatures stand in Kusto.Language.Bridge.d.ts.
const { DatabaseSymbol, TableSymbol, ColumnSymbol, FunctionSymbol, ScalarTypes } = globalThis.Kusto.Language.Symbols;
const { GlobalState, KustoCode } = globalThis.Kusto.Language;

function column(name, typeName) {
  const type = ScalarTypes.GetSymbol(typeName);
  if (type === null) throw new Error(`Kusto has no column type ${typeName} (column ${name})`);
  return new ColumnSymbol(name, type, null, null, null, null);
}

function table(name, columns) {
  return new TableSymbol.$ctor4(name, Object.entries(columns).map(([key, type]) => column(key, type)));
}

// What Sentinel adds to a workspace, beside Kusto's own functions.
// https://learn.microsoft.com/azure/sentinel/watchlists-queries
function sentinelFunctions() {
  const items = "datatable(_DTItemId: string, LastUpdatedTimeUTC: datetime, SearchKey: string, WatchlistItem: dynamic)[]";
  const aliases = "datatable(WatchlistAlias: string)[]";
  return [
    new FunctionSymbol.$ctor16("_GetWatchlist", "(watchlistAlias: string)", items, null),
    new FunctionSymbol.$ctor16("_GetWatchlistAlias", "()", aliases, null),
  ];
}

function globals(tables) {
  const members = Object.entries(tables).map(([name, columns]) => table(name, columns));
  return GlobalState.Default.WithDatabase(new DatabaseSymbol.ctor("workspace", [...members, ...sentinelFunctions()]));
}

function items(list) {
  return Array.from({ length: list.Count }, (_, index) => list.getItem(index));
}

function finding(code, diagnostic) {
  const line = { v: 0 };
  const offset = { v: 0 };
  code.TryGetLineAndOffset(diagnostic.Start, line, offset);
  const message = `${diagnostic.Code}: ${diagnostic.Message}`;
  return { line: line.v, column: offset.v, severity: diagnostic.Severity.toLowerCase(), message };
}

serve(({ query, tables }) => {
  const code = KustoCode.ParseAndAnalyze(query, globals(tables));
  const result = code.ResultType;
  return {
    findings: items(code.GetDiagnostics()).map((diagnostic) => finding(code, diagnostic)),
    columns: result && result.Columns ? items(result.Columns).map(({ Name, Type }) => [Name, Type.Name]) : null,
  };
});
