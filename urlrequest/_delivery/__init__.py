"""Events of requests on their way to the dispatch thread."""
