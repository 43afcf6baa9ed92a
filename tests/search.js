// Prints what the search of built pages finds: a JSON object with the pages for each word, the best first.
// It runs the scripts of the built pages themselves, with the little of a browser that they ask for.
//
//     node tests/search.js FOLDER WORD...
const { readFileSync } = require("fs");
const { runInThisContext } = require("vm");
const [folder, ...words] = process.argv.slice(2);

globalThis.window = globalThis;
globalThis.document = {
  readyState: "loading", // nothing starts by itself
  addEventListener: () => {},
  documentElement: { dataset: {} },
  getElementById: () => null,
};
globalThis.DOCUMENTATION_OPTIONS = {};
globalThis.SPHINX_HIGHLIGHT_ENABLED = false;
for (const name of ["_static/doctools.js", "_static/language_data.js", "_static/searchtools.js", "searchindex.js"])
  runInThisContext(readFileSync(`${folder}/${name}`, "utf8"), name);

runInThisContext(`
  globalThis.find = (word) => {
    const results = Search._performSearch(...Search._parseQuery(word));
    return results.reverse().map(([page]) => page);
  }`);
console.log(JSON.stringify(Object.fromEntries(words.map((word) => [word, find(word)]))));
