"""First-stage retrieval: BM25, dense, and their fusion, behind one interface."""
