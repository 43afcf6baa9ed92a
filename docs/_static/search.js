// How the search ranks what it finds: as Sphinx does, but the pages for maintainers come last.
var Scorer = {
  score: function ([docname, title, anchor, descr, score]) {
    return docname.startsWith("development/") || docname === "changelog" ? score - 100 : score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
